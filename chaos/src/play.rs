//! One round played: a pool with settings by chance, some threads that call it, one that strikes, an end, and the checks.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use mpexec_core::{EndResult, Output, Pool, PoolError, Sender, Shared, TaskError, Transport, Workers, channel};

use crate::callers::Caller;
use crate::notes::{Scene, check};
use crate::random::Random;
use crate::round::Round;
use crate::settings::{End, KEPT, Settings};
use crate::signs::Signs;
use crate::striker;
use crate::tally::{Part, Tally};
use crate::work;

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) faults: Vec<String>,
    pub(crate) settings: Settings,
}

/// Plays a round; `notes` is a path for what the tasks note.
pub(crate) fn play(seed: u64, number: u64, notes: &Path, signs: &Signs) -> Result<Report, String> {
    let settings = Settings::of(seed, number);
    File::create(notes).map_err(|error| format!("cannot write {}: {error}", notes.display()))?;
    let pool = match build(&settings, notes)? {
        Ok(pool) => pool,
        Err(PoolError::StartHook { .. }) => {
            let mut tally = Tally::default();
            tally.add(Part::Ends, "not begun: no worker responded in time", 1);
            return Ok(Report { tally, faults: Vec::new(), settings });
        }
        Err(error) => return Err(format!("the pool cannot be built: {error}")),
    };
    let table = Shared::build(1_000, |table: &mut [u64]| (0..).zip(table).for_each(|(n, at)| *at = n * n));
    let round = Arc::new(Round::new(settings, table.map_err(|error| error.to_string())?, signs.clone()));
    let (tell, told) = channel::<u64>().map_err(|error| format!("cannot open a channel: {error}"))?;
    let listener = thread::spawn(move || told.iter().collect::<Result<Vec<u64>, _>>());
    let mut callers: Vec<Caller> = Vec::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let strikes = (!round.settings.calm).then(|| {
            let (round, pool, over) = (&*round, &pool, &over);
            let random = Random::of(seed, &[number, u64::MAX]);
            scope.spawn(move || striker::strike(round, pool, random, over))
        });
        let threads: Vec<_> = (0..round.settings.callers)
            .map(|thread| {
                let (pool, tell) = (&pool, tell.clone());
                let random = Random::of(seed, &[number, thread]);
                let caller = Caller::new(round.clone(), random, thread);
                scope.spawn(move || caller.call(pool, &tell))
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(caller) => callers.push(caller),
                Err(_) => round.fault("a thread that calls the pool panicked".to_owned()),
            }
        }
        over.store(true, Ordering::Release);
        strikes.into_iter().for_each(|strikes| strikes.thread().unpark());
    });
    signs.of_life();
    let ends = end(&round, pool);
    signs.of_life();
    drop(tell);
    for caller in callers {
        caller.check_callbacks();
    }
    match listener.join() {
        Ok(Ok(told)) => check(&round, notes, &told, &ends),
        // A sender that dies leaves whole messages.
        Ok(Err(error)) => round.fault(format!("a channel brought an error: {error}")),
        Err(_) => round.fault("the thread that listens panicked".to_owned()),
    }
    let round = Arc::into_inner(round).ok_or("a callback of the round lives on after its pool")?;
    let (tally, faults) = (round.tally.into_inner(), round.faults.into_inner());
    Ok(Report {
        tally: tally.unwrap_or_else(PoisonError::into_inner),
        faults: faults.unwrap_or_else(PoisonError::into_inner),
        settings: round.settings,
    })
}

/// Makes all that a process has once: the thread that spawns, what the standard library keeps. Nothing of these pools is left.
///
/// # Errors
/// What went wrong.
pub(crate) fn warm_up() -> Result<(), String> {
    for link in [Transport::Shm, Transport::Socket] {
        let pool = Pool::builder().workers(Workers::Exact(2)).transport(link).stderr(Output::Keep).build();
        let pool = pool.map_err(|error| format!("the pool cannot be built: {error}"))?;
        let (tell, told) = channel::<u64>().map_err(|error| format!("cannot open a channel: {error}"))?;
        let send = |to: Sender<u64>| to.send(&1).is_ok();
        let sent = pool.apply(send, (&tell,));
        drop(tell);
        let heard = told.iter().count();
        let died = pool.apply(|n: u64| if n == 0 { std::process::abort() } else { n }, (0,));
        if !(matches!(sent, Ok(true)) && heard == 1 && matches!(died, Err(TaskError::Crashed { .. }))) {
            return Err(format!("a pool did not do what it should: {sent:?}, {heard} heard, {died:?}"));
        }
        pool.close();
        pool.join().map_err(|error| format!("join failed: {error}"))?;
    }
    Ok(())
}

fn build(settings: &Settings, notes: &Path) -> Result<Result<Pool, PoolError>, String> {
    let notes = notes.to_str().ok_or("the folder for scratch files has a name that is no text")?;
    let scene = Scene { notes: notes.to_owned(), hooks: settings.hooks };
    let mut builder = Pool::builder()
        .workers(Workers::Exact(settings.workers))
        .transport(settings.link)
        .ring_capacity(settings.ring)
        .attempts(settings.attempts)
        .stderr(Output::Keep)
        // However slow the machine is, no worker is replaced for being slow, unless that is what is tried.
        .handshake_limit(Duration::MAX)
        .response_limit(settings.response_limit.unwrap_or(Duration::MAX))
        .context(&scene)
        .map_err(|error| error.to_string())?;
    if settings.hooks {
        builder = builder.start_hook(work::start).end_hook(work::end).hook_limit(Duration::from_secs(1 << 30));
    }
    if settings.captures {
        builder = builder.capture_output(KEPT);
    }
    if let Some(limit) = settings.limit {
        builder = builder.time_limit(limit);
    }
    if let Some(limit) = settings.cpu_limit {
        builder = builder.cpu_limit(limit);
    }
    if let Some(limit) = settings.memory_limit {
        builder = builder.memory_limit(limit);
    }
    if let Some(delay) = settings.delay {
        builder = builder.retry_delay(delay);
    }
    if let Some(most) = settings.most_tasks {
        builder = builder.max_tasks_per_worker(most);
    }
    match builder.build() {
        Err(error) if settings.response_limit.is_none() => Err(format!("the pool cannot be built: {error}")),
        // On a slow machine a worker may not begin its start hook in time.
        built => Ok(built),
    }
}

/// Ends the pool; says what its end hooks brought, where that can be asked.
fn end(round: &Round, pool: Pool) -> Vec<EndResult<u64>> {
    let word = match round.settings.end {
        End::Joined => "closed and joined",
        End::Terminated => "terminated and joined",
        End::TerminatedMidway => "terminated while calls waited",
        End::Dropped => "dropped",
    };
    round.count(Part::Ends, word);
    match round.settings.end {
        End::Dropped => return Vec::new(),
        End::Joined => pool.close(),
        End::Terminated | End::TerminatedMidway => {
            round.terminated.store(true, Ordering::Release);
            pool.terminate();
        }
    }
    if let Err(error) = pool.join() {
        round.fault(format!("join failed: {error}"));
    }
    pool.end_results()
}
