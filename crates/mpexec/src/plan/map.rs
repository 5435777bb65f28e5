//! What `map` and `tasks` mean: whose tasks, with which limits, from where to where.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mpexec::names::shown;
use mpexec_core::PoolBuilder;
use mpexec_data::Packing;

use super::counts::{by_ending, each_its_own, named_after, packing_of};
use super::{Place, PoolPlan, Reading, Surroundings, kept, place, pool, reading};
use crate::args::{Common, FormatName, LimitArguments, MapArguments, Mode, TasksArguments, When};
use crate::failure::Failure;
use crate::keeping::Keeping;

/// `map`, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MapPlan {
    pub(crate) pool: PoolPlan,
    pub(crate) task: String,
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) reading: Reading,
    /// Arguments that are the same in all calls: names, and values as they were typed.
    pub(crate) with: Vec<(String, String)>,
    /// Of each input by itself, a folder.
    pub(crate) place: Place,
    pub(crate) packing: Option<Packing>,
    /// Whether the results of each input are by themselves.
    pub(crate) per_file: bool,
    pub(crate) ordered: bool,
    pub(crate) fail_fast: bool,
    pub(crate) limits: Limits,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

impl MapPlan {
    /// Where the results of this input go.
    pub(crate) fn place_of(&self, input: &Path) -> Place {
        match &self.place {
            Place::File(folder) if self.per_file => Place::File(named_after(input, folder, FormatName::Jsonl)),
            place => place.clone(),
        }
    }

    /// The files that appear at the end.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if two would have one name.
    pub(crate) fn outputs(&self, inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let file = |place| match place {
            Place::File(path) => Some(path),
            Place::Stdout => None,
        };
        let most = if self.per_file { inputs.len() } else { 1 };
        each_its_own(inputs.iter().take(most).filter_map(|input| file(self.place_of(input))).collect())
    }
}

/// `tasks`, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TasksPlan {
    pub(crate) pool: PoolPlan,
    pub(crate) json: bool,
}

/// What a task may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
    pub(crate) memory: Option<u64>,
    pub(crate) max_tasks_per_worker: Option<u64>,
}

impl Limits {
    pub(super) fn new(arguments: &LimitArguments) -> Limits {
        let LimitArguments { timeout, retries, memory, max_tasks_per_worker } = *arguments;
        Limits { timeout, retries, memory, max_tasks_per_worker }
    }

    /// Tells a pool of them, but for the retries; `timeout` is the time limit that the pool is to hold.
    pub(crate) fn apply(&self, mut builder: PoolBuilder, timeout: Option<Duration>) -> PoolBuilder {
        if let Some(limit) = timeout {
            builder = builder.time_limit(limit);
        }
        if let Some(bytes) = self.memory {
            builder = builder.memory_limit(bytes);
        }
        if let Some(tasks) = self.max_tasks_per_worker {
            builder = builder.max_tasks_per_worker(tasks);
        }
        builder
    }
}

pub(super) fn map(arguments: MapArguments, mut common: Common, mut around: Surroundings) -> Result<MapPlan, Failure> {
    if let (None, Some(named)) = (&common.worker_program, variable(&around)) {
        // Whoever types the words again may have another variable, or none.
        let behind_the_program = around.words.len().min(1);
        around.words.splice(behind_the_program..behind_the_program, ["--worker-program".into(), named.clone()]);
        common.worker_program = Some(named.into());
    }
    let (progress, reading) = (common.progress, reading(arguments.reading));
    let with = arguments.with.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    let options = [("with", with), ("per-file", arguments.per_file.to_string())];
    let keeping = kept(arguments.keeping, &around, Some(&reading), options)?;
    keeping.iter().try_for_each(|keeping| keeping.who.refuse_to_end_early("--fail-fast", arguments.fail_fast))?;
    let place = place(arguments.output);
    let packing = match &place {
        Place::File(path) if !arguments.per_file => packed(path)?,
        _ => None,
    };
    if arguments.per_file {
        let refused = match (&place, arguments.mode) {
            (Place::Stdout, _) => "--per-file writes a file for each that is read: name a folder with --output",
            (_, Mode::Async) => "the files of --per-file are written one after the other: leave --mode async away",
            _ => "",
        };
        if !refused.is_empty() {
            return Err(Failure::usage(refused));
        }
    }
    Ok(MapPlan {
        keeping,
        pool: of_user(common, around)?,
        task: arguments.task,
        inputs: arguments.inputs,
        reading,
        with: arguments.with,
        place,
        packing,
        per_file: arguments.per_file,
        ordered: arguments.mode == Mode::Sync,
        fail_fast: arguments.fail_fast,
        limits: Limits::new(&arguments.limits),
        progress,
    })
}

/// How the file of the results is compressed.
///
/// # Errors
/// A [`Failure`] of usage, if its name promises what lines of JSON are not.
fn packed(path: &Path) -> Result<Option<Packing>, Failure> {
    let (packing, inner) = packing_of(path);
    match by_ending(&inner) {
        None | Some(FormatName::Jsonl) => Ok(packing),
        Some(_) => Err(Failure::usage(format!(
            "{}: results are lines of JSON: let the name end with .jsonl, or .jsonl.gz or .jsonl.zst",
            shown(path)
        ))),
    }
}

pub(super) fn tasks(arguments: &TasksArguments, common: Common, around: Surroundings) -> Result<TasksPlan, Failure> {
    Ok(TasksPlan { pool: of_user(common, around)?, json: arguments.json })
}

/// The variable that names a worker program. One that is empty is none.
fn variable(around: &Surroundings) -> Option<OsString> {
    around.variable.clone().filter(|value| !value.is_empty())
}

/// The pool of a program that the user names: this one has no tasks that could be called with JSON.
fn of_user(mut common: Common, around: Surroundings) -> Result<PoolPlan, Failure> {
    common.worker_program = common.worker_program.or_else(|| variable(&around).map(PathBuf::from));
    let pool = pool(common, around);
    if pool.table_worker.is_none() {
        return Err(Failure::usage(
            "no worker program: name the program that has the task with --worker-program FILE (or MPEXEC_WORKER_PROGRAM)",
        ));
    }
    Ok(pool)
}
