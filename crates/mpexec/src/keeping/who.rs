//! Who computes what a run folder lacks.

use mpexec_core::Workers;
use mpexec_runs::Share;

use crate::args::{Common, On};
use crate::cluster::Settings;
use crate::engines;
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
    Jobs(Settings),
}

impl Who {
    /// Refuses what ends a run at what fails in it: the jobs of a cluster do not hear of each other.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if `said` and jobs compute.
    pub(crate) fn refuse_to_end_early(&self, option: &str, said: bool) -> Result<(), Failure> {
        match self {
            Who::Jobs(_) if said => Err(Failure::usage(format!(
                "{option} ends a run at what fails in it, and the jobs of a cluster do not hear of each other: leave it away, or compute here"
            ))),
            _ => Ok(()),
        }
    }

    /// What was said about it.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if that contradicts itself.
    pub(crate) fn of(common: &Common) -> Result<Who, Failure> {
        let shards = common.shards.map(u64::from);
        match common.on {
            Some(On::Jobs(engine)) => {
                let words = common.engine_args.clone().map(|words| words.0).unwrap_or_default();
                if let Some(why) = (engine.refuses)(&words) {
                    return Err(Failure::usage(format!("--engine-args: {why}")));
                }
                if common.chaos.is_some() {
                    return Err(Failure::usage(
                        "--chaos strikes workers of this process, and the jobs of a cluster have theirs elsewhere: leave it away, or compute here",
                    ));
                }
                let (workers, transport, grace) = (common.workers, common.transport, common.grace);
                Ok(Who::Jobs(Settings { engine, shards, words, workers, transport, grace }))
            }
            _ if shards.is_some() || common.engine_args.is_some() => Err(Failure::usage(format!(
                "--shards and --engine-args are about jobs of a cluster: they go with --on {}",
                engines::named()
            ))),
            _ => Ok(Who::Here),
        }
    }

    /// The engine of the jobs.
    pub(crate) fn engine(&self) -> Option<&'static str> {
        match self {
            Who::Jobs(settings) => Some(settings.engine.name),
            Who::Here | Who::Share(_) => None,
        }
    }

    /// So many workers this process itself starts.
    pub(crate) fn workers(&self, asked: Workers) -> Workers {
        match self {
            // It only asks a worker what it can do, and looks for the rows of texts.
            Who::Jobs(_) => Workers::Exact(1),
            Who::Here | Who::Share(_) => asked,
        }
    }
}
