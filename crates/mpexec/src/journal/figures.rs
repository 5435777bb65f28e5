//! The figures of a run, as the page and the trace take them.

use std::time::Duration;

use mpexec_core::{BatchSpan, Recording, WorkerChange};
use serde::Serialize;

use super::advice::{Advice, Known, advise};
use super::run::Run;
use crate::exit::Exit;
use crate::timestamp;

/// Everything that is told. Times are milliseconds since the pool began.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) version: &'static str,
    pub(super) command: String,
    pub(super) pid: u32,
    began: String,
    elapsed: f64,
    /// From the start of the pool to the last result.
    pub(super) window: f64,
    ended: &'static str,
    exit: u8,
    why: Option<String>,
    unit: &'static str,
    done: u64,
    all: Option<u64>,
    failed: u64,
    pub(super) workers: usize,
    processors: usize,
    transport: &'static str,
    /// Outcomes by kind.
    outcomes: Vec<(&'static str, u64)>,
    /// Where the time went: name, milliseconds, what it means.
    time: Vec<(&'static str, f64, &'static str)>,
    batches: u64,
    tasks: u64,
    /// The share of the workers' time in which they ran tasks, and the same for each of many moments.
    utilisation: f64,
    moments: Vec<f64>,
    lanes: Vec<Lane>,
    /// Worker, begin, end, running, tasks, failed, batches, whether it died.
    spans: Vec<Bar>,
    /// Milliseconds that one of them covers at least; 0: each is one batch.
    resolution: f64,
    events: Vec<(f64, usize, u32, String, bool)>,
    events_left_out: u64,
    depths: Vec<(f64, u64, u64)>,
    sizes: Vec<u64>,
    times: Vec<u64>,
    slowest: Vec<Slow>,
    failures: Vec<String>,
    pub(super) advice: Vec<Advice>,
    #[serde(skip)]
    pub(super) recording: Recording,
}

/// A span as the page has it: in few characters, for there may be many.
type Bar = (usize, f64, f64, f64, u64, u64, u64, u8);

/// One place of the pool.
#[derive(Debug, Default, Serialize)]
struct Lane {
    worker: usize,
    pids: Vec<u32>,
    batches: u64,
    tasks: u64,
    failed: u64,
    deaths: u64,
    busy: f64,
}

#[derive(Debug, Serialize)]
struct Slow {
    name: String,
    took: f64,
    worker: Option<usize>,
    began: Option<f64>,
}

/// So many moments of utilisation.
const MOMENTS: usize = 120;
/// Of a worker that was replaced often, so many are named.
const MOST_PIDS: usize = 8;

pub(super) fn ms(time: Duration) -> f64 {
    // To the microsecond: more digits would only make the page long.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl Figures {
    pub(super) fn of(run: Run) -> Figures {
        let Run { recording, ending, .. } = &run;
        let totals = recording.totals;
        let window = recording.spans.iter().map(|span| span.received).max().unwrap_or_default();
        let workers = run.workers.max(recording.spans.iter().map(|span| span.worker + 1).max().unwrap_or(0));
        let known = Known {
            recording: Some(recording),
            workers,
            processors: run.processors,
            window: if run.output > run.elapsed / 3 { run.elapsed } else { window },
            input: totals.input + run.input,
            output: run.output,
            busy: run.busy,
        };
        let succeeded = totals.tasks.saturating_sub(totals.failed());
        let kinds = [
            ("ok", succeeded),
            ("panicked", totals.panicked),
            ("returned an error", totals.returned_errors),
            ("worker died or was killed", totals.crashed),
            ("cancelled", totals.cancelled),
            ("failed otherwise", totals.otherwise_failed),
        ];
        let whole = window.as_secs_f64() * workers as f64;
        Figures {
            version: env!("CARGO_PKG_VERSION"),
            command: run.command.clone(),
            pid: std::process::id(),
            began: timestamp::utc(run.began),
            elapsed: ms(run.elapsed),
            window: ms(window),
            ended: ended(ending.exit),
            exit: ending.exit.code(),
            why: ending.why.clone(),
            unit: ending.unit,
            done: ending.done,
            all: ending.all,
            failed: ending.failed,
            workers,
            processors: run.processors,
            transport: run.transport,
            outcomes: kinds.into_iter().filter(|(kind, count)| *kind == "ok" || *count > 0).collect(),
            time: vec![
                ("input", ms(totals.input + run.input), "waiting for the input"),
                ("encode", ms(totals.encode), "arguments into bytes"),
                ("queue", ms(totals.queue), "batches waiting for a worker"),
                ("transfer", ms(totals.transfer), "on the way, there and back"),
                ("run", ms(totals.run), "tasks running in workers"),
                ("decode", ms(totals.decode), "bytes into results"),
                ("output", ms(run.output), "handing results on"),
            ],
            batches: totals.batches,
            tasks: totals.tasks,
            utilisation: if whole > 0.0 { (totals.run.as_secs_f64() / whole).min(1.0) } else { 0.0 },
            moments: moments(&recording.spans, window, workers),
            lanes: lanes(recording, workers),
            spans: recording.spans.iter().map(row).collect(),
            resolution: ms(recording.resolution),
            events: recording
                .events
                .iter()
                .map(|event| {
                    (
                        ms(event.at),
                        event.worker,
                        event.pid,
                        told(&event.what),
                        matches!(event.what, WorkerChange::Died(_)),
                    )
                })
                .collect(),
            events_left_out: recording.events_left_out,
            depths: recording.depths.iter().map(|depth| (ms(depth.at), depth.queued, depth.held)).collect(),
            sizes: recording.batch_sizes.clone(),
            times: recording.task_times.clone(),
            slowest: slowest(&run),
            failures: run.named.failures.clone(),
            advice: advise(&known),
            recording: run.recording,
        }
    }
}

fn ended(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Signalled(signal) => signal.participle(),
        _ => "failed",
    }
}

pub(super) fn told(what: &WorkerChange) -> String {
    match what {
        WorkerChange::Started => "started".to_owned(),
        WorkerChange::Ready => "ready".to_owned(),
        WorkerChange::Left => "left".to_owned(),
        WorkerChange::Died(exit) => exit.to_string(),
        _ => "changed".to_owned(),
    }
}

fn row(span: &BatchSpan) -> Bar {
    let (begun, ended) = (ms(span.begun), ms(span.ended));
    (span.worker, begun, ended, ms(span.running), span.tasks, span.failed, span.batches, span.died.into())
}

fn lanes(recording: &Recording, workers: usize) -> Vec<Lane> {
    let mut lanes: Vec<_> = (0..workers).map(|worker| Lane { worker, ..Lane::default() }).collect();
    for span in &recording.spans {
        let lane = &mut lanes[span.worker];
        lane.batches += span.batches;
        lane.tasks += span.tasks;
        lane.failed += span.failed;
        lane.busy += ms(span.running);
    }
    for event in &recording.events {
        let Some(lane) = lanes.get_mut(event.worker) else { continue };
        lane.deaths += u64::from(matches!(event.what, WorkerChange::Died(_)));
        if event.what == WorkerChange::Started && lane.pids.len() < MOST_PIDS {
            lane.pids.push(event.pid);
        }
    }
    lanes
}

/// The share of the workers that ran something, for each of many moments.
fn moments(spans: &[BatchSpan], window: Duration, workers: usize) -> Vec<f64> {
    let mut moments = vec![0.0; MOMENTS];
    let each = window.as_secs_f64() / MOMENTS as f64;
    if each <= 0.0 || workers == 0 {
        return Vec::new();
    }
    for span in spans {
        let (begun, ended) = (span.begun.as_secs_f64(), span.ended.as_secs_f64());
        // Of several batches the pauses between them are spread out.
        let density = span.running.as_secs_f64() / (ended - begun).max(f64::MIN_POSITIVE);
        let first = (begun / each) as usize;
        for (at, moment) in moments.iter_mut().enumerate().skip(first) {
            let (from, to) = (at as f64 * each, (at + 1) as f64 * each);
            if from >= ended {
                break;
            }
            *moment += (ended.min(to) - begun.max(from)).max(0.0) * density.min(1.0) / (each * workers as f64);
        }
    }
    moments.iter().map(|share| (share.min(1.0) * 1e4).round() / 1e4).collect()
}

/// As the command names them, or else by their place.
fn slowest(run: &Run) -> Vec<Slow> {
    if !run.named.slowest.is_empty() {
        let named = run.named.slowest.iter().map(|(took, name)| (name.clone(), ms(*took)));
        return named.map(|(name, took)| Slow { name, took, worker: None, began: None }).collect();
    }
    let several = run.recording.slowest.iter().any(|slow| slow.job != 1);
    run.recording
        .slowest
        .iter()
        .map(|slow| {
            // As they are called where failures are told.
            let what = if run.ending.unit == "calls" { "call" } else { "part" };
            let part = if several {
                format!("{what} {} of job {}", slow.index, slow.job)
            } else {
                format!("{what} {}", slow.index)
            };
            Slow { name: part, took: ms(slow.took), worker: Some(slow.worker), began: Some(ms(slow.begun)) }
        })
        .collect()
}
