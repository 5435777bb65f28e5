//! Engines that run jobs on a cluster: what is asked of each, which is four calls, and the list of them. Another engine is a file in this folder and a line in
//! that list.
//!
//! Slurm is the first. The next should be HyperQueue: it too takes arrays, needs no rights of an administrator, and runs inside of Slurm and PBS alike.

mod asked;
#[cfg(test)]
pub(crate) mod fake;
mod slurm;

use std::collections::BTreeSet;
use std::fmt;

use crate::exit::Exit;

/// All engines.
pub(crate) const ENGINES: &[Kind] = &[
    slurm::SLURM,
    #[cfg(test)]
    fake::FAKE,
];

/// What can be typed for jobs, in words.
pub(crate) fn named() -> String {
    ENGINES.iter().map(|engine| engine.name).collect::<Vec<_>>().join(" or ")
}

/// With this code a script ends on a machine that does not see the run folder.
pub(crate) const NO_FOLDER: i32 = 66;

/// With this code ours ends if the input has what cannot be taken.
const REFUSED: i32 = Exit::Refused.code() as i32;

/// An engine by its name.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// For whoever asks what can be typed.
    pub(crate) about: &'static str,
    /// Why these words of the user's cannot be told to it, if they cannot.
    pub(crate) refuses: fn(&[String]) -> Option<String>,
    /// The engine, which is told these words of the user's besides.
    pub(crate) begin: fn(&[String]) -> Box<dyn Engine>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Kind) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl fmt::Debug for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)
    }
}

/// An engine.
pub(crate) trait Engine: fmt::Debug + Send + Sync {
    /// Submits an array of jobs, each of which has a node for itself and is begun again if that is lost.
    ///
    /// # Errors
    /// Why it was refused, in its words.
    fn submit(&self, array: &Array<'_>) -> Result<Submitted, String>;

    /// How the elements of the arrays of this name are.
    ///
    /// # Errors
    /// Nobody answers: then nothing is known.
    fn alive(&self, name: &str) -> Result<Alive, Silence>;

    /// How the elements of an array have ended, as far as that is still known.
    fn why(&self, job: &str) -> Vec<Ended>;

    /// Ends all arrays of this name, or what waits of them.
    ///
    /// # Errors
    /// Why it cannot.
    fn cancel(&self, name: &str, which: Which) -> Result<(), String>;
}

/// Which elements are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    /// Those that have not begun, or are to begin again.
    Waiting,
}

/// Jobs to be submitted.
pub(crate) struct Array<'a> {
    pub(crate) name: &'a str,
    pub(crate) shards: Shards,
    /// Nodes that are not to get any.
    pub(crate) without: &'a BTreeSet<String>,
    /// The script, by the variable that holds the number of a shard, and how many there are.
    pub(crate) script: &'a dyn Fn(&str, u64) -> Vec<u8>,
}

/// Which shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shards {
    /// All: as many as are wanted, or as there are nodes that would begin at once, but no more than are worth it.
    Choose { wanted: Option<u64>, worth: Worth },
    /// These, of so many.
    These { numbers: BTreeSet<u64>, of: u64 },
}

/// How many shards are worth it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worth {
    /// So many have enough to read, and something to do.
    pub(crate) most: u64,
    /// So many tasks there are, if they are the user's, of which nobody knows how long one takes.
    pub(crate) tasks: Option<u64>,
}

impl Worth {
    /// Not more than this on nodes of so many processors: a job takes seconds to begin, and with fewer tasks than processors a node would be idle in part from the
    /// first moment on.
    pub(crate) fn on(self, processors: u64) -> u64 {
        let busy = self.tasks.map_or(u64::MAX, |tasks| tasks / processors.max(1));
        self.most.min(busy).max(1)
    }
}

/// An array that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submitted {
    pub(crate) job: String,
    /// How many shards it has, and how many there are in all.
    pub(crate) shards: u64,
    pub(crate) of: u64,
    /// The nodes that do not get any.
    pub(crate) without: BTreeSet<String>,
}

/// Whether anything of some arrays is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Alive {
    /// All have ended.
    None,
    /// All are about to have ended.
    Ending,
    /// Some run, or their turn comes as it comes.
    Some,
    /// Some wait, for this, and none runs.
    Waits {
        reason: String,
        /// The nodes that they may get are none that anybody gets now; it may be different with others.
        no_node: bool,
    },
}

/// Why nobody answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// There is nobody to ask: the engine's programs are not there. That does not mend itself.
    Nobody(String),
    /// Whoever is asked does not answer, perhaps for a while.
    Busy(String),
}

/// An element that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) shard: u64,
    pub(crate) node: Option<String>,
    pub(crate) failed: bool,
    /// The input was at fault: another try elsewhere would end in the same way.
    pub(crate) refused: bool,
    /// Somebody has cancelled it.
    pub(crate) cancelled: bool,
    /// In words.
    pub(crate) how: String,
}

impl Ended {
    /// An element whose script has ended with this code.
    pub(crate) fn with_code(shard: u64, node: Option<String>, code: i32) -> Ended {
        let how = match code {
            0 => "ended well".to_owned(),
            NO_FOLDER => "does not see the run folder".to_owned(),
            REFUSED => "has an input that cannot be taken".to_owned(),
            code => format!("exit code {code}"),
        };
        Ended { shard, node, failed: code != 0, refused: code == REFUSED, cancelled: false, how }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.node.as_deref().unwrap_or("no node");
        write!(out, "shard {} on {node}: {}", self.shard, self.how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_a_task_for_each_processor_unless_there_are_fewer_in_all() {
        let tasks = |most, tasks| Worth { most, tasks: Some(tasks) };
        assert_eq!([1, 7, 8, 40].map(|count| tasks(99, count).on(4)), [1, 1, 2, 10]);
        assert_eq!(tasks(3, 40).on(4), 3, "there are no more ranges");
        assert_eq!([0, 1, 9].map(|most| Worth { most, tasks: None }.on(4)), [1, 1, 9]);
        assert_eq!(tasks(99, 5).on(0), 5, "nobody says how many there are");
    }

    #[test]
    fn codes_of_ours_are_told_in_words() {
        let told = [0, 1, 65, 66].map(|code| Ended::with_code(2, Some("n3".into()), code));
        assert_eq!(
            told.each_ref().map(|one| (one.failed, one.refused)),
            [(false, false), (true, false), (true, true), (true, false)]
        );
        assert_eq!(told[1].to_string(), "shard 2 on n3: exit code 1");
        assert_eq!(told[3].to_string(), "shard 2 on n3: does not see the run folder");
    }
}
