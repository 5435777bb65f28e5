//! Why a pool was mostly waiting, and what to do about it: from sums that were measured, and nothing for a run that was well.

use std::time::Duration;

use mpexec_core::{Recording, WorkerChange};
use serde::Serialize;

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Known<'a> {
    pub(super) recording: Option<&'a Recording>,
    pub(super) workers: usize,
    pub(super) processors: usize,
    /// From the start of the pool to the last result, or to the end of the output if that was waited for.
    pub(super) window: Duration,
    /// What callers waited for input, and for whoever takes the output.
    pub(super) input: Duration,
    pub(super) output: Duration,
    /// Processor time that the workers used.
    pub(super) busy: Duration,
}

/// Why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Advice {
    pub(super) why: String,
    pub(super) remedy: &'static str,
}

/// A run that is shorter needs no advice.
const SHORT: Duration = Duration::from_millis(500);
/// Workers that run tasks for so much of their time do well.
const WELL: f64 = 0.6;
/// What takes so much of the time that is lost is worth a word.
const SHARE: f64 = 0.35;
/// Processors of which workers used so much were short; the rest may have been taken by others.
const COMPUTING: f64 = 0.6;
/// Tasks below this cost about as much to send as to run.
const TINY: f64 = 20e-6;

/// The reasons, the largest first; none for a run that was short, or whose workers were busy.
pub(super) fn advise(known: &Known<'_>) -> Vec<Advice> {
    let Some(recording) = known.recording.filter(|recording| recording.totals.batches > 0) else { return Vec::new() };
    if known.window < SHORT || known.workers == 0 {
        return Vec::new();
    }
    let (window, workers) = (known.window.as_secs_f64(), known.workers as f64);
    let totals = recording.totals;
    let run = totals.run.as_secs_f64();
    let worked = run / (window * workers);
    let mut found = Vec::new();
    let cores = known.processors as f64;
    if known.workers > known.processors && known.busy.as_secs_f64() > COMPUTING * window * cores {
        let (workers, cores) = (known.workers, known.processors);
        let why = format!(
            "{workers} workers shared {cores} processor{} that computed all the time",
            if cores == 1 { "" } else { "s" }
        );
        found.push((
            1.0,
            why,
            "more workers than processors do not make it faster; --workers auto takes as many as there are",
        ));
    }
    if worked >= WELL {
        return found.into_iter().map(|(_, why, remedy)| Advice { why, remedy }).collect();
    }
    let lost = window * workers - run;
    let percent = |share: f64| (share.min(1.0) * 100.0).round();
    let each = run / totals.tasks.max(1) as f64;
    let starting = starting(recording, known) / lost;
    if starting > SHARE {
        let why = format!("workers were being started for {} % of the time in which none ran", percent(starting));
        found.push((starting, why, "take fewer workers, or let each do more: a higher --max-tasks-per-worker, a function that does not end its worker"));
    }
    let output = known.output.as_secs_f64() / window;
    if output > SHARE {
        let why = format!("results waited to be taken for {} % of the time", percent(output));
        found.push((
            output,
            why,
            "whoever reads the output is the slow part: write to a file, or make the reader faster",
        ));
    }
    let input = known.input.as_secs_f64() / window;
    if input > SHARE {
        let why = format!("the input was waited for during {} % of the time", percent(input));
        found.push((
            input,
            why,
            "the input is the slow part: more workers do not help; give a file in place of a pipe, or a faster source",
        ));
    }
    let tail = tail(recording, known) / lost;
    if tail > SHARE {
        let why = format!("at the end the others waited for the last task during {} % of the time lost", percent(tail));
        found.push((tail, why, "one task is much longer than the others: cut it into smaller ones, or begin with it"));
    }
    let transfer = totals.transfer.as_secs_f64();
    if each < TINY && transfer + totals.encode.as_secs_f64() + totals.decode.as_secs_f64() > run {
        let why = format!("tasks took {:.1} microseconds each, less than it costs to send them", each * 1e6);
        found.push((transfer / lost, why, "give each task more to do (more rows in one), or take one worker"));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    if found.is_empty() {
        let why = format!("workers ran tasks for {} % of their time", percent(worked));
        found.push((0.0, why, "there was too little to do for so many: fewer workers would be as fast"));
    }
    found.into_iter().map(|(_, why, remedy)| Advice { why, remedy }).collect()
}

/// Seconds during which places had no worker that was ready.
fn starting(recording: &Recording, known: &Known<'_>) -> f64 {
    let mut since = vec![Some(Duration::ZERO); known.workers];
    let mut sum = Duration::ZERO;
    for event in &recording.events {
        let Some(place) = since.get_mut(event.worker) else { continue };
        match event.what {
            WorkerChange::Ready => sum += place.take().map_or(Duration::ZERO, |since| event.at.saturating_sub(since)),
            // Those that leave at the end are not replaced.
            WorkerChange::Died(_) | WorkerChange::Left if event.at < known.window => *place = Some(event.at),
            _ => {}
        }
    }
    let open = since.into_iter().flatten().map(|since| known.window.saturating_sub(since));
    (sum + open.sum::<Duration>()).as_secs_f64()
}

/// Seconds for which workers had nothing while others ended what they had last.
fn tail(recording: &Recording, known: &Known<'_>) -> f64 {
    let mut last = vec![None; known.workers];
    for span in &recording.spans {
        if let Some(place) = last.get_mut(span.worker) {
            *place = Some(span.ended.max(place.unwrap_or_default()));
        }
    }
    let end = last.iter().flatten().max().copied().unwrap_or_default();
    // One that never had anything waited for something else.
    last.into_iter().flatten().map(|last| (end - last).as_secs_f64()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a pool of 4 workers on so many processors, whose tasks ran for so long altogether and computed all the time, in a second.
    fn told(processors: usize, run: f64) -> Vec<String> {
        let mut recording = Recording::default();
        (recording.totals.batches, recording.totals.tasks) = (10, 10);
        recording.totals.run = Duration::from_secs_f64(run);
        let (window, busy) = (Duration::from_secs(1), Duration::from_secs_f64(run.min(processors as f64)));
        let (input, output) = (Duration::ZERO, Duration::ZERO);
        let known = Known { recording: Some(&recording), workers: 4, processors, window, input, output, busy };
        advise(&known).into_iter().map(|advice| advice.why).collect()
    }

    #[test]
    fn more_workers_than_processors_are_told_of_where_they_compute() {
        assert_eq!(told(1, 3.9), ["4 workers shared 1 processor that computed all the time"]);
        assert_eq!(told(2, 3.9), ["4 workers shared 2 processors that computed all the time"]);
        assert_eq!(told(4, 3.9), [""; 0]);
    }

    #[test]
    fn who_has_nothing_else_to_be_told_hears_that_there_was_too_little_to_do() {
        // No worker was ever ready, as far as this recording knows: that is what is told first.
        assert_eq!(told(4, 0.4)[0], "workers were being started for 100 % of the time in which none ran");
        assert_eq!(advise(&Known::default()), []);
    }
}
