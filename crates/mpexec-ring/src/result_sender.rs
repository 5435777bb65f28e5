//! The worker's end of the result ring: single records, groups of many results, and the progress cell.
//!
//! Results of many small tasks share one record, a *group*, which grows while the tasks run. Each
//! task's bytes count as soon as they are appended (`complete`), long before the group is
//! published; so a worker that dies takes nothing with it that was finished.

use crate::cells::{PageCells, ResultCells, TaskCells};
use crate::group::Group;
use crate::memory::{OwnMemory, TrustedMemory};
use crate::record::{ALIGN, CONTINUED, Capacity, HEADER, Header, padded};
use crate::writer::{OpenRecord, Place, Spot, Writer};

/// The worker's end of the result ring.
///
/// ```
/// use mpexec_ring::{PoolPage, Upto, in_process};
/// # fn main() -> std::io::Result<()> {
/// let page = PoolPage::create()?;
/// let (tasks, mut receiver, _, mut results) = in_process(1 << 16, &page)?;
/// results.begin_group(2, 7);
/// for task in 0..3u8 {
///     results.begin(u64::from(task));
///     results.append_space(1, 1).expect("an empty ring has room")[0] = task;
///     results.append(1);
///     results.end(u64::from(task) + 1);
/// }
/// // Nothing is published, and yet nothing would be lost if the worker died now.
/// let mut out = Vec::new();
/// let taken = receiver.take(Upto::Complete, &mut out).expect("nothing is corrupt").expect("three results");
/// assert_eq!((taken.kind, taken.tag, &out[..]), (2, 7, &[0, 1, 2][..]));
///
/// results.end_group();
/// let bell = results.publish(); // true if the coordinator sleeps
/// assert!(!bell && receiver.take(Upto::Published, &mut out) == Ok(None));
/// receiver.release(&tasks);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ResultSender {
    memory: OwnMemory<ResultCells>,
    tasks: TrustedMemory<TaskCells>,
    page: TrustedMemory<PageCells>,
    writer: Writer,
    tail: u64,
    published: u64,
    granted: Option<Place>,
    /// Bytes that are granted behind the open record, without a search; 0: none. While there are some, `granted` is empty.
    behind: u64,
    group: Option<Group>,
}

impl ResultSender {
    pub(crate) fn new(
        memory: OwnMemory<ResultCells>,
        tasks: TrustedMemory<TaskCells>,
        page: TrustedMemory<PageCells>,
        capacity: Capacity,
    ) -> Self {
        memory.cells().end(0);
        ResultSender {
            memory,
            tasks,
            page,
            writer: Writer::new(capacity),
            tail: 0,
            published: 0,
            granted: None,
            behind: 0,
            group: None,
        }
    }

    /// The longest payload (or single append) in bytes, a quarter of the ring. What is longer
    /// travels in a [`crate::Parcel`].
    pub fn max_record(&self) -> usize {
        self.writer.capacity().max_record()
    }

    /// Space for the payload of a single record: contiguous, 16-aligned, `min` to `want` bytes (at
    /// most [`Self::max_record`]).
    ///
    /// `None`: no room before the coordinator takes something out ([`crate::worker_wait`] with
    /// [`crate::Reason::Space`]), or `min` is above [`Self::max_record`].
    ///
    /// # Panics
    ///
    /// If a group is open.
    pub fn grant(&mut self, min: usize, want: usize) -> Option<&mut [u8]> {
        assert!(self.group.is_none(), "end the group before a record of its own");
        if self.find(None, min, want) { Some(self.reserved()) } else { None }
    }

    /// Makes the first `len` bytes of the grant a record. It is complete at once, and visible after
    /// the next [`Self::publish`].
    ///
    /// # Panics
    ///
    /// If nothing is granted, if `len` is more than was granted, if a group is open, or if `kind` is not in `1..1 << 31`.
    pub fn commit(&mut self, len: usize, kind: u32, tag: u64) {
        assert!(self.group.is_none(), "the results of a group are appended");
        assert!((1..CONTINUED).contains(&kind), "kinds are 1 to 2^31 - 1, not {kind}");
        let place = self.granted(len);
        let record = self.start_record(&place, len, Header { len: len as u32, kind, tag });
        self.close(record);
    }

    /// Begins a group: results that follow with [`Self::append`] share one record of this kind and tag.
    ///
    /// It takes no room before the first result. If the ring's end or window comes in between, or a [`Self::publish`], the group
    /// goes on in a further record, which the coordinator sees as [`crate::Taken::continued`]; an append is never split.
    ///
    /// # Panics
    ///
    /// If a group is open already, or if `kind` is not in `1..1 << 31`.
    pub fn begin_group(&mut self, kind: u32, tag: u64) {
        assert!(self.group.is_none(), "end the group before the next");
        assert!((1..CONTINUED).contains(&kind), "kinds are 1 to 2^31 - 1, not {kind}");
        self.drop_grant();
        self.group = Some(Group { kind, tag, open: None, limit: 0, continued: false });
    }

    /// Space for the next result of the group: contiguous, `min` to `want` bytes, not aligned unless it is the first of its record.
    ///
    /// `None` as for [`Self::grant`]; the group stays open.
    ///
    /// # Panics
    ///
    /// If no group is open.
    #[inline]
    pub fn append_space(&mut self, min: usize, want: usize) -> Option<&mut [u8]> {
        if self.reserve(min, want) { Some(self.reserved()) } else { None }
    }

    /// Looks for the space that [`Self::append_space`] gives, which is then had from [`Self::reserved`]: for who waits for some.
    ///
    /// ```
    /// # use mpexec_ring::{PoolPage, in_process};
    /// # fn main() -> std::io::Result<()> {
    /// # let (_tasks, _receiver, _, mut results) = in_process(1 << 16, &PoolPage::create()?)?;
    /// results.begin_group(2, 7);
    /// assert!(results.reserve(1, 8) && results.reserved().len() == 8);
    /// results.append(1);
    /// assert!(results.reserved().is_empty(), "each is had once");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If no group is open.
    #[inline]
    pub fn reserve(&mut self, min: usize, want: usize) -> bool {
        if min <= want && self.reserve_behind(want) {
            return true;
        }
        let group = self.group.as_ref().expect("space is asked for after begin_group");
        self.find(group.open, min, want)
    }

    /// As [`Self::reserve`] for `room` bytes, but only where nothing has to be searched for: behind a result of the same group, and
    /// never for 0 bytes. `false` leaves what was reserved before as it was. Asked for each task, so it is to become a part of its caller.
    #[inline(always)]
    pub fn reserve_behind(&mut self, room: usize) -> bool {
        let fits = |group: &Group| group.open.is_some_and(|open| padded(open.end() + room as u64) <= group.limit);
        let there = (1..=self.max_record()).contains(&room) && self.group.as_ref().is_some_and(fits);
        if there {
            self.granted = None;
            self.behind = room as u64;
        }
        there
    }

    /// The space that was found last, and is not used yet.
    #[inline]
    pub fn reserved(&mut self) -> &mut [u8] {
        let (at, room) = match (&self.group, &self.granted) {
            (Some(Group { open: Some(record), .. }), _) if self.behind > 0 => (record.end(), self.behind),
            (_, Some(place)) => (place.at, place.room),
            (_, None) => return &mut [],
        };
        self.memory.bytes_mut(self.writer.capacity().offset(at), room as usize)
    }

    /// The first `len` bytes of the space are a result: from here on it survives this process.
    ///
    /// # Panics
    ///
    /// If there was no [`Self::append_space`] before it, or if `len` is more than that gave.
    #[inline]
    pub fn append(&mut self, len: usize) {
        let granted_behind = self.behind > 0 && len as u64 <= self.behind;
        let end = match self.group.as_mut().filter(|_| granted_behind).and_then(|group| group.grow(len)) {
            Some((record, header)) => {
                self.memory.store_length(self.writer.capacity().offset(record.start), header);
                self.behind = 0;
                record.end()
            }
            None => self.append_found(len),
        };
        self.memory.cells().complete_to(end);
    }

    /// Ends the group; it is visible after the next [`Self::publish`]. A group without results leaves no trace.
    ///
    /// # Panics
    ///
    /// If no group is open.
    pub fn end_group(&mut self) {
        let group = self.group.take().expect("end_group follows begin_group");
        self.drop_grant();
        if let Some(record) = group.open {
            self.close(record);
        }
    }

    /// Makes everything so far visible. True: the coordinator says that it sleeps, so ring its bell.
    ///
    /// An open group is cut here: what it holds is shown as a record of its own, and the group goes on in a further one. So a
    /// worker whose results fill the ring can publish and wait for room in the middle of a group.
    ///
    /// Nothing new since the last call: false, and no fence is paid for.
    pub fn publish(&mut self) -> bool {
        self.drop_grant();
        if let Some(group) = &mut self.group
            && let Some(record) = group.open.take()
        {
            group.continued = true;
            self.close(record);
        }
        let head = self.writer.head();
        if head == self.published {
            return false;
        }
        self.published = head;
        self.memory.cells().publish(head, self.page.cells())
    }

    /// Whether the coordinator sleeps and need not hear of every result ([`PoolPage::sleep_deep`](crate::PoolPage::sleep_deep)).
    #[inline]
    pub fn coordinator_sleeps_deep(&self) -> bool {
        self.page.cells().sleeps_deep()
    }

    /// The task `ordinal` is about to start. The look at [`crate::TaskSignals::is_withdrawn`] comes
    /// after this, and is ordered after it.
    #[inline]
    pub fn begin(&self, ordinal: u64) {
        self.memory.cells().begin(ordinal);
    }

    /// `done` ordinals are passed (finished or skipped), and none is running.
    #[inline]
    pub fn end(&self, done: u64) {
        self.memory.cells().end(done);
    }

    /// Says whether this worker sleeps. [`crate::worker_wait`] does it by itself.
    pub fn set_sleeping(&self, sleeping: bool) {
        if sleeping {
            self.memory.cells().fall_asleep();
        } else {
            self.memory.cells().wake_up();
        }
    }

    /// Says on which CPU this worker runs. [`crate::worker_wait`] does it by itself.
    pub fn set_cpu(&self, cpu: u32) {
        self.memory.cells().set_cpu(cpu);
    }

    /// The CPU the coordinator last ran on, `u32::MAX` if it never said.
    pub fn coordinator_cpu(&self) -> u32 {
        self.page.cells().cpu()
    }

    /// Whether the coordinator has handed back space since the last time there was not enough.
    pub fn has_space_news(&self) -> bool {
        self.tasks.cells().result_tail() != self.tail
    }

    pub(crate) fn cells(&self) -> &ResultCells {
        self.memory.cells()
    }

    /// The task segment's cells, where the worker sleeps.
    pub(crate) fn task_cells(&self) -> &TaskCells {
        self.tasks.cells()
    }

    /// Finds a place and keeps it in `granted`. `false`: there is none now.
    #[inline]
    fn find(&mut self, open: Option<OpenRecord>, min: usize, want: usize) -> bool {
        self.drop_grant();
        let most = self.max_record();
        if min > most {
            return false;
        }
        let (min, want) = (min as u64, want.clamp(min, most) as u64);
        self.granted = match self.writer.place_inside(open, self.tail, want) {
            Some(place) => Some(place),
            None => self.place_anew(open, min, want),
        };
        self.granted.is_some()
    }

    /// A place by the newest word of how far the coordinator is.
    #[cold]
    fn place_anew(&mut self, open: Option<OpenRecord>, min: u64, want: u64) -> Option<Place> {
        let start = open.map_or(self.writer.head(), |record| record.start);
        let tail = self.tasks.cells().result_tail();
        // A coordinator that says nonsense gets no memory of ours overwritten: its word is taken
        // only if it could be true.
        if tail.is_multiple_of(ALIGN) && (self.tail..=start).contains(&tail) {
            self.tail = tail;
        }
        self.writer.place(open, self.tail, min, want)
    }

    /// The place that the last grant found, for `len` bytes of it.
    #[inline]
    fn granted(&mut self, len: usize) -> Place {
        let place = self.granted.take().expect("written bytes follow their space");
        assert!(len as u64 <= place.room, "{len} bytes of a grant of {}", place.room);
        place
    }

    /// What was granted is not used.
    fn drop_grant(&mut self) {
        (self.granted, self.behind) = (None, 0);
    }

    /// A result in the place that a search has found; the next ones then know how far they may go. Where the record ends.
    #[cold]
    fn append_found(&mut self, len: usize) -> u64 {
        assert!(self.behind == 0, "{len} bytes of a grant of {}", self.behind);
        let place = self.granted(len);
        let mut group = self.group.take().expect("append follows begin_group");
        let behind = if place.spot == Spot::Behind { group.grow(len) } else { None };
        let record = if let Some((record, header)) = behind {
            self.memory.store_length(self.writer.capacity().offset(record.start), header);
            if place.widens {
                self.writer.widen_to(&place, padded(record.end()));
            }
            record
        } else {
            // The first result of a group, or the first that does not fit behind the others.
            if let Some(record) = group.open {
                group.continued = true;
                self.writer.advance(padded(record.end()));
            }
            self.start_record(&place, len, group.header(len as u64))
        };
        (group.open, group.limit) = (Some(record), self.writer.limit(record.start, self.tail));
        self.group = Some(group);
        record.end()
    }

    /// Writes the header of a record of `len` bytes, and the pad before it if it jumps.
    fn start_record(&mut self, place: &Place, len: usize, header: Header) -> OpenRecord {
        let capacity = self.writer.capacity();
        let record = OpenRecord { start: place.at - HEADER, len: len as u64 };
        if place.spot == Spot::NextLap && self.writer.head() != record.start {
            self.memory.store_header(capacity.offset(self.writer.head()), Header::PAD);
        }
        self.writer.advance(record.start);
        self.memory.store_header(capacity.offset(record.start), header);
        if place.widens {
            self.writer.widen_to(place, padded(record.end()));
        }
        record
    }

    /// The record is as long as it will be.
    fn close(&mut self, record: OpenRecord) {
        let end = padded(record.end());
        self.writer.advance(end);
        self.memory.cells().complete_to(end);
    }
}
