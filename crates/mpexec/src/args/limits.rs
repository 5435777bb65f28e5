//! Limits of each task and of each worker: the same options for every command that runs what a user wrote.

use std::time::Duration;

use crate::numbers;

/// What a task may take, and what is done when it fails.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// How long each may run, from its own start: 30s, 500ms, 2m; what takes longer is killed and has failed
    #[arg(long, value_name = "TIME", value_parser = numbers::some_time)]
    pub(crate) timeout: Option<Duration>,

    /// How often one is tried once more
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,

    /// How much memory each worker, and each process it starts, may have: 512M, 2G
    #[arg(long, value_name = "SIZE", value_parser = numbers::size)]
    pub(crate) memory: Option<u64>,

    /// Replace a worker when it has done so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_tasks_per_worker: Option<u64>,
}
