//! What was typed about run folders: the options of the commands that have one, and the commands about them.

use std::path::PathBuf;

use clap::Subcommand;
use mpexec_runs::Share;

use crate::numbers;

const EXAMPLES: &str = "\
Examples:
  mpexec count-range large.npy --run-dir run --output counts.npy
  mpexec runs list                       those in this folder
  mpexec runs show run --check           how far one is, and whether its results are whole
  mpexec runs resume run                 compute what is missing
  mpexec runs clean run                  remove it, when it is done";

/// Where results are kept.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Options for runs that survive")]
pub(crate) struct RunDirArguments {
    /// Keep the results in DIR, so that the run can go on after its end: the same command, or mpexec runs resume DIR, computes what is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,

    /// Start over: drop the run that DIR holds, also if it was begun with other inputs or options or by another version
    #[arg(long, requires = "run_dir")]
    pub(crate) force_plan: bool,
}

/// The same, of work on data that is cut into ranges.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct RangesArguments {
    #[command(flatten)]
    pub(crate) dir: RunDirArguments,

    /// With --run-dir: the least bytes of input that have one result, at most 16G; less is lost when the run ends early, more results cost time: 4M, 1G
    /// [default: 128M of an array that is counted, 32M of other tables, one row for map, and about a thousandth (of map a 256th) of the input]
    #[arg(long, value_name = "SIZE", value_parser = numbers::size)]
    pub(crate) range_size: Option<u64>,
}

/// Look at run folders, go on with one, or remove it
///
/// A run folder is made by --run-dir. It holds a plan and a file for each range of the work that is done.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunsArguments {
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum RunsCommand {
    /// List the run folders in a folder
    #[command(after_help = "Examples:\n  mpexec runs list\n  mpexec runs list /scratch/runs")]
    List {
        /// The folder
        #[arg(value_name = "FOLDER", default_value = ".")]
        folder: PathBuf,
    },
    /// Say what a run computes and how far it is
    #[command(after_help = "Examples:\n  mpexec runs show run\n  mpexec runs show run --check")]
    Show {
        /// The run folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Read all results and say whether each is what was published
        #[arg(long)]
        check: bool,
    },
    /// Compute what is missing, with the command that began the run
    #[command(
        after_help = "Examples:\n  mpexec runs resume run\n  mpexec runs resume run --force-plan    from the beginning"
    )]
    Resume {
        /// The run folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Start over with the same command: drop the run that DIR holds
        #[arg(long)]
        force_plan: bool,
    },
    /// Compute a share of a run beside others; the jobs of a cluster do that
    #[command(hide = true)]
    Element {
        /// The run folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,

        /// Which share of how many, from 0 on
        #[arg(value_name = "K/N")]
        share: Share,
    },
    /// Remove run folders that are done
    #[command(
        after_help = "Examples:\n  mpexec runs clean run\n  mpexec runs clean --force run-1 run-2    also if they are not done"
    )]
    Clean {
        /// The run folders
        #[arg(value_name = "DIR", required = true)]
        folders: Vec<PathBuf>,

        /// Remove also those that are not done
        #[arg(long)]
        force: bool,
    },
}
