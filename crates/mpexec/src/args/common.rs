//! The options of all commands, which stand before or after the command. What is not typed may be said by a variable `MPEXEC_..`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;
use mpexec_core::{Chaos, Workers};

use super::{LogFormat, On, TransportName, When};
use crate::numbers::{self, Words};
use crate::wanted::Wanted;

/// The options of every command.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for all commands")]
pub(crate) struct Common {
    /// How many worker processes: a number, or auto for as many as there are processors to be used
    #[arg(short = 'j', long, global = true, env = "MPEXEC_WORKERS", value_name = "auto|N", default_value = "auto", value_parser = workers)]
    pub(crate) workers: Workers,

    /// Where the work is done: by workers on this machine, or by jobs of a cluster that share a folder with it (commands with --run-dir; where none is given, a
    /// folder is made here)
    ///
    /// Each job has a node for itself, with as many workers as --workers says. Ctrl-C cancels the jobs; whatever else happens to this process, mpexec runs resume
    /// takes what they compute. A job that is lost is done again, so a task may begin more than once; its result counts once.
    #[arg(long, global = true, value_name = "WHERE")]
    pub(crate) on: Option<On>,

    /// With --on slurm: into how many jobs the work is cut [default: as many as there are idle nodes, but none that is not worth it: of data each job has at
    /// least a gigabyte, of map and run at least as many calls as its node has processors]
    ///
    /// A job takes seconds to begin. A node counts a gigabyte in one; how long a call of yours takes nobody knows, but with fewer calls than processors a node
    /// would be idle in part from the first moment on. If your calls take minutes each, say how many jobs there are to be.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shards: Option<u32>,

    /// With --on slurm: what sbatch is told besides: "-p long -A proj"
    #[arg(long, global = true, value_name = "WORDS", allow_hyphen_values = true, value_parser = numbers::words)]
    pub(crate) engine_args: Option<Words>,

    /// The way between this process and its workers; auto takes shared memory where the system has it
    #[arg(long, global = true, env = "MPEXEC_TRANSPORT", value_name = "WAY", default_value = "auto")]
    pub(crate) transport: TransportName,

    /// The program to start as worker [env, of map and tasks: MPEXEC_WORKER_PROGRAM] [default: for .npy the mpexec-worker beside this program, else itself]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) worker_program: Option<PathBuf>,

    /// How long after Ctrl-C (or SIGTERM, SIGHUP) what runs may take to come to its end: 2s, 500ms, 0
    #[arg(long, global = true, env = "MPEXEC_GRACE", value_name = "TIME", default_value = "2s", value_parser = numbers::time)]
    pub(crate) grace: Duration,

    /// Kill and stop workers while they work, to see that the answer stays: kill=CHANCE,stop=CHANCE,seed=NUMBER
    ///
    /// Every 5 ms each worker that has work is killed with the chance kill, or else stopped for 50 ms with the chance stop (from 0 to 1; 0 if not
    /// given). The same seed gives the same chances. Work that a death strikes is done again by another worker, up to ten times.
    #[arg(long, global = true, value_name = "KEY=VALUE,..")]
    pub(crate) chaos: Option<Chaos>,

    /// Say on stderr what the pool does
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// When to use colours; auto also honours NO_COLOR
    #[arg(long, global = true, env = "MPEXEC_COLOR", value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,

    /// When to show on stderr how far work is that takes over a second; auto: if stderr is a terminal
    #[arg(long, global = true, env = "MPEXEC_PROGRESS", value_name = "WHEN", default_value = "auto")]
    pub(crate) progress: When,

    /// Write a page about the run that needs nothing but itself: a time line for each worker, where the time went, what was slow, what failed
    ///
    /// It is complete, or absent, and also written when the run failed or was interrupted. Lines on stderr say what it says of a pool
    /// that mostly waited.
    #[arg(long, global = true, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Write the run as a trace, for Perfetto (ui.perfetto.dev) or chrome://tracing
    #[arg(long, global = true, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,

    /// When to say at the end why the pool mostly waited, if it did, and what to do; auto: if stderr is a terminal, or with --report
    #[arg(long, global = true, env = "MPEXEC_ADVICE", value_name = "WHEN", default_value = "auto")]
    pub(crate) advice: When,

    /// How to say things on stderr: as text, or as a JSON object a line
    ///
    /// Each has time (UTC), level (error, warn, info, debug) and message; an error also has exit_code, and a status its figures. What tasks write to stderr
    /// themselves is passed on as it is; what commands of `mpexec run` write becomes such lines too.
    #[arg(long, global = true, env = "MPEXEC_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl Common {
    /// What is to be told of the run beside its result.
    pub(crate) fn journal(&self) -> Wanted {
        let seen = std::io::stderr().is_terminal() || self.report.is_some();
        let advice = match self.advice {
            When::Always => true,
            When::Never => false,
            When::Auto => seen && !self.quiet,
        };
        Wanted { report: self.report.clone(), trace: self.trace.clone(), advice }
    }
}

fn workers(text: &str) -> Result<Workers, String> {
    text.parse().map_err(|_| "give auto or a number of at least 1".to_owned())
}
