//! The pool of a command: how many workers, started from which program, and what they say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mpexec_core::{Pool, PoolBuilder, PoolError, Workers, count_processors};

use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::pieces::Pieces;
use crate::plan::PoolPlan;

/// The built-in tasks are pure: run again, they give the same. So a death of a worker is nobody's loss. And by chance alone workers die only if that is asked for.
const ATTEMPTS: u32 = 10;

/// For what the pool still has to tell at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process sees here which program it is; workers and who starts them compare that.
const PROGRAM: &str = "/proc/self/exe";

/// How many workers to start for work that is cut by `cut`: as many as were asked for; with auto as many as there are
/// processors, but none that would find no piece left.
pub(crate) fn size(workers: Workers, console: &Console, cut: impl Fn(usize) -> Pieces) -> (usize, Pieces) {
    match workers {
        Workers::Exact(count) => (count, cut(count)),
        // Nothing that can be typed means this.
        Workers::Inline => (1, cut(1)),
        Workers::Auto => {
            let processors = count_processors();
            let pieces = cut(processors.chosen);
            let count = usize::try_from(pieces.len()).unwrap_or(usize::MAX).clamp(1, processors.chosen);
            if console.says(Level::Verbose) {
                let fewer = if count < processors.chosen {
                    format!("; {count} for {} pieces of work", pieces.len())
                } else {
                    String::new()
                };
                console.note(Level::Verbose, &format!("{processors}{fewer}"));
            }
            (count, pieces)
        }
    }
}

/// What tasks wrote to standard error at the very end may be on its way yet: it is waited for, as the workers leave.
pub(crate) fn see_off(pool: &Pool) {
    pool.close();
    let _ = pool.join_timeout(LAST_WORDS);
}

/// A pool that tells of itself does so on a thread of its own: what it has to tell is heard before the program goes on to its end.
pub(crate) fn hear_out(pool: &Pool, console: &Console) {
    if console.says(Level::Verbose) {
        if let Some(struck) = pool.stats().chaos {
            let (seed, killed, stopped) = (struck.seed, struck.killed, struck.stopped);
            console.note(Level::Verbose, &format!("chaos: seed {seed}; killed {killed} workers, stopped {stopped}"));
        }
        pool.close();
        // After a signal the pool is ending already, and what is late then is not waited for.
        let _ = pool.join_timeout(LAST_WORDS);
    }
}

/// What the workers are to have built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Arrays,
    Tables,
}

/// Starts the pool.
///
/// # Errors
/// A [`Failure`] of the pool that names the worker program and the remedy.
pub(crate) fn start(plan: &PoolPlan, what: For, workers: usize, console: &Arc<Console>) -> Result<Pool, Failure> {
    let program = match what {
        For::Arrays => &plan.array_worker,
        For::Tables => &plan.table_worker,
    };
    build(plan, program.as_deref(), workers, console, ATTEMPTS, Ok)
}

/// Starts a pool with this program as workers, or this one itself, and with what `more` sets.
///
/// # Errors
/// As [`start`].
pub(crate) fn build(
    plan: &PoolPlan,
    program: Option<&Path>,
    workers: usize,
    console: &Arc<Console>,
    attempts: u32,
    more: impl FnOnce(PoolBuilder) -> Result<PoolBuilder, PoolError>,
) -> Result<Pool, Failure> {
    let attempts = if plan.chaos.is_some() { attempts.max(ATTEMPTS) } else { attempts };
    let builder = Pool::builder().workers(Workers::Exact(workers)).transport(plan.transport).attempts(attempts);
    let builder = builder.label("mpexec");
    let mut builder = more(builder)?;
    if let Some(program) = program {
        builder = builder.worker_program(program);
    }
    if plan.record {
        builder = builder.record();
    }
    if let Some(chaos) = plan.chaos {
        builder = builder.chaos(chaos);
    }
    if console.says(Level::Verbose) {
        let console = Arc::clone(console);
        builder = builder.notes(move |line: &str| console.note(Level::Verbose, line));
    }
    builder.build().map_err(|error| match Failure::from(error) {
        // It shows as a program that cannot be found, its own.
        Failure::Error { exit, line } if !line.contains("/proc") && !Path::new(PROGRAM).exists() => {
            Failure::Error { exit, line: format!("{line} ({PROGRAM} is not there: is /proc mounted?)") }
        }
        other => other,
    })
}
