//! What holds for each task of a job: which function it is of, and how it may be run.

use std::time::Duration;

use mpexec_wire::FunctionKind;

/// Which function: `kind` and `id` as they stand in a batch's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Function {
    pub kind: FunctionKind,
    pub id: u64,
}

/// What holds for each task of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How often it may be started when its worker dies under it.
    pub attempts: u32,
    /// How long it may run.
    pub limit: Option<Duration>,
    /// How much processor time it may use.
    pub cpu_limit: Option<Duration>,
    /// How much memory of its own, in bytes, its worker may have meanwhile.
    pub memory: Option<u64>,
    /// How long it waits before it is tried again for the first time.
    pub retry_after: Option<Duration>,
    /// It is never started twice, whatever `attempts` says.
    pub once: bool,
}
