//! One round played: a pool with settings by chance, some threads that call it, one that strikes, an end, and the checks.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread;

use mpexec_core::{Output, Pool, Shared, Workers, channel};

use crate::callers::Caller;
use crate::random::Random;
use crate::round::{End, Fate, Round, Settings};
use crate::striker;
use crate::tally::{Part, Tally};

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) faults: Vec<String>,
    pub(crate) settings: Settings,
}

/// Plays a round; `notes` is a path for what the tasks note.
pub(crate) fn play(seed: u64, number: u64, notes: &Path) -> Result<Report, String> {
    let settings = Settings::of(seed, number);
    File::create(notes).map_err(|error| format!("cannot write {}: {error}", notes.display()))?;
    let pool = build(&settings, notes)?;
    let table = Shared::build(1_000, |table: &mut [u64]| (0..).zip(table).for_each(|(n, at)| *at = n * n));
    let round = Arc::new(Round::new(settings, table.map_err(|error| error.to_string())?));
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
    end(&round, pool);
    drop(tell);
    for caller in callers {
        caller.check_callbacks();
    }
    match listener.join() {
        Ok(Ok(told)) => check_notes(&round, notes, &told),
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

fn build(settings: &Settings, notes: &Path) -> Result<Pool, String> {
    let notes = notes.to_str().ok_or("the folder for scratch files has a name that is no text")?;
    let mut builder = Pool::builder()
        .workers(Workers::Exact(settings.workers))
        .transport(settings.link)
        .ring_capacity(settings.ring)
        .attempts(settings.attempts)
        .stderr(Output::Keep)
        .context(&notes.to_owned())
        .map_err(|error| error.to_string())?;
    if let Some(limit) = settings.limit {
        builder = builder.time_limit(limit);
    }
    if let Some(most) = settings.most_tasks {
        builder = builder.max_tasks_per_worker(most);
    }
    builder.build().map_err(|error| format!("the pool cannot be built: {error}"))
}

fn end(round: &Round, pool: Pool) {
    let word = match round.settings.end {
        End::Joined => "closed and joined",
        End::Terminated => "terminated and joined",
        End::TerminatedMidway => "terminated while calls waited",
        End::Dropped => "dropped",
    };
    round.count(Part::Ends, word);
    match round.settings.end {
        End::Dropped => return,
        End::Joined => pool.close(),
        End::Terminated | End::TerminatedMidway => {
            round.terminated.store(true, Ordering::Release);
            pool.terminate();
        }
    }
    if let Err(error) = pool.join() {
        round.fault(format!("join failed: {error}"));
    }
}

/// How often each task began, against how it ended.
fn check_notes(round: &Round, notes: &Path, told: &[u64]) {
    let mut begun: HashMap<u64, u64> = HashMap::new();
    let bytes = fs::read(notes).unwrap_or_default();
    let (ids, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        round.fault("the notes are cut".to_owned());
    }
    ids.iter().for_each(|id| *begun.entry(u64::from_le_bytes(*id)).or_default() += 1);
    let settings = &round.settings;
    let fates = round.fates.lock().unwrap_or_else(PoisonError::into_inner);
    for id in begun.keys().filter(|id| !fates.contains_key(id)) {
        round.fault(format!("a task ran that nobody gave: {id}"));
    }
    for (id, (deed, fate)) in fates.iter() {
        let times = begun.get(id).copied().unwrap_or(0);
        // A worker that lies about what it has begun may have it begun again: that is the harm it can do.
        if times > u64::from(settings.attempts) && !settings.lies {
            round.fault(format!("task {id} ({deed:?}, {fate:?}) ran {times} times of {}", settings.attempts));
        }
        let right = match fate {
            Fate::Answered | Fate::Died => times > 0,
            Fate::NeverBegun => times == 0 || settings.attempts > 1 || settings.lies,
            Fate::Failed => true,
            // Nobody waited for it, and a stream that was given up needs not run to its end.
            Fate::Unknown => true,
        };
        if !right {
            round.fault(format!("task {id} ({deed:?}, {fate:?}) ran {times} times"));
        }
    }
    let mut heard: HashMap<u64, u64> = HashMap::new();
    told.iter().for_each(|id| *heard.entry(*id).or_default() += 1);
    for (id, times) in heard {
        if times > begun.get(&id).copied().unwrap_or(0) {
            round.fault(format!("task {id} was heard {times} times over its channel, more often than it ran"));
        }
    }
}
