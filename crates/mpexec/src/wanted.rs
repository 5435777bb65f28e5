//! What is to be told of a run beside its result.

use std::path::PathBuf;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) report: Option<PathBuf>,
    pub(crate) trace: Option<PathBuf>,
    pub(crate) advice: bool,
}

impl Wanted {
    /// Whether the pool is to record what it does.
    pub(crate) fn anything(&self) -> bool {
        *self != Wanted::default()
    }
}
