//! [`RunIn::run_in`]: the calls of a pool, with results that survive the coordinator.

use std::any::type_name;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpexec_core::{__kept, Callable, FunctionId, Item, Pool, TaskError};

use crate::answers::{Answers, Fate, Next};
use crate::error::RunError;
use crate::folder::RunFolder;
use crate::input::{InputId, hash_of_file};
use crate::kept::Kept;
use crate::plan::{Cut, Plan, Program};

/// So many tasks are a range, if nobody says otherwise.
const RANGE_TASKS: u64 = 256;

/// Calls whose results are kept in a run folder.
pub trait RunIn {
    /// Calls of this pool whose results are kept in `folder`, which is made if it is not there.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # mpexec_core::init();
    /// # let scratch = tempfile::tempdir()?;
    /// # let folder = scratch.path().join("squares");
    /// use mpexec_core::{Pool, Workers};
    /// use mpexec_runs::RunIn;
    ///
    /// let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
    /// let square = |n: u64| n * n;
    /// let first: Vec<u64> = pool.run_in(&folder).imap(square, 0..1000)?.collect::<Result<_, _>>()?;
    /// // Killed at any moment and started again, it computes what is missing, and hands out the same. Here nothing is:
    /// let again: Vec<u64> = pool.run_in(&folder).imap(square, 0..1000)?.collect::<Result<_, _>>()?;
    /// assert_eq!(again, first);
    /// # Ok(())
    /// # }
    /// ```
    fn run_in(&self, folder: impl Into<PathBuf>) -> InFolder<'_>;
}

impl RunIn for Pool {
    fn run_in(&self, folder: impl Into<PathBuf>) -> InFolder<'_> {
        InFolder {
            pool: self,
            folder: folder.into(),
            range_tasks: RANGE_TASKS,
            options: BTreeMap::new(),
            inputs: Vec::new(),
            afresh: false,
        }
    }
}

/// Calls whose results are kept; made by [`RunIn::run_in`].
#[derive(Debug)]
#[must_use = "nothing is computed before a call is made"]
pub struct InFolder<'p> {
    pool: &'p Pool,
    folder: PathBuf,
    range_tasks: u64,
    options: BTreeMap<String, String>,
    inputs: Vec<PathBuf>,
    afresh: bool,
}

/// What comes in place of a result.
#[derive(Debug, thiserror::Error)]
pub enum RunInError {
    /// The task has failed. The results of its range are not kept, and with the next run the range is computed again.
    #[error("task {index}: {error}")]
    Task {
        /// Which task.
        index: u64,
        /// How.
        #[source]
        error: TaskError,
    },
    /// Something is wrong with the folder; nothing comes after this.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl<'p> InFolder<'p> {
    /// So many consecutive tasks have one result, which is lost as a whole if the coordinator dies before it is published. To publish takes some
    /// milliseconds, so a range should take a second or more.
    pub fn range_tasks(mut self, tasks: u64) -> Self {
        self.range_tasks = tasks.max(1);
        self
    }

    /// A file that tasks read: a later run refuses to go on if it has changed, and a run ends if somebody touches it meanwhile. Of files that have together more than 64 MB only
    /// samples are compared from one run to the next, with length and time of writing; that one of these was touched is noted in the log of the run. What tasks get as
    /// arguments is compared anyway.
    pub fn input(mut self, path: impl Into<PathBuf>) -> Self {
        self.inputs.push(path.into());
        self
    }

    /// Something else that decides about the results: a later run refuses to go on if it has changed.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }

    /// Drops the run that the folder holds. A folder that is none, or holds anything else beside, is left as it is, and the call ends with an error.
    pub fn start_over(mut self) -> Self {
        self.afresh = true;
        self
    }

    /// The results in the order of the items, those of earlier runs among them, each computed once in all runs. Items are taken as results are read: up to the
    /// first whose result is missing, results come one by one from the folder, and nothing is computed; from there on the pool takes items ahead, as
    /// [`imap_unordered`](Pool::imap_unordered) does, and passes over those whose results are there.
    ///
    /// What is compared of an item is what it is encoded as, with what lies in shared buffers that it names. What is compared of the pool is its program (this one, and the
    /// worker program, if that is another), its shared context, and shared buffers in that. Say by [`option`](InFolder::option) what else decides: what
    /// hooks bring about, or what lies behind the end of a channel.
    ///
    /// # Errors
    /// A [`RunError`] among others if the folder was begun with another program, function, context, option or input file, or if another process works in it.
    /// Items that are others than those of an earlier run are found when their turn comes.
    pub fn imap<C, M, I>(self, function: C, items: I) -> Result<Resumed<'p, C::Output>, RunError>
    where
        C: Callable<M>,
        I: IntoIterator,
        I::IntoIter: 'p,
        I::Item: Item<M> + 'p,
        M: 'p,
    {
        let program = std::env::current_exe().map_err(RunError::io(Path::new("this program"), "find it"))?;
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let inputs = InputId::of_all(&self.inputs)?;
        let mut options = self.options;
        options.extend(decided_by(self.pool)?);
        let plan = Plan {
            program: Program { name, version: "-".to_owned(), hash: hash_of_file(Path::new("/proc/self/exe"))? },
            // Two closures may have one name; each has a place of its own in the program.
            task: format!("{} ({})", type_name::<C>(), place(&function.id())),
            signature: type_name::<C::Output>().to_owned(),
            options,
            inputs,
            cut: Cut { as_for_workers: 1, range_weight: u64::MAX, range_tasks: self.range_tasks },
            command: None,
        };
        let run = Arc::new(RunFolder::open(&self.folder, &plan, self.afresh)?);
        let items = items.into_iter().map(|item| Next::Task(0, item));
        let kept = Kept { run: &run, stage: "tasks", decides: false, follows: false, reads: None };
        let answers = Answers::begin(self.pool, kept, true, function, |_| Fate::Kept, items);
        Ok(Resumed { answers, run, index: 0, good: true, over: false })
    }
}

/// What of a pool decides about the results of its tasks, by name.
fn decided_by(pool: &Pool) -> Result<Vec<(String, String)>, RunError> {
    let mut decided = Vec::new();
    if let Some((name, file)) = __kept::worker_program(pool) {
        let (name, hash) = (name.file_name().unwrap_or_default().to_string_lossy().into_owned(), hash_of_file(&file)?);
        decided.push(("the worker program".to_owned(), format!("{name} (blake3 {})", &hash[..16])));
    }
    if let Some((bytes, buffers)) = __kept::context(pool) {
        let mut hash = blake3::Hasher::new();
        hash.update(&bytes);
        for buffer in &buffers {
            hash.update(&(buffer.len() as u64).to_le_bytes()).update(buffer);
        }
        let length = bytes.len() + buffers.iter().map(|buffer| buffer.len()).sum::<usize>();
        let hash = hash.finalize().to_hex();
        decided.push(("the shared context".to_owned(), format!("{length} bytes (blake3 {})", &hash[..16])));
    }
    Ok(decided)
}

/// Where a function is in the program, or its name, in words. What else an id shows are addresses of this process, which are others in the next.
fn place(id: &FunctionId) -> String {
    let shown = format!("{id:?}");
    let place = shown.split(',').next().unwrap_or_default();
    match place.split_once("(Some(").and_then(|(_, offset)| offset.trim_end_matches(')').parse::<u64>().ok()) {
        Some(offset) => format!("at {offset:#x}"),
        // One that has a name is called by it, and shows it.
        None => place.split('(').next_back().unwrap_or_default().trim_end_matches(')').to_owned(),
    }
}

/// The results of a run, in order; made by [`InFolder::imap`].
pub struct Resumed<'p, R> {
    answers: Answers<'p, R>,
    run: Arc<RunFolder>,
    index: u64,
    /// No task has failed.
    good: bool,
    over: bool,
}

impl<R: mpexec_core::TaskResult> Iterator for Resumed<'_, R> {
    type Item = Result<R, RunInError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let index = self.index;
        self.index += 1;
        match self.answers.next() {
            Some(Ok(Ok(result))) => Some(Ok(result)),
            Some(Ok(Err(error))) => {
                self.good = false;
                Some(Err(RunInError::Task { index, error }))
            }
            Some(Err(error)) => {
                self.over = true;
                Some(Err(error.into()))
            }
            None => {
                self.over = true;
                let finished = self.answers.finish().and_then(|ranges| match ranges {
                    Some(ranges) if self.good => {
                        self.run.inputs_hold()?;
                        self.run.results_hold()?;
                        self.run.finish(ranges)
                    }
                    _ => Ok(()),
                });
                finished.err().map(|error| Err(error.into()))
            }
        }
    }
}

impl<R> std::fmt::Debug for Resumed<'_, R> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Resumed").field("run", &self.run).field("index", &self.index).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mpexec_core::named;

    #[test]
    fn where_a_function_is_is_said_in_words() {
        let (square, cube) = (|n: u64| n * n, |n: u64| n * n * n);
        let at = place(&Callable::id(&square));
        let offset = at.strip_prefix("at 0x").expect("it is in this program");
        assert!(u64::from_str_radix(offset, 16).is_ok_and(|offset| offset > 0), "{at}");
        assert_eq!(place(&Callable::id(&square)), at);
        assert_ne!(place(&Callable::id(&cube)), at);
        assert_eq!(place(&Callable::id(&named("square", square))), "\"square\"");
    }
}
