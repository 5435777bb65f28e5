//! Which task belongs to which range, which results are there, and which range's turn it is.
//!
//! Tasks are told in order, results come in any. A range that is complete is published, and handed out when its turn comes: from memory, or read back
//! from the folder if it was published in an earlier run or there is too much in memory. So results come out in the order of the tasks,
//! whatever the order in which they were computed, and by whom.

mod done;
mod others;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use mpexec_core::__kept::ResultBytes;

use crate::error::RunError;
use crate::folder::{Role, RunFolder};
use crate::kept::Kept;
use crate::plan::Cut;
use crate::publisher::{Publisher, Waiting};
use crate::records::Records;
pub use done::Done;

/// So many bytes of complete ranges are kept for their turn.
const MOST_HELD: usize = 256 << 20;

/// A task whose result is not there: its range, and its place in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    pub(crate) range: u64,
    pub(crate) task: usize,
}

/// The results of a part of a run, in the order of its tasks.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use std::sync::Arc;
/// # use mpexec_runs::{Cut, Ledger, Plan, Program, RunFolder};
/// # let folder = tempfile::tempdir()?;
/// # let dir = folder.path().join("run");
/// # let plan = Plan {
/// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
/// #     task: "square".into(), signature: String::new(), inputs: Vec::new(), command: None,
/// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 2 },
/// # };
/// let run = Arc::new(RunFolder::open(&dir, &plan, false)?);
/// let mut ledger = Ledger::new(&run, "rows");
/// let slots: Vec<_> = (0..4).map(|_| ledger.task(1, None)).collect();
/// ledger.close()?;
/// // The second range is complete first, and waits for its turn.
/// for task in [3, 2, 1, 0] {
///     assert!(ledger.take()?.is_none());
///     ledger.add(slots[task].expect("nothing was computed before"), Some(vec![task as u8]))?;
/// }
/// assert_eq!(ledger.take()?.expect("its turn").results().collect::<Vec<_>>(), [Some(&[0][..]), Some(&[1][..])]);
/// assert_eq!(ledger.take()?.expect("the second").first_task(), 2);
/// assert_eq!(ledger.finish()?, Some(2));
///
/// let mut again = Ledger::new(&run, "rows");
/// assert!((0..4).all(|_| again.task(1, None).is_none()), "all are there");
/// again.close()?;
/// assert!(again.take()?.is_some_and(|first| first.is_stored()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Ledger {
    run: Arc<RunFolder>,
    publisher: Publisher,
    stage: String,
    /// Its tasks follow from the results of another.
    follows: bool,
    /// Which of the inputs its results come from, if it is one.
    reads: Option<usize>,
    cut: Cut,
    /// The number of the first range when it comes to shares.
    from: u64,
    /// Those whose turn has not come.
    ranges: VecDeque<Entry>,
    /// The number of the first of them, and of the next that is begun.
    first: u64,
    begun: u64,
    /// The number of the first task of the first of them.
    first_task: u64,
    /// Of the range that takes tasks, if one does.
    weight: u64,
    held: usize,
    /// Memory for the next result that is read.
    spare: Vec<u8>,
    /// What is told when results come.
    error: Option<RunError>,
    /// A range was passed over that was not complete, or it had a result that is not published.
    lacking: bool,
    /// There are no more tasks.
    ended: bool,
    /// Of a share: nothing is handed out but at the end, if all is there.
    mute: bool,
}

#[derive(Debug)]
struct Entry {
    key: String,
    input: Input,
    tasks: usize,
    closed: bool,
    state: State,
}

/// The hash of a range's arguments. There may be a million ranges, so it takes no room while there is none, and little when it is complete.
#[derive(Debug)]
enum Input {
    /// They follow from the plan.
    OfThePlan,
    Open(Box<blake3::Hasher>),
    Complete(blake3::Hash),
}

#[derive(Debug)]
enum State {
    Stored,
    /// To be computed by others.
    Elsewhere,
    Computed {
        results: Vec<Option<ResultBytes>>,
        missing: usize,
        /// A result came that is for this run alone.
        aside: bool,
    },
    /// Complete.
    Held {
        records: Arc<Records>,
    },
    /// Published, and no longer in memory.
    Published,
}

impl Ledger {
    /// Of the stage of this name; results of different stages never meet.
    pub fn new(run: &Arc<RunFolder>, stage: &str) -> Ledger {
        Ledger {
            run: Arc::clone(run),
            publisher: Publisher::new(Arc::clone(run)),
            stage: stage.to_owned(),
            follows: false,
            reads: None,
            cut: run.plan().cut,
            from: others::counted_from(stage),
            ranges: VecDeque::new(),
            first: 0,
            begun: 0,
            first_task: 0,
            weight: 0,
            held: 0,
            spare: Vec::new(),
            error: None,
            lacking: false,
            ended: false,
            mute: run.is_share(),
        }
    }

    /// Of this stage. What it [`decides`](Kept::decides) is no business of the ledger.
    pub fn of(kept: Kept<'_>) -> Ledger {
        let Kept { run, stage, reads, follows, .. } = kept;
        Ledger { reads, follows, ..Ledger::new(run, stage) }
    }

    /// The next task, of this weight, with these bytes as arguments if they do not follow from the plan. Returns where its result belongs, or
    /// `None` if that is there.
    pub fn task(&mut self, weight: u64, arguments: Option<&[u8]>) -> Option<Slot> {
        if self.ranges.back().is_none_or(|range| range.closed) {
            let key = format!("{}-{:06}", self.stage, self.begun);
            self.begin(key, arguments.is_some());
            self.weight = 0;
        }
        let range = self.first + self.ranges.len() as u64 - 1;
        let open = self.ranges.back_mut()?;
        if let (Input::Open(input), Some(arguments)) = (&mut open.input, arguments) {
            input.update(&(arguments.len() as u64).to_le_bytes()).update(arguments);
        }
        let task = open.tasks;
        open.tasks += 1;
        let slot = open.expect_one().then_some(Slot { range, task });
        self.weight = self.weight.saturating_add(weight);
        if self.weight >= self.cut.range_weight || open.tasks as u64 >= self.cut.range_tasks {
            open.close();
        }
        slot
    }

    /// A task whose range it is alone, under a name of its own.
    pub fn task_named(&mut self, key: String) -> Option<Slot> {
        self.begin(key, false);
        let range = self.first + self.ranges.len() as u64 - 1;
        let open = self.ranges.back_mut()?;
        open.tasks = 1;
        open.close();
        open.expect_one().then_some(Slot { range, task: 0 })
    }

    fn begin(&mut self, key: String, hashed: bool) {
        let here = || State::Computed { results: Vec::new(), missing: 0, aside: false };
        self.run.wants(&key);
        let state = match self.run.role() {
            _ if self.run.is_published(&key) => State::Stored,
            Role::Share(share) if share.has(self.from + self.begun) => here(),
            Role::Share(_) => State::Elsewhere,
            role => {
                self.error = self.error.take().or(self.run.undone().err());
                if matches!(role, Role::Here) { here() } else { State::Elsewhere }
            }
        };
        let input = if hashed { Input::Open(Box::default()) } else { Input::OfThePlan };
        self.ranges.push_back(Entry { key, input, tasks: 0, closed: false, state });
        self.begun += 1;
    }

    /// There are no more tasks. Not to be called if there would be more and they are not looked at: the last range would lack them.
    ///
    /// # Errors
    /// Those of publishing.
    pub fn close(&mut self) -> Result<(), RunError> {
        self.ended = true;
        if let Some(last) = self.ranges.back_mut() {
            last.close();
        }
        // The last results may have come before anybody knew that they were the last.
        if self.ranges.is_empty() { Ok(()) } else { self.complete(self.ranges.len() - 1) }
    }

    /// The result of a task; `None`: it has one that is not to be published, and neither are the others of its range.
    ///
    /// # Errors
    /// Those of publishing.
    pub fn add(&mut self, slot: Slot, result: Option<Vec<u8>>) -> Result<(), RunError> {
        self.put(slot, result.map(ResultBytes::from), false)
    }

    /// As [`add`](Ledger::add), of bytes that may lie where they came.
    pub(crate) fn add_bytes(&mut self, slot: Slot, result: Option<ResultBytes>) -> Result<(), RunError> {
        self.put(slot, result, false)
    }

    /// As [`add`](Ledger::add), of a result that is handed out in its turn, but not published, and neither are the others of its range: the next run
    /// computes them again.
    ///
    /// # Errors
    /// Those of publishing.
    pub fn add_aside(&mut self, slot: Slot, result: Vec<u8>) -> Result<(), RunError> {
        self.put(slot, Some(result.into()), true)
    }

    fn put(&mut self, slot: Slot, result: Option<ResultBytes>, set_aside: bool) -> Result<(), RunError> {
        let Some(at) = slot.range.checked_sub(self.first).and_then(|at| usize::try_from(at).ok()) else {
            return Ok(());
        };
        if let Some(Entry { state: State::Computed { results, missing, aside }, .. }) = self.ranges.get_mut(at) {
            results[slot.task] = result;
            *missing -= 1;
            *aside |= set_aside;
        }
        self.complete(at)
    }

    /// Publishes a range if it is complete.
    fn complete(&mut self, at: usize) -> Result<(), RunError> {
        self.error.take().map_or(Ok(()), Err)?;
        let Some(range) = self.ranges.get_mut(at) else { return Ok(()) };
        let State::Computed { results, missing: 0, aside } = &mut range.state else { return Ok(()) };
        if !range.closed {
            return Ok(());
        }
        let whole = !*aside && results.iter().all(Option::is_some);
        self.lacking |= !whole;
        let records = Arc::new(Records::of(std::mem::take(results)));
        let (key, input) = (range.key.clone(), range.input_hash());
        self.held += records.length();
        range.state = State::Held { records: Arc::clone(&records) };
        if whole {
            self.publisher.publish(Waiting { key, input, reads: self.reads, records: Arc::clone(&records) })?;
            if self.mute || self.held > MOST_HELD && at > 0 {
                self.held -= records.length();
                self.ranges[at].state = State::Published;
            }
        }
        Ok(())
    }

    /// The results of the range whose turn it is, if they are there.
    ///
    /// # Errors
    /// Those of publishing, and those of a result that is not what was published.
    pub fn take(&mut self) -> Result<Option<Done>, RunError> {
        if self.mute {
            return Ok(None);
        }
        self.wait_for_others()?;
        let Some(range) = self.ranges.front().filter(|range| range.closed) else { return Ok(None) };
        let stored = matches!(range.state, State::Stored);
        let records = match &range.state {
            State::Computed { .. } | State::Elsewhere => return Ok(None),
            State::Held { records } => {
                self.held -= records.length();
                Arc::clone(records)
            }
            State::Stored | State::Published => {
                self.publisher.wait(Some(&range.key))?;
                let mut bytes = std::mem::take(&mut self.spare);
                self.run.read(&range.key, Some(&range.input_hash()), &mut bytes)?;
                let records = Records::read(bytes).ok().filter(|records| records.tasks() == range.tasks);
                let bad = || RunError::bad_result(&self.run.place(&range.key), crate::error::Fault::Contents);
                Arc::new(records.ok_or_else(bad)?)
            }
        };
        let (range, first_task) = (self.first, self.first_task);
        self.pass();
        Ok(Some(Done { range, first_task, stored, records }))
    }

    /// What was read from a file is no longer needed: the next is read into the same memory, which is not asked of the system once more.
    pub(crate) fn reuse(&mut self, done: Done) {
        if let Some(bytes) = Arc::into_inner(done.records).and_then(Records::into_bytes) {
            self.spare = bytes;
        }
    }

    /// As [`take`](Ledger::take), of the first range that is there, whether or not it is its turn: when the work has been ended early.
    ///
    /// # Errors
    /// As [`take`](Ledger::take).
    pub fn take_any(&mut self) -> Result<Option<Done>, RunError> {
        while let Some(Entry { closed, state, .. }) = self.ranges.front() {
            if *closed && !matches!(state, State::Computed { .. }) {
                return self.take();
            }
            self.lacking = true;
            self.pass();
        }
        Ok(None)
    }

    /// The turn of the first has come.
    fn pass(&mut self) {
        let passed = self.ranges.pop_front();
        self.first += 1;
        self.first_task += passed.map_or(0, |range| range.tasks as u64);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.run.path()
    }

    /// Waits until all that was handed over is published. Returns how many ranges there are, if all have had their turn and are published.
    ///
    /// # Errors
    /// Those of publishing.
    pub fn finish(&mut self) -> Result<Option<u64>, RunError> {
        self.publisher.wait(None)?;
        Ok((self.ranges.is_empty() && !self.lacking).then_some(self.first))
    }
}

impl Entry {
    /// Makes room for one more result, if it is to be computed.
    fn expect_one(&mut self) -> bool {
        match &mut self.state {
            State::Computed { results, missing, .. } => {
                results.push(None);
                *missing += 1;
                true
            }
            State::Stored | State::Elsewhere | State::Held { .. } | State::Published => false,
        }
    }

    /// It takes no more tasks.
    fn close(&mut self) {
        self.closed = true;
        if let Input::Open(input) = &self.input {
            self.input = Input::Complete(input.finalize());
        }
    }

    fn input_hash(&self) -> String {
        match &self.input {
            Input::OfThePlan => "-".to_owned(),
            Input::Open(input) => input.finalize().to_hex().to_string(),
            Input::Complete(hash) => hash.to_hex().to_string(),
        }
    }
}
