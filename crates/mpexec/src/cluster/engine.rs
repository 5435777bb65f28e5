//! What is asked of an engine that runs jobs on a cluster: four calls. Another engine is one more file.
//!
//! Slurm is the first. The next should be HyperQueue: it too takes arrays, needs no rights of an administrator, and runs inside of Slurm and PBS alike.

use std::collections::BTreeSet;
use std::fmt;

/// An engine.
pub(super) trait Engine: fmt::Debug + Send + Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Submits an array of jobs, each of which has a node for itself and is begun again if that is lost.
    ///
    /// # Errors
    /// Why it was refused, in its words.
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String>;

    /// Whether an element of the arrays of this name waits or runs.
    ///
    /// # Errors
    /// Nobody answers: then nothing is known.
    fn alive(&self, name: &str) -> Result<bool, Silence>;

    /// How the elements of an array have ended, as far as that is still known.
    fn why(&self, job: &str) -> Vec<Ended>;

    /// Ends all arrays of this name.
    ///
    /// # Errors
    /// Why it cannot.
    fn cancel(&self, name: &str) -> Result<(), String>;
}

/// Jobs to be submitted.
pub(super) struct Array<'a> {
    pub(super) name: &'a str,
    pub(super) shards: Shards,
    /// Nodes that are not to get any.
    pub(super) without: &'a BTreeSet<String>,
    /// The script, by the variable that holds the number of a shard, and how many there are.
    pub(super) script: &'a dyn Fn(&str, u64) -> Vec<u8>,
}

/// Which shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shards {
    /// All: as many as are wanted, or as there are nodes that would begin at once, but no more than this.
    Choose { wanted: Option<u64>, most: u64 },
    /// These, of so many.
    These { numbers: BTreeSet<u64>, of: u64 },
}

/// An array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submitted {
    pub(super) job: String,
    /// How many shards it has, and how many there are in all.
    pub(super) shards: u64,
    pub(super) of: u64,
    /// The nodes that do not get any.
    pub(super) without: BTreeSet<String>,
}

/// Why nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// There is nobody to ask: the engine's programs are not there. That does not mend itself.
    Nobody(String),
    /// Whoever is asked does not answer, perhaps for a while.
    Busy(String),
}

/// An element that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) shard: u64,
    pub(super) node: Option<String>,
    pub(super) failed: bool,
    /// The input was at fault: another try elsewhere would end in the same way.
    pub(super) refused: bool,
    /// In words.
    pub(super) how: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.as_deref().unwrap_or("no node");
        write!(out, "shard {} on {node}: {}", self.shard, self.how)
    }
}
