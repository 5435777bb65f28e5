//! What tasks, batches, jobs and workers cost the one thread that turns the crank, and where it would be the limit.

use std::fmt::Write;

use anyhow::{Result, ensure};
use mpexec_core::Workers;
use serde_json::{Value, json};

use super::Curve;
use super::fit::{Fit, Point};
use crate::batches;
use crate::place::Setting;
use crate::readings::middle;
use crate::report::short;
use crate::rows::pool;

/// Tasks in a batch, as given.
const CHUNKS: [usize; 7] = [1, 4, 16, 64, 256, 1024, 4096];
/// A batch aims at so much work, in nanoseconds, and has no more tasks than this, as the engine's pace says. Arguments of 8 bytes and more end it sooner, at
/// 128 KiB: no length of a task that is asked for here has so many.
const AIM: f64 = 300_000.0;
const MOST: f64 = 16_384.0;
/// The curves that the fit is made from.
const BATCHES: &str = "batches of a given size";
const TASKS: &str = "the number of tasks";
const WORKERS: &str = "the number of workers";

/// What takes time, in nanoseconds: a task, a batch, that several tasks are in a batch, a job, a worker that a job wakes, and at each batch each
/// worker, as these take turns on the processors that there are.
type Costs = Fit<6>;

/// How often each of these is in a task's share of a job.
fn parts(tasks: f64, in_batch: f64, workers: f64, woken: f64) -> [f64; 6] {
    let several = if in_batch > 1.0 { 1.0 } else { 0.0 };
    [1.0, 1.0 / in_batch, several / in_batch, 1.0 / tasks, woken / tasks, workers / in_batch]
}

/// Tasks of so many nanoseconds travel together in such numbers.
fn in_batch(length: f64) -> f64 {
    (AIM / length).clamp(1.0, MOST)
}

/// With tasks of so many nanoseconds in a long job: how many workers one thread can keep busy.
fn kept_busy(costs: &Costs, length: f64) -> f64 {
    let [task, batch, several, ..] = costs.0;
    let in_batch = in_batch(length);
    let several = if in_batch > 1.0 { several } else { 0.0 };
    length / (task + (batch + several) / in_batch)
}

/// The shortest task, in nanoseconds, with which one thread keeps so many workers busy: below, the thread is the limit.
fn saturated_below(costs: &Costs, workers: f64) -> f64 {
    let (mut too_short, mut enough) = (1.0f64, 1e12f64);
    for _ in 0..200 {
        let middle = (too_short * enough).sqrt();
        if kept_busy(costs, middle) < workers { too_short = middle } else { enough = middle }
    }
    enough
}

fn measured(setting: &Setting) -> Result<Vec<(f64, f64)>> {
    let pool = pool(2)?;
    let tasks = tasks(setting);
    let mut points = Vec::new();
    for chunk in CHUNKS {
        let took = middle(setting.rounds, || {
            let answers = pool.call().chunk_size(chunk).map(|number: u64| number + 1, 0..tasks)?;
            ensure!(answers.len() as u64 == tasks, "{} answers", answers.len());
            Ok(())
        })?;
        points.push((chunk as f64, took.seconds / tasks as f64 * 1e9));
    }
    Ok(points)
}

/// Tasks of the job in given batches.
fn tasks(setting: &Setting) -> u64 {
    setting.size(1_000_000, 50_000)
}

/// The points of the other curves' `map`, as far as they are there. `in_batch`: how many tasks a batch has, of so many workers and tasks.
fn of_curves(
    curves: &[Curve],
    tasks_of_workers: f64,
    in_batch: impl Fn(f64, f64) -> Result<f64>,
) -> Result<Vec<Point<6>>> {
    let line = |name: &str| {
        let curve = curves.iter().find(|curve| curve.name == name);
        curve.and_then(|curve| curve.lines.iter().find(|line| line.name == "map")).map_or(&[][..], |line| &line.points)
    };
    let by_tasks = line("tasks").iter().map(|&(tasks, cost)| (TASKS, tasks, 2.0, cost));
    let by_workers = line("workers").iter().map(|&(workers, cost)| (WORKERS, tasks_of_workers, workers, cost));
    let point = |(of, tasks, workers, cost): (&'static str, f64, f64, f64)| {
        let in_batch = in_batch(workers, tasks)?;
        // What travels in one batch goes to one worker.
        let woken = workers.min((tasks / in_batch).ceil());
        Ok(Point { of, parts: parts(tasks, in_batch, workers, woken), cost })
    };
    by_tasks.chain(by_workers).map(point).collect()
}

/// As the engine cuts them. More tasks than some are cut as these are.
fn cut(workers: f64, tasks: f64) -> Result<f64> {
    batches::mean_of_map(Workers::Exact(workers as usize), tasks.min(1e7) as u64)
}

pub(super) fn section(setting: &Setting, curves: &[Curve]) -> Result<(String, Value)> {
    let measured = measured(setting)?;
    let tasks = tasks(setting) as f64;
    let mut points: Vec<Point<6>> = measured
        .iter()
        .map(|&(chunk, cost)| Point { of: BATCHES, parts: parts(tasks, chunk, 2.0, 2.0), cost })
        .collect();
    points.extend(of_curves(curves, super::workers::tasks(setting) as f64, cut)?);
    let costs = Fit::of(&points);
    let mut text = String::from("## The one thread that drives\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "`map` of `u64 -> u64`, a function that does nothing, 2 workers, tasks in batches of a given size: time for each task. The coordinator \
         is what everything waits for then, or nearly: so it needs no more than this.\n"
    );
    let _ = writeln!(text, "| tasks in a batch | ns a task | fitted |\n|---:|---:|---:|");
    for (chunk, cost) in &measured {
        let fitted = short(costs.says(parts(tasks, *chunk, 2.0, 2.0)));
        let _ = writeln!(text, "| {chunk} | {} | {fitted} |", short(*cost));
    }
    let [task, batch, several, job, worker, turns] = costs.0;
    let _ = writeln!(
        text,
        "\nFitted to this table and to the two curves of `map` above, each deviation relative to what was measured: {} ns a task; {} ns a batch, {} ns \
         more if several tasks are in it, and {} ns for each worker of the pool, as they take turns on these processors; {} us a job, {} us for each worker that it \
         wakes. How far the fit is off:\n",
        short(task),
        short(batch),
        short(several),
        short(turns),
        short(job / 1e3),
        short(worker / 1e3)
    );
    let _ = writeln!(text, "| curve | in the middle | at most |\n|---|---:|---:|");
    for of in [BATCHES, TASKS, WORKERS] {
        if let Some((middle, most)) = costs.errors(&points, of) {
            let _ = writeln!(text, "| {of} | {:.0} % | {:.0} % |", middle * 100.0, most * 100.0);
        }
    }
    let saturation = write_plan(&mut text, &costs);
    let told: Vec<_> =
        measured.iter().map(|(chunk, cost)| json!({ "tasks in a batch": chunk, "ns a task": cost })).collect();
    let fitted = json!({
        "ns a task": task, "ns a batch": batch, "ns a batch of several": several, "ns a batch and worker": turns, "ns a job": job, "ns a worker": worker,
    });
    Ok((text, json!({ "measured": told, "fitted": fitted, "saturated below, ns": saturation })))
}

/// What one thread would do for more processors, and where it would be the limit.
fn write_plan(text: &mut String, costs: &Costs) -> Value {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\nFrom these, the share of their time that workers on so many processors could work, were the rest of a larger machine as this one: one \
         thread gives out batches of {} us of work, at most {MOST} tasks, and each worker has a processor, so that none takes turns.\n",
        short(AIM / 1e3)
    );
    let _ = writeln!(
        text,
        "| length of a task | workers that one thread keeps busy | 64 | 256 | 1,024 |\n|---|---:|---:|---:|---:|"
    );
    for (name, length) in [("100 ns", 1e2), ("1 us", 1e3), ("10 us", 1e4), ("100 us", 1e5), ("1 ms", 1e6)] {
        let workers = kept_busy(costs, length);
        let share = |processors: f64| format!("{:.0} %", (workers / processors).min(1.0) * 100.0);
        let _ = writeln!(text, "| {name} | {workers:.0} | {} | {} | {} |", share(64.0), share(256.0), share(1024.0));
    }
    let _ = writeln!(text, "\n| processors | the one thread is the limit for tasks shorter than |\n|---:|---:|");
    let mut saturation = serde_json::Map::new();
    for processors in [2, 8, 64, 256, 1024] {
        let length = saturated_below(costs, f64::from(processors));
        let _ = writeln!(text, "| {processors} | {} us |", short(length / 1e3));
        saturation.insert(processors.to_string(), json!(length));
    }
    text.push('\n');
    Value::Object(saturation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::{Axis, Line};

    const COSTS: Costs = Fit([50.0, 500.0, 1500.0, 0.0, 0.0, 0.0]);

    #[test]
    fn long_tasks_travel_alone_and_need_the_driver_the_least() {
        assert!((kept_busy(&COSTS, 1e6) / (1e6 / 550.0) - 1.0).abs() < 1e-9, "nothing travels with it");
        assert!((kept_busy(&COSTS, 1e5) / (1e5 / (50.0 + 2000.0 / 3.0)) - 1.0).abs() < 1e-9);
        assert!(kept_busy(&COSTS, 1e2) < kept_busy(&COSTS, 1e3) && kept_busy(&COSTS, 1e3) < kept_busy(&COSTS, 1e6));
    }

    #[test]
    fn the_driver_saturates_where_it_keeps_just_so_many_workers_busy() {
        for workers in [2.0, 64.0, 1024.0] {
            let length = saturated_below(&COSTS, workers);
            assert!((kept_busy(&COSTS, length) / workers - 1.0).abs() < 1e-6, "{workers}: {length}");
        }
        assert!((saturated_below(&COSTS, 1024.0) - 1024.0 * 550.0).abs() < 1.0);
    }

    #[test]
    fn the_curves_of_map_are_part_of_the_fit() {
        let mut map = Line::new("map");
        map.points = vec![(100.0, 300.0), (1e6, 60.0)];
        let curve = |name| Curve {
            name,
            title: "",
            what: String::new(),
            x: Axis::Count(""),
            y: "ns a task",
            lines: vec![Line { name: "map", apart: None, points: map.points.clone(), once: vec![] }],
        };
        let in_batch = |workers: f64, tasks: f64| Ok((tasks / workers).min(1000.0));
        let points = of_curves(&[curve("tasks"), curve("workers"), curve("sizes")], 2e6, in_batch).unwrap();
        let of: Vec<_> = points.iter().map(|point| (point.of, point.parts)).collect();
        assert_eq!(of[0], (TASKS, [1.0, 0.02, 0.02, 0.01, 0.02, 0.04]));
        assert_eq!(of[3], (WORKERS, [1.0, 0.5, 0.5, 1.0 / 2e6, 1e6 / 2e6, 5e5]));
        assert_eq!(of.len(), 4);
    }
}
