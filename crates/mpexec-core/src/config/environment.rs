//! Where workers run: their environment variables and working directory, how dearly, on which processors.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::error::PoolError;

/// On which processors the workers run; see [`PoolBuilder::affinity`](crate::PoolBuilder::affinity).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Affinity, Pool, Workers};
/// let pool = Pool::builder().workers(Workers::Exact(2)).affinity(Affinity::OneEach).build()?;
/// let mine = || std::thread::available_parallelism().map_or(0, |count| count.get());
/// assert_eq!(pool.apply(mine, ())?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Affinity {
    /// On all that this process may use: the kernel's choice.
    #[default]
    Any,
    /// Each worker on one of those that this process may use, one after another by the worker's number, again from the
    /// first when there are more workers than processors. Processors that are one core's two threads are not told apart.
    OneEach,
    /// Worker 0 on the first set of processors, worker 1 on the second, and so on, again from the first at the end. The
    /// numbers are the system's.
    Sets(Vec<Vec<u32>>),
}

/// Where and how workers run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// In the order in which they were said; `None` takes the variable away.
    pub variables: Vec<(OsString, Option<OsString>)>,
    /// Nothing of this process's environment is handed on.
    pub cleared: bool,
    pub directory: Option<PathBuf>,
    /// Added to this process's niceness.
    pub nice: i32,
    pub affinity: Affinity,
}

impl Environment {
    /// Whether nothing was said.
    pub(crate) fn is_plain(&self) -> bool {
        let Environment { variables, cleared, directory, nice, affinity } = self;
        variables.is_empty() && !cleared && directory.is_none() && *nice == 0 && *affinity == Affinity::Any
    }

    /// Forgets what was set before too, as `std::process::Command` does.
    pub(crate) fn clear(&mut self) {
        self.variables.clear();
        self.cleared = true;
    }

    /// The variables of a worker that is started now.
    pub(crate) fn of_a_worker(&self) -> Vec<(OsString, OsString)> {
        let mut all: Vec<_> = if self.cleared { Vec::new() } else { std::env::vars_os().collect() };
        for (name, value) in &self.variables {
            all.retain(|(known, _)| known != name);
            all.extend(value.clone().map(|value| (name.clone(), value)));
        }
        all
    }

    /// What can be seen to be wrong without asking the system.
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        let bad = |setting, value: &OsStr, remedy| {
            Err(PoolError::BadSetting { setting, value: format!("{:?}", value.to_string_lossy()), remedy })
        };
        for (name, value) in &self.variables {
            if name.is_empty() || holds(name, b'=') || holds(name, 0) {
                return bad("env", name, "give a name that is not empty and holds neither = nor a zero byte");
            }
            if let Some(value) = value.as_deref().filter(|value| holds(value, 0)) {
                return bad("env", value, "the value of a variable cannot hold a zero byte");
            }
        }
        match &self.affinity {
            Affinity::Sets(sets) if sets.is_empty() || sets.iter().any(Vec::is_empty) => Err(PoolError::BadSetting {
                setting: "affinity",
                value: format!("{sets:?}"),
                remedy: "give at least one set, and at least one processor in each",
            }),
            _ => Ok(()),
        }
    }
}

fn holds(text: &OsStr, byte: u8) -> bool {
    text.as_encoded_bytes().contains(&byte)
}
