//! The arguments of `map` and `tasks`.

use std::path::PathBuf;

use super::{LimitArguments, Mode, RangesArguments, ReadingArguments};
use crate::numbers;

const MAP_EXAMPLES: &str = "\
Examples:
  mpexec map word_count lines.jsonl --worker-program ./my-worker
  echo '{\"from\": 1, \"to\": 9}' | mpexec map primes --worker-program ./my-worker
  mpexec map price orders.csv --columns item,number --worker-program ./my-worker
  mpexec map howmany data.bin --with minimum=4 --with maximum=8 --worker-program ./my-worker
  mpexec map price *.csv --per-file --output priced/ --worker-program ./my-worker
  mpexec map fetch urls.jsonl --timeout 30s --retries 2 --mode async --worker-program ./my-worker";

const TASKS_EXAMPLES: &str = "\
Examples:
  mpexec tasks --worker-program ./my-worker
  mpexec tasks --json --worker-program ./my-worker | jq -r .name";

/// Call a task of your own worker program for each row of the input
///
/// The task is a function with #[task] in the program that --worker-program names. Each line of JSON is one call: an array holds all
/// arguments by place, an object all by name, anything else is the only one. Of a .npy array, CSV, Parquet or Arrow each row is one call: the
/// row as a whole if one parameter is left that takes a list, otherwise a value for each parameter: by title, if the titles name all parameters that are left, and
/// by place, if they name none of them. A line that is no JSON is a call that failed; --on-bad-row is for rows of CSV with too few or too many fields.
///
/// What an input holds is seen in its first line, whether it is a file or a pipe: one that is a value of JSON ("a text", null, [1,2], {..}) is the first call of JSON
/// lines. A number alone is a row of CSV, and so is anything else: a first row without numbers is taken for titles, so plain lines of text want --header no. --input-format
/// says it where that is wrong, and --header or --delimiter say that it is CSV.
///
/// JSON has neither NaN nor infinities: they come as null, as an empty cell does, and a parameter of type Option<f64> or Vec<Option<f64>> takes that.
///
/// Each call gives one line of JSON: {"index":0,"ok":RESULT} or {"index":0,"error":{"kind":"panicked","message":..}}. What tasks print
/// to their standard output is thrown away, their standard error is shown.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = MAP_EXAMPLES)]
pub(crate) struct MapArguments {
    /// The name of the task
    #[arg(value_name = "TASK")]
    pub(crate) task: String,

    /// The files to read, one after the other, or folders of files; - for standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    pub(crate) inputs: Vec<PathBuf>,

    /// An argument that is the same in all calls: a parameter's name and its value as JSON, or as text if that is no JSON
    #[arg(long, value_name = "NAME=VALUE", value_parser = numbers::pair)]
    pub(crate) with: Vec<(String, String)>,

    /// Write the results of each file by itself, numbered from 0 on; then --output names a folder
    #[arg(long)]
    pub(crate) per_file: bool,

    /// Write the results to FILE; - for standard output; compressed, if its name ends with .gz or .zst
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// Whether results come in the order of the input (sync) or as they are ready (async)
    #[arg(long, value_name = "MODE", default_value = "sync")]
    pub(crate) mode: Mode,

    /// End at the first failure, whichever call it is of: those that run are ended, and those that have not begun are not made
    #[arg(long)]
    pub(crate) fail_fast: bool,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    #[command(flatten)]
    pub(crate) keeping: RangesArguments,
}

/// List the tasks of a worker program: names, parameters, types, and the first line of their documentation
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = TASKS_EXAMPLES)]
pub(crate) struct TasksArguments {
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}
