//! What was typed, understood: contradictions are refused and everything that can be decided without a file is decided.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use mpexec::names::shown;
use mpexec_core::{Chaos, Transport, Workers};
use mpexec_data::{Columns, DType, Format, OnBadRow, Shape, npy_header};

use crate::args::{
    Arguments, BadRowName, Command, Common, CountArguments, GenArguments, Header, InputFormat, ReadingArguments,
    RunsCommand, When,
};
use crate::failure::Failure;
use crate::keeping::{Keeping, Who};

mod apart;
mod counts;
mod frame;
mod kept;
mod map;
mod rows;
mod run;
mod share;

pub(crate) use counts::Counts;
pub(crate) use frame::FramePlan;
use kept::kept;
use map::Limits;
pub(crate) use map::{MapPlan, TasksPlan};
pub(crate) use rows::{CommonItemsPlan, NormalizePlan, RowsAs, RowsOutput};
pub(crate) use run::{RunInput, RunPlan};

/// What the surroundings say about the worker program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// The variable `MPEXEC_WORKER_PROGRAM`: whose tasks `map` and `tasks` are to take.
    pub(crate) variable: Option<OsString>,
    /// The worker program beside this one, if there is one.
    pub(crate) beside: Option<PathBuf>,
    /// What was typed.
    pub(crate) words: Vec<OsString>,
    /// Who computes; until the command line is understood, that is this process.
    pub(crate) who: Who,
}

/// A command, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plan {
    Gen(GenPlan),
    Count(CountPlan),
    Normalize(NormalizePlan),
    CommonItems(CommonItemsPlan),
    Map(MapPlan),
    Tasks(TasksPlan),
    Run(Box<RunPlan>),
    Frame(FramePlan),
    Completions(Shell),
    ManPages(PathBuf),
    Runs(RunsCommand),
    Workers(Workers),
}

/// The pool that a command wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PoolPlan {
    pub(crate) workers: Workers,
    pub(crate) transport: Transport,
    /// The program of workers for arrays,
    pub(crate) array_worker: Option<PathBuf>,
    /// and for tables. `None`: this program itself.
    pub(crate) table_worker: Option<PathBuf>,
    /// What is done to its workers.
    pub(crate) chaos: Option<Chaos>,
    /// Whether it records what it does.
    pub(crate) record: bool,
}

/// A place for a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Stdout,
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GenPlan {
    pub(crate) place: Place,
    pub(crate) rows: u64,
    pub(crate) cols: u64,
    pub(crate) low: i64,
    pub(crate) high: i128,
    pub(crate) seed: u32,
    /// The length of the whole file.
    pub(crate) bytes: u64,
    pub(crate) progress: When,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CountPlan {
    pub(crate) pool: PoolPlan,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) reading: Reading,
    pub(crate) minimum: String,
    pub(crate) maximum: String,
    pub(crate) counts: Counts,
    /// Whether each file is a table of its own.
    pub(crate) per_file: bool,
    pub(crate) json: bool,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

/// How tables are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// `None`: as their content says.
    pub(crate) format: Option<Format>,
    pub(crate) columns: Columns,
    /// `None`: as the first rows show.
    pub(crate) delimiter: Option<u8>,
    /// `None`: as the first rows show.
    pub(crate) header: Option<bool>,
    pub(crate) on_bad_row: OnBadRow,
}

impl Reading {
    /// What was done with bad rows.
    pub(crate) fn told(&self) -> &'static str {
        match self.on_bad_row {
            OnBadRow::Fail => "refused",
            OnBadRow::Skip => "left out",
            OnBadRow::Null => "taken with missing values",
        }
    }
}

impl Plan {
    /// Understands a command line.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if it contradicts itself.
    pub(crate) fn new(arguments: Arguments, around: Surroundings) -> Result<Plan, Failure> {
        let Arguments { common, command } = arguments;
        let around = match around.who {
            Who::Here => Surroundings { who: Who::of(&common)?, ..around },
            _ => around,
        };
        if let Some(engine) = around.who.engine() {
            let refused = if !command.has_pool() {
                "this command has no run folder: there is nothing to be done"
            } else if common.report.is_some() || common.trace.is_some() {
                "--report and --trace tell of workers on this machine: there are none to be told of"
            } else {
                ""
            };
            if !refused.is_empty() {
                return Err(Failure::usage(format!("{refused} with --on {engine}")));
            }
        }
        if (common.report.is_some() || common.trace.is_some()) && !command.has_pool() {
            return Err(Failure::usage(
                "this command has no workers: there is nothing to write with --report or --trace",
            ));
        }
        let share = matches!(around.who, Who::Share(_));
        let journal = common.journal();
        let plan = Plan::of(command, common, around)?;
        plan.write_elsewhere(&journal)?;
        plan.write_apart(&journal)?;
        Ok(if share { plan.without_output() } else { plan })
    }

    fn of(command: Command, common: Common, around: Surroundings) -> Result<Plan, Failure> {
        match command {
            Command::Gen(gen_arguments) => generate(gen_arguments, &common).map(Plan::Gen),
            Command::CountRange(count) => count_range(count, common, around).map(Plan::Count),
            Command::Normalize(what) => rows::normalize(what, common, around).map(Plan::Normalize),
            Command::CommonItems(what) => rows::common_items(what, common, around).map(Plan::CommonItems),
            Command::Map(arguments) => map::map(arguments, common, around).map(Plan::Map),
            Command::Tasks(arguments) => map::tasks(&arguments, common, around).map(Plan::Tasks),
            Command::Run(arguments) => run::run(arguments, common, around).map(Box::new).map(Plan::Run),
            Command::Frame(arguments) => frame::frame(arguments, common, around).map(Plan::Frame),
            Command::Completions(arguments) => Ok(Plan::Completions(arguments.shell)),
            Command::ManPages(arguments) => Ok(Plan::ManPages(arguments.folder)),
            Command::Runs(arguments) => Ok(Plan::Runs(arguments.command)),
            Command::Workers => Ok(Plan::Workers(common.workers)),
        }
    }
}

fn generate(arguments: GenArguments, common: &Common) -> Result<GenPlan, Failure> {
    let GenArguments { file, rows, cols, low, high, seed } = arguments;
    if i128::from(low) >= high {
        return Err(Failure::usage(format!("--low {low} is not below --high {high}: there is no number to choose")));
    }
    let bytes = bytes_of(rows, cols).ok_or_else(|| {
        Failure::usage(format!("{}: no file can hold the shape ({rows}, {cols}) of int64", shown(&file)))
    })?;
    Ok(GenPlan {
        bytes,
        place: place(file),
        rows,
        cols,
        low,
        high,
        seed: seed.unwrap_or_else(any_seed),
        progress: common.progress,
    })
}

/// The length of a file of so many numbers; `None` if no file can be as long. As in NumPy, a side of length 0 allows the
/// other no more than 1 would.
fn bytes_of(rows: u64, cols: u64) -> Option<u64> {
    let header = npy_header(DType::I64, Shape::Matrix(rows, cols)).len() as u64;
    let length = |numbers: u64| numbers.checked_mul(8)?.checked_add(header).filter(|&bytes| bytes <= i64::MAX as u64);
    length(rows.max(1).checked_mul(cols.max(1))?)?;
    length(rows * cols)
}

/// Not for secrets: another one each time is all that is asked.
fn any_seed() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) as u32
}

fn count_range(arguments: CountArguments, common: Common, around: Surroundings) -> Result<CountPlan, Failure> {
    let counts = Counts::new(&arguments)?;
    if arguments.json && counts.is_printed() {
        return Err(Failure::usage(
            "--json and --output - both want standard output: leave one away, or write the counts to a file",
        ));
    }
    let progress = common.progress;
    let reading = reading(arguments.reading);
    let options = [
        ("minimum", arguments.min.clone()),
        ("maximum", arguments.max.clone()),
        ("counts", if counts == Counts::Nowhere { "summed up".to_owned() } else { "kept".to_owned() }),
        ("per-file", arguments.per_file.to_string()),
    ];
    Ok(CountPlan {
        keeping: kept(arguments.keeping, &around, Some(&reading), options)?,
        pool: pool(common, around),
        files: arguments.files,
        reading,
        minimum: arguments.min,
        maximum: arguments.max,
        counts,
        per_file: arguments.per_file,
        json: arguments.json,
        progress,
    })
}

fn pool(common: Common, around: Surroundings) -> PoolPlan {
    // What waits for others has nothing to tell of itself.
    let record = common.journal().anything() && around.who.engine().is_none();
    let (workers, transport) = (around.who.workers(common.workers), common.transport.into());
    let [array_worker, table_worker] = worker_programs(common.worker_program, around);
    PoolPlan { workers, transport, array_worker, table_worker, chaos: common.chaos, record }
}

fn reading(arguments: ReadingArguments) -> Reading {
    let (format, delimiter) = format(arguments.input_format);
    Reading {
        format,
        columns: arguments
            .columns
            .map_or_else(Columns::all, |chosen| Columns::named(chosen.into_iter().flat_map(|names| names.0))),
        delimiter: arguments.delimiter.or(delimiter),
        header: header(arguments.header),
        on_bad_row: match arguments.on_bad_row {
            BadRowName::Fail => OnBadRow::Fail,
            BadRowName::Skip => OnBadRow::Skip,
            BadRowName::Null => OnBadRow::Null,
        },
    }
}

/// The format that was named, and the delimiter that it implies.
fn format(named: Option<InputFormat>) -> (Option<Format>, Option<u8>) {
    match named {
        None => (None, None),
        Some(InputFormat::Npy) => (Some(Format::Npy), None),
        Some(InputFormat::Csv) => (Some(Format::Csv), None),
        Some(InputFormat::Jsonl) => (Some(Format::JsonLines), None),
        Some(InputFormat::Tsv) => (Some(Format::Csv), Some(b'\t')),
        Some(InputFormat::Parquet) => (Some(Format::Parquet), None),
        Some(InputFormat::Arrow) => (Some(Format::Arrow), None),
    }
}

fn header(said: Header) -> Option<bool> {
    match said {
        Header::Auto => None,
        Header::Yes => Some(true),
        Header::No => Some(false),
    }
}

fn place(path: PathBuf) -> Place {
    if path == Path::new("-") { Place::Stdout } else { Place::File(path) }
}

/// The option, then for arrays the small program beside this one, then this one itself. The search path is never
/// searched: what lies there under our name may be anything. The variable does not count here: a program with somebody's own tasks has not those
/// of this one.
fn worker_programs(option: Option<PathBuf>, around: Surroundings) -> [Option<PathBuf>; 2] {
    // A bare name would be looked up in the search path.
    [option.clone().or(around.beside), option]
        .map(|program| program.map(|program| std::path::absolute(&program).unwrap_or(program)))
}

#[cfg(test)]
mod tests;
