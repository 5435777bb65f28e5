//! The way of a task through a run folder: what is there is skipped, what is missing goes to the pool, and both come out in the order of the tasks.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use mpexec_core::{Callable, Item, Pool, TaskError, TaskResult};

use crate::error::{Fault, RunError};
use crate::kept::Kept;
use crate::ledger::{Ledger, Slot};

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
    computed: Box<dyn Iterator<Item = (u64, Result<R, TaskError>)> + 'a>,
    is_final: fn(&R) -> bool,
    decides: bool,
    /// What is not published.
    aside: HashMap<Slot, Result<R, TaskError>>,
    ready: VecDeque<Result<R, TaskError>>,
    over: bool,
    /// The share of this process is done.
    shared: bool,
}

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

impl<'a, R: TaskResult> Answers<'a, R> {
    /// Computes with `function` what is missing of the stage of this name. What `is_final` does not hold of is handed out, but not published, and
    /// so are errors of tasks. With `hashed` the arguments do not follow from the plan: their hash is published along.
    pub fn begin<C, M, J, I>(
        pool: &'a Pool,
        kept: Kept<'_>,
        hashed: bool,
        function: C,
        is_final: fn(&R) -> bool,
        tasks: I,
    ) -> Answers<'a, R>
    where
        C: Callable<M, Output = R>,
        I: IntoIterator<Item = Next<J>>,
        I::IntoIter: 'a,
        J: Item<M> + 'a,
        M: 'a,
    {
        let ledger = Ledger::new(kept.run, kept.stage);
        let feed = Feed { ledger, slots: HashMap::new(), made: 0, ended: false, error: None };
        let feed = Rc::new(RefCell::new(feed));
        let (seen, mut tasks) = (Rc::clone(&feed), tasks.into_iter());
        let mut arguments = Vec::new();
        let missing = std::iter::from_fn(move || {
            loop {
                // No code of the user's runs while it is borrowed.
                let Some(next) = tasks.next() else {
                    let mut feed = seen.borrow_mut();
                    feed.ended = true;
                    if let Err(error) = feed.ledger.close() {
                        feed.error.get_or_insert(error);
                    }
                    return None;
                };
                let Next::Task(weight, task) = next else { return None };
                arguments.clear();
                if hashed {
                    // What cannot be encoded cannot be sent either: the pool says so.
                    let _ = task.encode_one(&mut arguments);
                }
                let mut feed = seen.borrow_mut();
                if let Some(slot) = feed.ledger.task(weight, hashed.then_some(&arguments[..])) {
                    let number = feed.made;
                    feed.made += 1;
                    feed.slots.insert(number, slot);
                    return Some(task);
                }
            }
        });
        let computed = Box::new(pool.imap_unordered(function, missing));
        let (decides, aside, ready) = (kept.decides, HashMap::new(), VecDeque::new());
        Answers { feed, computed, is_final, decides, aside, ready, over: false, shared: false }
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
            let answer = match result {
                Some(bytes) => Ok(mpexec_wire::decode::<R>(bytes).map_err(|_| self.undecodable())?),
                // Whatever was not published was set aside.
                None => match self.aside.remove(&slot) {
                    Some(answer) => answer,
                    None => return Err(self.undecodable()),
                },
            };
            self.ready.push_back(answer);
        }
        Ok(true)
    }

    /// All that is to be computed here is. Of a share, that is the end, unless the results of others are needed and there.
    fn end_share(&mut self) -> Result<bool, RunError> {
        let mut feed = self.feed.borrow_mut();
        if std::mem::replace(&mut self.shared, true) || !feed.ended || !feed.ledger.is_share() {
            return Ok(false);
        }
        let failed = self.aside.iter().find_map(|(slot, answer)| {
            let key = feed.ledger.key_of(*slot)?;
            let why = match answer {
                Err(error) => error.to_string(),
                Ok(_) => "its input cannot be read, or has a row that cannot be taken; computed where the run was begun, it says which".to_owned(),
            };
            Some(RunError::NotComputed { message: format!("{key}: {why}"), begun: true })
        });
        feed.ledger.end_share(self.decides && failed.is_none())?;
        failed.map_or(Ok(true), Err)
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
        let bytes = match &answer {
            Ok(result) if (self.is_final)(result) => mpexec_wire::encode_to_vec(result).ok(),
            _ => None,
        };
        if bytes.is_none() {
            self.aside.insert(slot, answer);
        }
        feed.ledger.add(slot, bytes)?;
        Ok(true)
    }
}

impl<R: TaskResult> Iterator for Answers<'_, R> {
    type Item = Result<Result<R, TaskError>, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(answer) = self.ready.pop_front() {
                return Some(Ok(answer));
            }
            let went_on = match self.take() {
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
