//! Who computes what a run folder lacks.

use mpexec_core::Workers;
use mpexec_runs::Share;

use crate::args::{Common, On};
use crate::cluster::Settings;
use crate::failure::Failure;

/// Who computes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Who {
    /// The workers of this process, all of it,
    #[default]
    Here,
    /// or a share,
    Share(Share),
    /// or the jobs of a cluster.
    Slurm(Settings),
}

impl Who {
    /// What was said about it.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if that contradicts itself.
    pub(crate) fn of(common: &Common) -> Result<Who, Failure> {
        let shards = common.shards.map(u64::from);
        match common.on {
            Some(On::Slurm) => {
                let words = common.engine_args.clone().map(|words| words.0).unwrap_or_default();
                Ok(Who::Slurm(Settings { shards, words, workers: common.workers }))
            }
            _ if shards.is_some() || common.engine_args.is_some() => {
                Err(Failure::usage("--shards and --engine-args are about jobs of a cluster: they go with --on slurm"))
            }
            _ => Ok(Who::Here),
        }
    }

    /// So many workers this process itself starts.
    pub(crate) fn workers(&self, asked: Workers) -> Workers {
        match self {
            // It only asks a worker what it can do, and looks for the rows of texts.
            Who::Slurm(_) => Workers::Exact(1),
            Who::Here | Who::Share(_) => asked,
        }
    }
}
