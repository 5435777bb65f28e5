//! Logs of workers: what a program sets up after `init()`, as a logger, a worker never comes to. A start hook sets it up there.
//!
//! `cargo run --example logging`

use mpexec_core::{Pool, Workers, current_task};
use tracing::{info, warn};

/// In the coordinator and in each worker alike.
fn set_up_logging() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).without_time().with_target(false).init();
}

fn root(n: i64) -> Option<f64> {
    // Where a task runs it knows by itself; in a log of several processes that is the first thing one asks.
    let task = current_task();
    let (index, worker) = (task.map(|task| task.index), task.map(|task| task.worker));
    if n < 0 {
        warn!(index, worker, n, "no root");
        return None;
    }
    info!(index, worker, n, "computed");
    Some((n as f64).sqrt())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    set_up_logging();

    // What workers write to stderr comes out of ours, each line whole.
    let pool = Pool::builder().workers(Workers::Exact(2)).start_hook(set_up_logging).build()?;
    let roots = pool.call().chunk_size(1).map(root, [4, -1, 9])?;
    info!("{} of {} have a root", roots.iter().flatten().count(), roots.len());
    pool.close();
    pool.join()?;
    println!("{roots:?}");
    Ok(())
}
