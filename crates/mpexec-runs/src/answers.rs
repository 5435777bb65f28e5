//! The way of a task through a run folder: what is there is skipped, what is missing goes to the pool, and both come out in the order of the tasks.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use mpexec_core::__kept::{self, ResultBytes};
use mpexec_core::{Callable, Item, Pool, TaskError, TaskResult};

use crate::error::{Fault, RunError};
use crate::kept::Kept;
use crate::ledger::{Ledger, Slot};

/// So many bytes of results are kept as values beside, until their turn.
const MOST_VALUED: usize = 128 << 20;

/// What is done with a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is published.
    Kept,
    /// It is handed out and not published, and neither are the others of its range: it says that the input or the function is at fault, wherever it is tried.
    Refused,
    /// The same, of what may well succeed elsewhere, or another time.
    Lost,
}

/// What is to be computed next.
#[derive(Clone, Debug)]
pub enum Next<J> {
    /// A task, and its weight.
    Task(u64, J),
    /// There would be more, but nobody may look: the work is being stopped, or its input is broken.
    CutShort,
}

/// The answers of the tasks of a stage, in order, each computed once in all runs; see [`Answers::begin`].
pub struct Answers<'a, R> {
    feed: Rc<RefCell<Feed>>,
    /// Looks at one more task, as long as the pool has none.
    look: Box<dyn FnMut() -> Looked + 'a>,
    /// What comes next is for the pool.
    looked: bool,
    computed: Box<dyn Iterator<Item = Computed<R>> + 'a>,
    fate: fn(&R) -> Fate,
    decides: bool,
    /// What is not published.
    aside: HashMap<Slot, Result<R, TaskError>>,
    /// What is, with the number of its bytes, so that it need not be decoded again.
    values: HashMap<Slot, (R, usize)>,
    /// All their bytes.
    valued: usize,
    ready: VecDeque<Result<R, TaskError>>,
    over: bool,
    /// The share of this process is done.
    shared: bool,
}

/// The number of a call, and how it ended.
type Computed<R> = (u64, Result<(R, ResultBytes), TaskError>);

/// What the pool's input and its output have in common.
struct Feed {
    ledger: Ledger,
    /// Of the calls that were made, by their number.
    slots: HashMap<u64, Slot>,
    made: u64,
    /// All tasks were seen.
    ended: bool,
    error: Option<RunError>,
}

/// The tasks, and how they are told apart.
struct Tasks<J, I> {
    tasks: I,
    /// It was looked at, and is to be computed.
    ahead: Option<J>,
    /// Their arguments do not follow from the plan.
    hashed: bool,
    arguments: Vec<u8>,
    /// The hashes of shared buffers, by their numbers.
    buffers: HashMap<u64, blake3::Hash>,
    /// Nobody may look at more.
    cut_short: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// A task whose result is there, or is somebody else's business.
    Stored,
    /// One that is to be computed, or the end.
    ForThePool,
}

impl<J, I: Iterator<Item = Next<J>>> Tasks<J, I> {
    /// Goes one task further; the one that is to be computed, if it is one, is `ahead` then.
    fn look<M>(&mut self, feed: &RefCell<Feed>) -> Looked
    where
        J: Item<M>,
    {
        if self.ahead.is_some() || self.cut_short {
            return Looked::ForThePool;
        }
        // No code of the user's runs while the feed is borrowed.
        let (weight, task) = match self.tasks.next() {
            Some(Next::Task(weight, task)) => (weight, task),
            Some(Next::CutShort) => {
                self.cut_short = true;
                return Looked::ForThePool;
            }
            None => {
                self.cut_short = true;
                let mut feed = feed.borrow_mut();
                feed.ended = true;
                if let Err(error) = feed.ledger.close() {
                    feed.error.get_or_insert(error);
                }
                return Looked::ForThePool;
            }
        };
        if self.hashed {
            self.arguments.clear();
            for buffer in __kept::encode_item(&task, &mut self.arguments) {
                let hash = self.buffers.entry(buffer.number()).or_insert_with(|| blake3::hash(&buffer));
                self.arguments.extend_from_slice(hash.as_bytes());
            }
        }
        let mut feed = feed.borrow_mut();
        match feed.ledger.task(weight, self.hashed.then_some(&self.arguments[..])) {
            None => Looked::Stored,
            Some(slot) => {
                let number = feed.made;
                feed.made += 1;
                feed.slots.insert(number, slot);
                self.ahead = Some(task);
                Looked::ForThePool
            }
        }
    }
}

impl<'a, R: TaskResult> Answers<'a, R> {
    /// Computes with `function` what is missing of the stage of this name. What is not [`Kept`](Fate::Kept) by its fate is handed out, but not published, and
    /// so are errors of tasks. With `hashed` the arguments do not follow from the plan: their hash is published along.
    pub fn begin<C, M, J, I>(
        pool: &'a Pool,
        kept: Kept<'_>,
        hashed: bool,
        function: C,
        fate: fn(&R) -> Fate,
        tasks: I,
    ) -> Answers<'a, R>
    where
        C: Callable<M, Output = R>,
        I: IntoIterator<Item = Next<J>>,
        I::IntoIter: 'a,
        J: Item<M> + 'a,
        M: 'a,
    {
        let ledger = Ledger::of(kept);
        let feed = Feed { ledger, slots: HashMap::new(), made: 0, ended: false, error: None };
        let feed = Rc::new(RefCell::new(feed));
        let tasks = tasks.into_iter();
        let (arguments, buffers) = (Vec::new(), HashMap::new());
        let tasks = Tasks { tasks, ahead: None, hashed, arguments, buffers, cut_short: false };
        let tasks = Rc::new(RefCell::new(tasks));
        let (seen, from) = (Rc::clone(&feed), Rc::clone(&tasks));
        let missing = std::iter::from_fn(move || {
            let mut from = from.borrow_mut();
            while from.look(&seen) == Looked::Stored {}
            from.ahead.take()
        });
        let seen = Rc::clone(&feed);
        let look = Box::new(move || tasks.borrow_mut().look(&seen));
        let computed = Box::new(__kept::imap_with_bytes(pool, function, missing));
        let (aside, values, ready) = (HashMap::new(), HashMap::new(), VecDeque::new());
        let (looked, valued, over, shared, decides) = (false, 0, false, false, kept.decides);
        Answers { feed, look, looked, computed, fate, decides, aside, values, valued, ready, over, shared }
    }

    /// Waits until all is published. Returns how many ranges the stage has, or `None` if it was cut short.
    ///
    /// # Errors
    /// Those of publishing.
    pub fn finish(&mut self) -> Result<Option<u64>, RunError> {
        let mut feed = self.feed.borrow_mut();
        let ranges = feed.ledger.finish()?;
        Ok(ranges.filter(|_| feed.ended && self.over))
    }

    fn take(&mut self) -> Result<bool, RunError> {
        let Some(done) = self.feed.borrow_mut().ledger.take()? else { return Ok(false) };
        for (slot, result) in done.slots().zip(done.results()) {
            let answer = match (self.values.remove(&slot), result) {
                (Some((value, bytes)), _) => {
                    self.valued -= bytes;
                    Ok(value)
                }
                (None, Some(bytes)) => Ok(decoded(bytes).ok_or_else(|| self.undecodable())?),
                // Whatever was not published was set aside.
                (None, None) => match self.aside.remove(&slot) {
                    Some(answer) => answer,
                    None => return Err(self.undecodable()),
                },
            };
            self.ready.push_back(answer);
        }
        self.feed.borrow_mut().ledger.reuse(done);
        Ok(true)
    }

    /// All that is to be computed here is. Of a share, that is the end, unless the results of others are needed and there.
    fn end_share(&mut self) -> Result<bool, RunError> {
        let mut feed = self.feed.borrow_mut();
        if std::mem::replace(&mut self.shared, true) || !feed.ended || !feed.ledger.is_share() {
            return Ok(false);
        }
        let keyed = self.aside.iter().filter_map(|(slot, answer)| Some((feed.ledger.key_of(*slot)?, answer)));
        let failed = keyed.map(|(key, answer)| match answer {
            Err(error) => RunError::NotComputed { message: format!("{key}: {error}"), begun: true },
            Ok(result) => {
                let refused = (self.fate)(result) == Fate::Refused;
                let why = if refused { "its input has a row that cannot be taken" } else { "its input cannot be read" };
                let message = format!("{key}: {why}; computed where the run was begun (--on local), it says which");
                if refused { RunError::Refused { message } } else { RunError::NotComputed { message, begun: true } }
            }
        });
        // What can be tried again must not hide what need not.
        let failed = failed.max_by_key(|error| matches!(error, RunError::Refused { .. }));
        match (feed.ledger.end_share(self.decides && failed.is_none()), failed) {
            // That the rest is computed elsewhere is no news to whoever has failed in his part.
            (Ok(()) | Err(RunError::Elsewhere), Some(failed)) => Err(failed),
            (ended, _) => ended.map(|()| true),
        }
    }

    fn undecodable(&self) -> RunError {
        RunError::bad_result(self.feed.borrow().ledger.folder(), Fault::Contents)
    }

    /// Takes one more answer from the pool; false if there is none.
    fn compute(&mut self) -> Result<bool, RunError> {
        let computed = self.computed.next();
        let mut feed = self.feed.borrow_mut();
        if let Some(error) = feed.error.take() {
            return Err(error);
        }
        let Some((number, answer)) = computed else { return Ok(false) };
        let Some(slot) = feed.slots.remove(&number) else { return Ok(true) };
        let (answer, bytes) = match answer {
            Ok((result, bytes)) if (self.fate)(&result) == Fate::Kept => (Ok(result), Some(bytes)),
            other => (other.map(|(result, _)| result), None),
        };
        let length = bytes.as_ref().map_or(0, |bytes| bytes.len());
        match answer {
            Ok(result) if bytes.is_some() => {
                // What a share has is not handed out.
                if self.valued + length <= MOST_VALUED && !feed.ledger.is_share() {
                    self.valued += length;
                    self.values.insert(slot, (result, length));
                }
            }
            answer => drop(self.aside.insert(slot, answer)),
        }
        feed.ledger.add_bytes(slot, bytes)?;
        Ok(true)
    }
}

/// All of the bytes as a value.
fn decoded<R: TaskResult>(bytes: &[u8]) -> Option<R> {
    let (value, used) = mpexec_wire::decode_owned(bytes).ok()?;
    (used == bytes.len()).then_some(value)
}

impl<R: TaskResult> Iterator for Answers<'_, R> {
    type Item = Result<Result<R, TaskError>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Some(Ok(answer));
            }
            let went_on = match self.take() {
                // Before the pool has anything, what is there is handed out without it.
                Ok(false) if !self.looked && !self.over => {
                    self.looked = (self.look)() == Looked::ForThePool;
                    Ok(())
                }
                Ok(false) if !self.over => self.compute().map(|more| self.over = !more),
                Ok(false) => match self.end_share() {
                    Ok(false) => return None,
                    done => done.map(drop),
                },
                Ok(true) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = went_on {
                self.over = true;
                return Some(Err(error));
            }
        }
    }
}
