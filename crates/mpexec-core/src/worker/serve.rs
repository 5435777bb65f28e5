//! The worker's loop: take a batch, run its tasks in order, put each result into the outbox.
//!
//! A library function over an inbox and an outbox; [`super::start`] only connects it, and tests run it in one process.
//!
//! Before a task starts, its ordinal is stored as running and then the coordinator's marks are read: what it has taken
//! back is not started. The coordinator writes the marks and then reads what is running. So for each task one side sees
//! the other, and no task runs twice or never.

use std::rc::Rc;
use std::time::Instant;

use mpexec_wire::{
    BATCH_CALLS, BATCH_HEADER, BATCH_ONCE, BATCH_TIMED, BatchHeader, ENTRY_HEADER, Entries, Entry as TaskEntry,
    PARCEL_REF, ParcelRef, Sink, Status, encode, pad8,
};

use super::ambient::{self, CurrentTask};
use super::call::{Call, ResultSink, Spill, keep_spare};
use super::functions::Functions;
use super::panics;
use crate::carry::incoming;
use crate::link::parcels::Beside;
use crate::link::{Inbox, Incoming, LinkError, Marks, Outbox, Timing, result_header, write_result};
use crate::os::blackbox;
use crate::os::clocks;
use crate::os::fork;

/// A finished result waits no longer than this for its neighbours before it is shown.
const SHOW_AFTER_NS: u64 = 100_000;
/// Of batches of a single short task one in so many is timed: to read the clock costs as much as such a task, and so does
/// telling of it.
const UNTIMED: u32 = 16;
/// A task is short below this.
const SHORT_NS: u64 = 20_000;
/// How much room a result is offered at least; what is larger than its room takes a way over the heap.
const WINDOW: usize = 2048;

/// Serves until the coordinator says to leave; how the last task ended, `Ok` when there was none.
pub(crate) fn serve<I: Inbox>(
    inbox: &mut I,
    out: &mut I::Out,
    functions: &mut Functions,
    worker: u32,
) -> Result<Status, LinkError> {
    panics::install();
    let marks = inbox.marks();
    incoming::set_shelf(Rc::new(marks.parcels().clone()));
    let mut seen = Seen { clock: Clock::default(), room: Room(0), last: Status::Ok };
    loop {
        match inbox.next(out)? {
            Incoming::Shutdown => return Ok(seen.last),
            Incoming::Batch(bytes) => run_batch(bytes, &marks, out, functions, worker, &mut seen)?,
        }
    }
}

/// What earlier tasks have shown.
struct Seen {
    clock: Clock,
    room: Room,
    /// How the last one ended.
    last: Status,
}

/// The room for the next result beyond [`WINDOW`]: results of one length after another are written where they travel, whatever that is.
struct Room(usize);

impl Room {
    /// Of an entry of at most so many bytes.
    #[inline]
    fn for_next(&self, most: usize) -> usize {
        self.0.max(WINDOW).min(most)
    }

    /// A result was so long; the next may be a little longer. `most`: longer ones need none, for they travel by themselves.
    #[inline]
    fn was(&mut self, length: usize, most: usize) {
        let large = length > WINDOW - ENTRY_HEADER && length <= most;
        self.0 = if large { ENTRY_HEADER + pad8(length + length / 8) } else { 0 };
    }
}

/// Which batches are timed: all of several tasks, and of single ones those that are long, and a sample.
#[derive(Default)]
struct Clock {
    /// The last that was timed was long.
    long: bool,
    /// Single ones until the next is timed.
    until_next: u32,
    /// What that was said of.
    function: u64,
}

impl Clock {
    /// When a batch of `count` tasks of `function` begins; `None`: it is not timed.
    fn start(&mut self, function: u64, count: u32) -> Option<Instant> {
        let same = std::mem::replace(&mut self.function, function) == function;
        if count == 1 && same && !self.long && self.until_next > 0 {
            self.until_next -= 1;
            return None;
        }
        self.until_next = UNTIMED - 1;
        Some(Instant::now())
    }
}

/// How often the clock is read: every task while tasks are long, seldom while they are short.
struct Pace {
    since: Option<Instant>,
    opened: bool,
    tasks: u32,
    next_look: u32,
    /// The coordinator wants to know when its tasks ended, and which took longest: then each is looked at.
    told: bool,
    slowest: (u32, u64),
    /// When the task before this one ended, as nanoseconds since the group began.
    before: u64,
}

impl Pace {
    fn from(since: Option<Instant>, told: bool) -> Pace {
        Pace { since, opened: false, tasks: 0, next_look: 1, told, slowest: (0, 0), before: 0 }
    }

    /// The task with this offset has ended, `nanos` after the group began. Returns after how many more to look again.
    fn look(&mut self, offset: u32, nanos: u64) -> u32 {
        if self.told {
            let took = nanos.saturating_sub(std::mem::replace(&mut self.before, nanos));
            if took >= self.slowest.1 {
                self.slowest = (offset, took);
            }
            return 1;
        }
        let each = (nanos / u64::from(self.tasks)).max(1);
        u32::try_from((SHOW_AFTER_NS / 5 / each).clamp(1, 1024)).unwrap_or(1)
    }

    fn timing(&self, nanos: u64) -> Timing {
        let ended = if self.told { clocks::now() } else { 0 };
        Timing { nanos, count: self.tasks, ended, slowest: self.slowest }
    }

    /// Nanoseconds since the group began, at least 1; 0: it is not timed.
    fn nanos(&self) -> u64 {
        let nanos = |since: Instant| u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        self.since.map_or(0, nanos)
    }
}

fn run_batch<M: Marks, O: Outbox>(
    bytes: &[u8],
    marks: &M,
    out: &mut O,
    functions: &mut Functions,
    worker: u32,
    Seen { clock, room, last }: &mut Seen,
) -> Result<(), LinkError> {
    let header = BatchHeader::read(bytes).map_err(LinkError::broken)?;
    let function = functions.find(header.function_kind, header.function);
    let entries = Entries::new(&bytes[BATCH_HEADER..], header.count);
    marks.parcels().expect(header.parcels);
    let told = header.flags & BATCH_TIMED != 0;
    let since = if told { Some(Instant::now()) } else { clock.start(header.function, header.count) };
    let mut pace = Pace::from(since, told);
    blackbox::note(pace.since, 0);
    let minds_refusals = blackbox::minds_refusals();
    let once = header.flags & BATCH_ONCE != 0;
    let mut ordinal = header.base_ordinal;
    for (offset, entry) in (0u32..).zip(entries) {
        let entry = entry.map_err(LinkError::broken)?;
        if once {
            // Who cannot say so leaves, and has told nothing else of it either: it has not begun.
            out.say_begun(ordinal)?;
        }
        out.begin(ordinal)?;
        let (lo, hi) = marks.withdrawn();
        if (lo..hi).contains(&ordinal) {
            skip(out, &header, offset, &mut pace, hi)?;
            // Everything taken back lies behind this task, in this batch and in later ones.
            break;
        }
        if !pace.opened {
            out.open_group(header.batch, offset)?;
            pace.opened = true;
        }
        let index = if header.flags & BATCH_CALLS != 0 { 0 } else { header.first_index + u64::from(offset) };
        ambient::set_current(Some(CurrentTask { index, attempt: header.attempt, worker }));
        if minds_refusals {
            blackbox::forget_refusals();
        }
        *last = run_task(&function, entry, marks, out, room)?;
        ordinal += 1;
        out.end(ordinal);
        pace.tasks += 1;
        pace.next_look -= 1;
        if pace.next_look == 0 && offset + 1 < header.count {
            let nanos = pace.nanos();
            blackbox::note(pace.since, nanos);
            pace.next_look = pace.look(offset, nanos);
            if nanos >= SHOW_AFTER_NS {
                out.close_group(pace.timing(nanos), false)?;
                pace = Pace::from(Some(Instant::now()), told);
            }
        }
    }
    // Between the tasks of a batch nothing of the user's runs that could ask.
    ambient::set_current(None);
    if pace.opened {
        let nanos = pace.nanos();
        if nanos > 0 {
            clock.long = nanos / u64::from(pace.tasks.max(1)) >= SHORT_NS;
        }
        if told && pace.tasks > 0 {
            pace.look((ordinal - header.base_ordinal - 1) as u32, nanos);
        }
        out.close_group(pace.timing(nanos), header.count == 1)?;
    }
    Ok(())
}

/// Says that this one task was not run; those behind it were taken back with it and are passed without a word.
fn skip<O: Outbox>(out: &mut O, header: &BatchHeader, offset: u32, pace: &mut Pace, hi: u64) -> Result<(), LinkError> {
    if !pace.opened {
        out.open_group(header.batch, offset)?;
        pace.opened = true;
    }
    write_result(out, Status::Skipped, false, &[])?;
    let end = header.base_ordinal + u64::from(header.count);
    out.end(hi.min(end));
    Ok(())
}

fn run_task<M: Marks, O: Outbox>(
    function: &Result<super::call::Entry, String>,
    entry: TaskEntry<'_>,
    marks: &M,
    out: &mut O,
    room: &mut Room,
) -> Result<Status, LinkError> {
    let beside = if entry.flags == 0 { None } else { Some(marks.parcels().of_task(entry)?) };
    let input = match beside.as_deref() {
        None => entry.payload,
        Some(Beside::Missing(why)) => {
            write_result(out, Status::ArgumentUndecodable, false, why.as_bytes())?;
            return Ok(Status::ArgumentUndecodable);
        }
        Some(beside) => beside,
    };
    let function = match function {
        Ok(function) => *function,
        Err(reason) => {
            write_result(out, Status::UnknownFunction, false, reason.as_bytes())?;
            return Ok(Status::UnknownFunction);
        }
    };
    let largest = out.max_entry() - ENTRY_HEADER;
    let space = out.space(room.for_next(out.max_entry()))?;
    let (head, body) = space.split_at_mut(ENTRY_HEADER);
    let mut call = Call { input, sink: ResultSink::new(&mut *body, largest) };
    incoming::set_open(true);
    let called = panics::catch(|| function(&mut call));
    incoming::set_open(false);
    fork::leave_if_forked();
    let status = match called {
        Ok(status) => status,
        Err(report) => {
            call.sink.restart();
            match encode(&report, &mut call.sink) {
                Ok(_) => Status::Panicked,
                Err(_) => call.fail(Status::ResultUnencodable, "the panic's own report could not be written"),
            }
        }
    };
    room.was(call.sink.written(), largest);
    let length = match call.sink.finish() {
        Ok(length) => length,
        Err(spill) => {
            send_spilled(spill, status, out)?;
            return Ok(status);
        }
    };
    let header = result_header(length, status, false)?;
    head.copy_from_slice(&header);
    body[length..pad8(length)].fill(0);
    out.append(ENTRY_HEADER + pad8(length));
    Ok(status)
}

/// A result that is larger than the room it was offered.
#[cold]
fn send_spilled<O: Outbox>(spill: Spill, status: Status, out: &mut O) -> Result<(), LinkError> {
    match spill {
        Spill::Heap(bytes) => {
            write_result(out, status, false, &bytes)?;
            keep_spare(bytes);
            Ok(())
        }
        Spill::Parcel(writer, length) => {
            let parcel = writer.finish()?;
            let id = out.send_parcel(parcel, length as u64)?;
            let mut payload = [0; PARCEL_REF];
            ParcelRef { parcel: id, len: length as u64 }.write_to(&mut payload);
            write_result(out, status, true, &payload)
        }
    }
}
