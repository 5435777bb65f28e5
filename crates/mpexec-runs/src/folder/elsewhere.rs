//! Work that is shared: who computes a share of the ranges, and who waits for those that others compute.
//!
//! A coordinator that computes nothing itself goes the way of any other ([`RunFolder::computed_by`]): it cuts the work into tasks, finds each range
//! published or not, and where one is not there when its turn comes, it asks [`Elsewhere`] to wait for it. Whoever computes a share goes the same way
//! ([`RunFolder::only`]), passes over ranges that are not of its share, and ends with [`RunError::Elsewhere`] where the rest would be needed.

use std::fmt;
use std::str::FromStr;

use super::RunFolder;
use crate::error::RunError;

/// A share of the ranges of each stage: every so manieth from one on, so that shares are alike however many ranges there are. The ranges of a table (`table7`) are counted from its number on, so that many
/// small tables are not all of one share.
///
/// ```
/// use mpexec_runs::Share;
/// let second: Share = "1/3".parse()?;
/// assert_eq!((0..7).filter(|range| second.has(*range)).collect::<Vec<_>>(), [1, 4]);
/// assert!("3/3".parse::<Share>().is_err(), "they are counted from 0 on");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which one, from 0 on.
    pub number: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// Whether the range of this number is of the share.
    pub fn has(self, range: u64) -> bool {
        range % self.of.max(1) == self.number
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let parsed = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parsed {
            Some((number, of)) if number < of => Ok(Share { number, of }),
            _ => Err(format!("{text:?} is no share: give its number and how many there are, as 0/3")),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.number, self.of)
    }
}

/// A range whose result is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its number, which decides about its share. The ranges of a stage follow one another.
    pub range: u64,
    /// The name of its result.
    pub key: String,
    /// So many tasks it has.
    pub tasks: u64,
}

/// Of which stage ranges are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its tasks follow from the results of an earlier one; see [`Kept::follows`](crate::Kept::follows).
    pub follows: bool,
}

/// Those who compute what is missing.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// # use std::collections::BTreeMap;
/// # use std::sync::Arc;
/// # use mpexec_core::{Pool, Workers};
/// # use mpexec_runs::{Cut, Plan, Program};
/// use mpexec_runs::{Elsewhere, Fate, Kept, Missing, Next, RunError, RunFolder, Share, Stage, stream};
/// # let scratch = tempfile::tempdir()?;
/// # let folder = scratch.path().join("squares");
/// # let plan = Plan {
/// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
/// #     task: "square".into(), signature: String::new(), inputs: Vec::new(), command: None,
/// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 1, range_weight: u64::MAX, range_tasks: 2 },
/// # };
/// /// Squares of the numbers below 10, by way of a run folder.
/// fn squares(run: RunFolder) -> Result<Vec<u64>, RunError> {
///     let pool = Pool::builder().workers(Workers::Exact(1)).build().expect("a worker");
///     let kept = Kept { run: &Arc::new(run), stage: "rows", decides: false, follows: false, reads: None };
///     let mut answers = stream(&pool, Some(kept), |n: u64| n * n, |_| Fate::Kept, (0..10).map(|n| Next::Task(1, n)));
///     let mut squares = Vec::new();
///     while let Some(square) = answers.next()? {
///         squares.push(square.expect("it does not fail"));
///     }
///     answers.finish()?;
///     Ok(squares)
/// }
///
/// /// The second of two shares is computed when somebody waits for it; on a cluster that would be another machine.
/// #[derive(Debug)]
/// struct Second;
///
/// impl Elsewhere for Second {
///     fn wait(&self, run: &RunFolder, stage: &Stage<'_>, missing: &[Missing]) -> Result<(), RunError> {
///         assert!(stage.name == "rows" && missing[0].range == 1);
///         let second = RunFolder::join(run.path(), run.plan())?.only("1/2".parse().expect("a share"));
///         assert!(matches!(squares(second), Err(RunError::Elsewhere)), "the first is not its business");
///         run.look()
///     }
/// }
///
/// RunFolder::open(&folder, &plan, false)?;
/// let first = RunFolder::join(&folder, &plan)?.only(Share { number: 0, of: 2 });
/// assert!(matches!(squares(first), Err(RunError::Elsewhere)));
/// let all = squares(RunFolder::open(&folder, &plan, false)?.computed_by(Box::new(Second)))?;
/// assert_eq!(all, (0..10).map(|n| n * n).collect::<Vec<_>>());
/// # Ok(())
/// # }
/// ```
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// Waits until the first of these ranges of a stage, which are all that are missing of it, is published, and lets the folder
    /// [`look`](RunFolder::look). More may be there then.
    ///
    /// # Errors
    /// [`RunError::NotComputed`] if it will not be, or another.
    fn wait(&self, run: &RunFolder, stage: &Stage<'_>, missing: &[Missing]) -> Result<(), RunError>;
}

/// Who computes what is missing.
#[derive(Debug)]
pub(crate) enum Role {
    /// This process, all of it,
    Here,
    /// or its share.
    Share(Share),
    /// Others, for whom it waits.
    Elsewhere(Box<dyn Elsewhere>),
}
