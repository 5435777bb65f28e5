//! What was typed: the command line as clap reads it. What it means is decided in `plan.rs`.
//!
//! Options that are no command's own are `global`, so they are accepted before and after the command. Bounds stay text
//! here, because what `4` or `2.5` means depends on the type of the numbers in the file.

mod common;
mod limits;
mod map;
mod papers;
mod run;
mod runs;
mod tables;

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::PossibleValue;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand, ValueEnum};
use mpexec_core::Transport;

pub(crate) use self::common::Common;
pub(crate) use self::limits::LimitArguments;
pub(crate) use self::map::{MapArguments, TasksArguments};
pub(crate) use self::papers::{CompletionsArguments, ManPagesArguments};
pub(crate) use self::run::RunArguments;
pub(crate) use self::runs::{RangesArguments, RunDirArguments, RunsArguments, RunsCommand};
pub(crate) use self::tables::{By, CommonItemsArguments, FrameArguments, FrameTask, NormalizeArguments};
use crate::engines::{ENGINES, Kind};
use crate::numbers::{self, Names};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  mpexec gen data.bin --rows 200000 --cols 5 --seed 100
  mpexec count-range data.bin
  mpexec --workers 3 count-range data.bin --min 2.5 --max 7
  mpexec count-range data.bin --output - | sort -n | uniq -c
  mpexec tasks --worker-program ./my-worker
  mpexec map my_task rows.jsonl --worker-program ./my-worker
  mpexec run 'gzip -k {}' ::: *.log
  mpexec count-range large.npy --run-dir run     and after a kill: mpexec runs resume run
  mpexec --on slurm count-range large.npy --run-dir /shared/run
  mpexec workers

Exit codes:
  0    done
  1    some task failed
  2    usage, or another plan than the run folder's
  3    input could not be read, output not written, or run folder in use or damaged
  4    the pool could not start
  129, 130, 143    ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM

Variables:
  MPEXEC_WORKERS, MPEXEC_TRANSPORT, MPEXEC_GRACE, MPEXEC_COLOR, MPEXEC_PROGRESS, MPEXEC_ADVICE, MPEXEC_LOG_FORMAT, MPEXEC_WORKER_PROGRAM    in place of the options
  NO_COLOR    no colours";

const WORKERS_EXAMPLES: &str = "\
Examples:
  mpexec workers
  taskset --cpu-list 0 mpexec workers         what auto means on one processor
  mpexec -v count-range data.bin              what a command takes, on stderr";

const COUNT_EXAMPLES: &str = "\
Examples:
  mpexec count-range data.bin                        the summary, for people
  mpexec count-range data.bin --json                 the summary, for programs
  mpexec count-range data.bin --output counts.npy    all counts, as an array
  mpexec count-range data.bin --output -             all counts, one a line, in order
  mpexec count-range data.bin --output - --mode async  row<TAB>count, as they come
  mpexec count-range data.bin --min -7 --max 2.5
  mpexec count-range prices.csv --columns open,close --min 10 --max 20
  mpexec count-range *.csv --on-bad-row skip --output counts.csv.zst
  mpexec count-range folder-of-parquet/ --columns 1,2 --output counts.parquet
  mpexec count-range *.npy --per-file --output folder/ --output-format csv
  curl -s https://example.org/prices.jsonl.gz | mpexec count-range - --columns close";

const GEN_EXAMPLES: &str = "\
Examples:
  mpexec gen data.bin --rows 200000 --cols 5 --seed 100
  mpexec gen dice.npy --rows 1000 --cols 2 --low 1 --high 7

The same file in Python:
  numpy.save(f, numpy.random.RandomState(100).randint(0, 10, size=[200000, 5]))";

/// Run functions over rows of data in a pool of worker processes
#[derive(Debug, Parser)]
#[command(name = "mpexec", version, propagate_version = true, styles = STYLES, after_help = EXAMPLES, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Gen(GenArguments),
    CountRange(CountArguments),
    Normalize(NormalizeArguments),
    CommonItems(CommonItemsArguments),
    Map(MapArguments),
    Tasks(TasksArguments),
    Run(RunArguments),
    Frame(FrameArguments),
    Runs(RunsArguments),
    Completions(CompletionsArguments),
    ManPages(ManPagesArguments),
    /// Print how many workers auto means here, and why
    #[command(after_help = WORKERS_EXAMPLES)]
    Workers,
}

impl Command {
    /// Whether workers do its work.
    pub(crate) fn has_pool(&self) -> bool {
        use Command::{CommonItems, CountRange, Frame, Map, Normalize, Run};
        matches!(self, CountRange(_) | Normalize(_) | CommonItems(_) | Map(_) | Run(_) | Frame(_))
    }
}

/// Write a table of random whole numbers as an int64 .npy file
///
/// The numbers are those of NumPy's legacy generator: RandomState(SEED).randint(LOW, HIGH, size=[ROWS, COLS]).
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = GEN_EXAMPLES)]
pub(crate) struct GenArguments {
    /// The file to write; - for standard output
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The number of rows
    #[arg(long, value_name = "N")]
    pub(crate) rows: u64,

    /// The number of columns
    #[arg(long, value_name = "N")]
    pub(crate) cols: u64,

    /// The least number; a fraction is cut off, as NumPy does
    #[arg(long, value_name = "NUMBER", default_value = "0", allow_hyphen_values = true, value_parser = numbers::whole)]
    pub(crate) low: i64,

    /// The end of the numbers, itself not among them
    #[arg(long, value_name = "NUMBER", default_value = "10", allow_hyphen_values = true, value_parser = numbers::end)]
    pub(crate) high: i128,

    /// The seed, 0 to 4294967295 [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u32>,
}

/// Count, in each row of a table, the values from MIN to MAX
///
/// A file is known by its content, not by its name: a .npy array of one or two dimensions (bool, integers of 8 to 64 bits,
/// float32, float64), CSV (with any delimiter, with or without titles), JSON lines, Parquet or Arrow IPC; texts may be compressed with gzip or
/// zstd. Several files are one table, one below the other, and so are the files in a folder. Both bounds are among the values that count.
///
/// Values are compared as NumPy compares them for their type. A text has no types: a whole number is compared exactly, any other as
/// float64, true and false are 1 and 0. A missing value (an empty cell, NA, NaN, null and the like) is in no range.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = COUNT_EXAMPLES)]
pub(crate) struct CountArguments {
    /// The files to read, or folders of files; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// The least value that counts
    #[arg(long, value_name = "NUMBER", default_value = "4", allow_hyphen_values = true, value_parser = numbers::bound)]
    pub(crate) min: String,

    /// The greatest value that counts
    #[arg(long, value_name = "NUMBER", default_value = "8", allow_hyphen_values = true, value_parser = numbers::bound)]
    pub(crate) max: String,

    /// Count each file by itself instead of all as one table; then --output names a folder
    #[arg(long)]
    pub(crate) per_file: bool,

    /// Write the count of every row to FILE; - for standard output, which then gets nothing else
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// How the counts are written [default: by the ending of FILE, also with .gz or .zst behind it; text for -; npy with --per-file]
    #[arg(long, value_name = "FORMAT", requires = "output")]
    pub(crate) output_format: Option<FormatName>,

    /// Whether counts come in the order of the rows (sync) or as they are ready (async, with --output -)
    #[arg(long, value_name = "MODE", default_value = "sync")]
    pub(crate) mode: Mode,

    /// Print the summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) keeping: RangesArguments,
}

/// How tables are read.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for reading")]
pub(crate) struct ReadingArguments {
    /// What the files hold, where their content is not to decide
    #[arg(long, value_name = "FORMAT")]
    pub(crate) input_format: Option<InputFormat>,

    /// The columns that are read, by name or by number from 1 on: price,3; +3 where a title is 3; a name with a comma in double quotes: '"a, b",c' [default: all]
    #[arg(long, value_name = "NAMES", value_parser = numbers::names)]
    pub(crate) columns: Option<Vec<Names>>,

    /// What stands between two fields of CSV: one character, or tab [default: seen in the first rows]
    #[arg(long, value_name = "CHAR", value_parser = numbers::delimiter)]
    pub(crate) delimiter: Option<u8>,

    /// Whether the first row of CSV is titles; auto: if it has a cell that is no number above one that is, or no number at all
    #[arg(long, value_name = "auto|yes|no", default_value = "auto")]
    pub(crate) header: Header,

    /// What to do with a row that cannot be read: end with an error, leave it out, or take what is wrong in it for missing
    #[arg(long, value_name = "fail|skip|null", default_value = "fail")]
    pub(crate) on_bad_row: BadRowName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    Npy,
    Csv,
    /// CSV with tabs
    Tsv,
    /// JSON, a row a line
    Jsonl,
    Parquet,
    /// Arrow IPC, a file or a stream
    Arrow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Header {
    Auto,
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BadRowName {
    Fail,
    Skip,
    Null,
}

/// The links that a person may ask for; the library has one more, for its own tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportName {
    Auto,
    /// Shared memory (Linux)
    Shm,
    /// A local socket
    Socket,
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Transport {
        match name {
            TransportName::Auto => Transport::Auto,
            TransportName::Shm => Transport::Shm,
            TransportName::Socket => Transport::Socket,
        }
    }
}

/// Where work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// On this machine,
    Local,
    /// or by the jobs of a cluster.
    Jobs(Kind),
}

impl ValueEnum for On {
    fn value_variants<'a>() -> &'a [On] {
        static ALL: LazyLock<Vec<On>> =
            LazyLock::new(|| [On::Local].into_iter().chain(ENGINES.iter().copied().map(On::Jobs)).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            On::Local => PossibleValue::new("local").help("This machine"),
            On::Jobs(engine) => PossibleValue::new(engine.name).help(engine.about),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Sync,
    Async,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatName {
    /// A NumPy array
    Npy,
    /// row,count with a line of titles
    Csv,
    /// The same with tabs
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// The columns row and count
    Parquet,
    /// The same as an Arrow file
    Arrow,
    /// One count a line
    Text,
}

#[cfg(test)]
mod tests;
