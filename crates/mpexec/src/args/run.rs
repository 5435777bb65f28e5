//! The arguments of `run`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{LimitArguments, RunDirArguments};
use crate::numbers::{self, Halt};

const EXAMPLES: &str = "\
Examples:
  mpexec run 'gzip -k {}' ::: *.log
  find . -name '*.wav' -print0 | mpexec run -0 'flac {} -o {.}.flac'
  mpexec run --keep-order --tag 'wc -l <{} | tr -d \" \"' ::: *.txt
  mpexec run --arg-file commands.txt                 each line is a command
  mpexec run --timeout 30s --retries 2 --joblog log 'curl -sSO {}' <urls.txt
  mpexec run --halt now,fail=1 --results out make -C {} test ::: a b c

Places for the argument: {} itself, {.} without its ending, {/} without its folders, {//} its folder, {/.} its name without its ending,
{#} the number of the command, {%} that of the worker. Where there is none, the argument comes last.";

/// Run a command for each argument, many at once
///
/// COMMAND is one word, a command line as you would type it; or several words, which are taken as they are and never seen by a shell. A shell
/// (sh) is started only if the command line has characters that only a shell understands. Arguments stay one word whatever is in
/// them, within quotes and $(..) too: there is no need to quote their places. A line with a place where that cannot be is refused. A shell that
/// COMMAND itself starts (sh -c, eval, ssh) reads them again: hand them over behind its line, as in sh -c 'echo "$1"' sh {}.
///
/// Arguments come after :::, or from --arg-file, or from standard input, one a line; empty lines are left out. Without COMMAND each line is a
/// command line itself. Options stand before COMMAND. Commands have an empty standard input. The output of a command is printed when it has
/// ended, in one piece.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "mpexec run [OPTIONS] [COMMAND]... [::: ARGUMENT...]")]
pub(crate) struct RunArguments {
    /// The command, and after ::: its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    pub(crate) words: Vec<OsString>,

    /// Read the arguments from FILE; - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) arg_file: Option<PathBuf>,

    /// Arguments that are read end with a NUL, not with a line end: find -print0
    #[arg(short = '0', long)]
    pub(crate) null: bool,

    /// Print outputs in the order of the arguments, not as the commands end
    #[arg(short, long)]
    pub(crate) keep_order: bool,

    /// Begin each line of output with the argument and a tab; not with --results, where none is printed
    #[arg(long, conflicts_with = "results")]
    pub(crate) tag: bool,

    /// Print the commands and run none
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Write a line for each command to FILE: when it began, how long it took, how it ended
    #[arg(long, value_name = "FILE")]
    pub(crate) joblog: Option<PathBuf>,

    /// Write outputs to DIR/NUMBER/stdout and stderr, and print none; not with --run-dir
    #[arg(long, value_name = "DIR")]
    pub(crate) results: Option<PathBuf>,

    /// End when so many commands have failed, or so many in a hundred (three at least): soon lets those that run come to their end [default: never]
    #[arg(long, value_name = "now|soon,fail=N|N%", value_parser = numbers::halt)]
    pub(crate) halt: Option<Halt>,

    /// Be so much nicer to other programs: 1 to 19
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=19))]
    pub(crate) nice: Option<i32>,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,

    #[command(flatten)]
    pub(crate) keeping: RunDirArguments,
}
