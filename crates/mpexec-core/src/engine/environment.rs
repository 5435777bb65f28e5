//! Seeing to it that workers run where the user wants them to: what the system would refuse is found out before anything is
//! spawned, on a thread that tries it out and ends.

use std::path::{Path, PathBuf};

use mpexec_wire::Settings;

use super::scheduler::WorkerId;
use crate::config::{Affinity, Config, Environment};
use crate::error::PoolError;
use crate::os::place;

/// What is known of a pool's workers before the first is started.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// Absolute, so that replacements find it when this process has gone elsewhere.
    directory: Option<PathBuf>,
    /// The sets of processors, taken by turns; empty: any.
    processors: Vec<Vec<u32>>,
}

impl Surroundings {
    /// Looks whether all can be had.
    pub(super) fn of(environment: &Environment) -> Result<Surroundings, PoolError> {
        environment.check()?;
        let directory = environment.directory.as_deref().map(std::path::absolute).transpose();
        let directory = directory.map_err(|error| PoolError::system("make the working directory absolute", error))?;
        if let Some(directory) = &directory {
            enterable(directory)?;
        }
        if environment.nice != 0 {
            let by = environment.nice;
            place::try_out(move || place::be_nicer(by))
                .map_err(|error| PoolError::system(format!("change the workers' niceness by {by}"), error))?;
        }
        let unknown = |error| PoolError::system("find out which processors may be used", error);
        let processors = match &environment.affinity {
            Affinity::Any => Vec::new(),
            Affinity::OneEach => place::processors().map_err(unknown)?.into_iter().map(|one| vec![one]).collect(),
            Affinity::Sets(sets) => sets.clone(),
        };
        for set in &processors {
            let tried = set.clone();
            place::try_out(move || place::run_on(&tried))
                .map_err(|error| PoolError::system(format!("run a worker on the processors {set:?}"), error))?;
        }
        Ok(Surroundings { directory, processors })
    }

    /// Where a worker starts; `None`: where this process is by then.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Whether a spawn failed because of the directory, which may have gone since.
    pub(super) fn blame(&self) -> Option<PoolError> {
        self.directory.as_deref().and_then(|directory| enterable(directory).err())
    }

    /// What the worker of place `id` sees to itself.
    pub(super) fn settings(&self, config: &Config, id: WorkerId) -> Settings {
        let turn = id.checked_rem(self.processors.len());
        Settings {
            name: config.worker_name(),
            parent: config.called.clone(),
            nice: config.environment.nice,
            processors: turn.map(|turn| self.processors[turn].clone()).unwrap_or_default(),
            outlives: config.outlives,
            capture: config.capture.map(|bytes| bytes as u64),
        }
    }
}

fn enterable(directory: &Path) -> Result<(), PoolError> {
    let refused = |message: String| PoolError::WorkingDirectory { path: directory.to_owned(), message };
    let meta = std::fs::metadata(directory).map_err(|error| refused(error.to_string()))?;
    if !meta.is_dir() {
        return Err(refused("it is not a directory".to_owned()));
    }
    place::may_enter(directory).map_err(|error| refused(error.to_string()))
}
