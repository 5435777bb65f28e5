//! Where the answers of some tasks are kept.

use std::sync::Arc;

use crate::folder::RunFolder;

/// A stage of a run.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// The run.
    pub run: &'a Arc<RunFolder>,
    /// The name of the stage.
    pub stage: &'a str,
    /// Whether its results decide about the tasks of a later stage: then whoever computes a share of that needs all of them.
    pub decides: bool,
    /// Whether its tasks follow from the results of an earlier stage: then whoever has computed a share of that one alone has not come to this one.
    pub follows: bool,
    /// Which of the plan's inputs its results come from, from 0 on; `None`: any of them. Before a result is published, these are looked at.
    pub reads: Option<usize>,
}
