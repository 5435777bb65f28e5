//! A command's run folder: what was typed becomes its plan, and what is missing of it goes to the pool.

mod again;
mod looked;
mod shelf;
mod who;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpexec_runs::{CommandLine, Cut, Plan, Program, RunError, RunFolder, hash_of_file};

use crate::cluster::{self, Cluster, Job};
use crate::console::Level;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Running;
pub(crate) use again::{Typed, typed_again};
pub(crate) use looked::Looked;
pub(crate) use shelf::Shelf;
pub(crate) use who::Who;

/// A run that reads files has not many more ranges than this: each costs some milliseconds to publish.
pub(crate) const MOST_RANGES: u64 = 1024;

/// The same of one whose tasks are the user's: a range may be a single row, because a row may take hours.
pub(crate) const MOST_RANGES_OF_CALLS: u64 = 256;

/// Whoever passes over results that are there hands on those whose turn it is each so often, so that they wait neither in memory nor for the first that is computed.
pub(crate) const HAND_ON_EVERY: u32 = 256;

/// Work is cut into pieces as for so many workers, however many there are.
pub(crate) const AS_FOR_WORKERS: usize = 16;

/// So many bytes of an array take about 20 ms to count. Less of it would cost more to publish than to count.
pub(crate) const RANGE_OF_ARRAY: u64 = 128 << 20;

/// So many bytes of a table take a tenth of a second and more.
pub(crate) const RANGE_OF_TABLE: u64 = 32 << 20;

/// A range of more bytes would be none that can be lost: it takes minutes, and the memory that its results take, which may be as long, waits for it.
pub(crate) const LARGEST_RANGE: u64 = 16 << 30;

/// A shard should have so many bytes: to begin a job takes seconds, and a node counts a gigabyte in one.
const SHARD: u64 = 1 << 30;

/// This program.
const ITSELF: &str = "/proc/self/exe";

/// A run is done, and its output has its name: so many ranges have their results, which may be removed from now on.
///
/// # Errors
/// A [`Failure`] of files.
pub(crate) fn done(run: &RunFolder, ranges: u64) -> Result<(), Failure> {
    // Of a share, which prints nothing, nothing is done.
    crate::stdout::sync()?;
    run.finish(ranges)?;
    if !run.is_share() {
        cluster::end_what_is_left(run);
    }
    Ok(())
}

/// The run folder that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keeping {
    pub(crate) folder: PathBuf,
    /// Nobody has named the folder.
    pub(crate) unnamed: bool,
    pub(crate) afresh: bool,
    /// The least bytes that are a range, if that was said.
    pub(crate) range: Option<u64>,
    /// What decides about the results, by name.
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) command: CommandLine,
    /// Who computes what is missing.
    pub(crate) who: Who,
}

/// What a command computes.
pub(crate) struct Computes<'a> {
    pub(crate) task: &'a str,
    /// What it takes and gives.
    pub(crate) signature: String,
    /// `None`: this program itself.
    pub(crate) worker: Option<&'a Path>,
    pub(crate) inputs: &'a Looked,
    /// The least bytes that are a range.
    pub(crate) range: u64,
    /// About so many ranges at most.
    pub(crate) most: u64,
}

impl Keeping {
    /// Opens the folder, with the plan of what is computed.
    ///
    /// # Errors
    /// A [`Failure`] of usage if the folder was begun with something else, of files if it or an input cannot be read or written.
    pub(crate) fn open(&self, what: &Computes<'_>, running: &Arc<Running>) -> Result<Arc<RunFolder>, Failure> {
        let inputs = what.inputs.inputs().to_vec();
        let bytes: u64 = inputs.iter().map(|input| input.size).sum();
        let worker = what.worker.unwrap_or(Path::new(ITSELF));
        let name = what
            .worker
            .and_then(Path::file_name)
            .map_or_else(|| "mpexec".into(), |name| name.to_string_lossy().into_owned());
        let mut options = self.options.clone();
        if what.worker.is_some() {
            // What is cut, kept and put together here decides as well.
            let hash = hash_of_file(Path::new(ITSELF))?;
            options.insert(
                "the program mpexec".to_owned(),
                format!("{} (blake3 {})", env!("CARGO_PKG_VERSION"), &hash[..16]),
            );
        }
        let plan = Plan {
            program: Program { name, version: env!("CARGO_PKG_VERSION").to_owned(), hash: hash_of_file(worker)? },
            task: what.task.to_owned(),
            signature: what.signature.clone(),
            options,
            inputs,
            cut: Cut {
                as_for_workers: AS_FOR_WORKERS as u64,
                range_weight: self.range.unwrap_or_else(|| what.range.max(bytes / what.most).min(LARGEST_RANGE)),
                range_tasks: u64::MAX,
            },
            command: Some(self.command.clone()),
        };
        let told = |line: &str| {
            if let Some(console) = running.console() {
                console.note(Level::Normal, line);
            }
        };
        if self.afresh && !matches!(self.who, Who::Share(_)) {
            cluster::end_jobs(&self.folder, told)?;
        }
        let run = match &self.who {
            Who::Here => RunFolder::open(&self.folder, &plan, self.afresh)?,
            Who::Share(share) => RunFolder::join(&self.folder, &plan)?.only(*share),
            Who::Jobs(settings) if self.command.stdin => {
                return Err(Failure::usage(format!(
                    "standard input cannot be read on another machine: with --on {}, name files",
                    settings.engine.name
                )));
            }
            Who::Jobs(settings) => {
                let run = RunFolder::open(&self.folder, &plan, self.afresh)?;
                // Of calls, one of which may take hours, bytes say nothing.
                let most = (what.range > 1).then_some(bytes / SHARD);
                let inputs = plan.inputs.len() as u64;
                let job = Job { worker: what.worker, most, inputs, unnamed: self.unnamed };
                let cluster = Cluster::begin(&run, settings, &job, running)?;
                run.computed_by(Box::new(cluster))
            }
        };
        if !matches!(self.who, Who::Share(_)) {
            run.doubts().iter().for_each(|doubt| told(doubt));
        }
        let run = Arc::new(run);
        running.keeps(&run);
        Ok(run)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        match error {
            RunError::Elsewhere => return Failure::ShareDone,
            RunError::Refused { message } => return Failure::Refused { line: message },
            RunError::NotComputed { message, begun: true } => return Failure::task(message),
            RunError::NotComputed { message, begun: false } => {
                return Failure::Error { exit: Exit::Pool, line: message };
            }
            _ => {}
        }
        if error.is_contradiction() { Failure::usage(error.to_string()) } else { Failure::files(error.to_string()) }
    }
}
