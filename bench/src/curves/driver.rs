//! What tasks and batches cost the one thread that turns the crank, and where it would be the limit.

use std::fmt::Write;

use anyhow::{Result, ensure};

use crate::place::Setting;
use crate::readings::middle;
use crate::report::short;
use crate::rows::pool;

/// Tasks in a batch, as given.
const CHUNKS: [usize; 7] = [1, 4, 16, 64, 256, 1024, 4096];
/// A batch aims at so much work, in nanoseconds, and has no more tasks than this: as the engine does.
const AIM: f64 = 300_000.0;
const MOST: f64 = 16_384.0;

/// What a task and a batch take of the coordinator, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Costs {
    task: f64,
    batch: f64,
}

impl Costs {
    /// Least squares over `(tasks in a batch, nanoseconds a task)`, each weighed by its own size: a line in the number of
    /// batches a task.
    fn fitted(points: &[(f64, f64)]) -> Costs {
        let (mut w, mut x, mut y, mut xx, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (chunk, cost) in points {
            let (weight, share) = (1.0 / (cost * cost), 1.0 / chunk);
            w += weight;
            x += weight * share;
            y += weight * cost;
            xx += weight * share * share;
            xy += weight * share * cost;
        }
        let batch = (w * xy - x * y) / (w * xx - x * x);
        Costs { task: (y - batch * x) / w, batch }
    }

    /// With tasks of so many nanoseconds, in batches as the engine cuts them: how many workers one thread can keep busy.
    fn workers(self, length: f64) -> f64 {
        let tasks = (AIM / length).clamp(1.0, MOST);
        length / (self.task + self.batch / tasks)
    }
}

fn measured(setting: &Setting) -> Result<Vec<(f64, f64)>> {
    let pool = pool(2)?;
    let tasks: u64 = setting.size(1_000_000, 50_000);
    let mut points = Vec::new();
    for chunk in CHUNKS {
        let took = middle(setting.rounds, || {
            let answers = pool.call().chunk_size(chunk).map(|number: u64| number + 1, 0..tasks)?;
            ensure!(answers.len() as u64 == tasks, "{} answers", answers.len());
            Ok(())
        })?;
        points.push((chunk as f64, took / tasks as f64 * 1e9));
    }
    Ok(points)
}

pub(super) fn section(setting: &Setting) -> Result<String> {
    let points = measured(setting)?;
    let costs = Costs::fitted(&points);
    let mut text = String::from("## The one thread that drives\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "`map` of `u64 -> u64`, a function that does nothing, 2 workers, tasks in batches of a given size: time for each task. The coordinator \
         is what everything waits for then, or nearly: so it needs no more than this.\n"
    );
    let _ = writeln!(text, "| tasks in a batch | ns a task | fitted |\n|---:|---:|---:|");
    for (chunk, cost) in &points {
        let fitted = short(costs.task + costs.batch / chunk);
        let _ = writeln!(text, "| {chunk} | {} | {fitted} |", short(*cost));
    }
    let Costs { task, batch } = costs;
    let _ = writeln!(text, "\nFitted: {} ns a task and {} ns a batch.", short(task), short(batch));
    let _ = writeln!(
        text,
        "\nFrom these, the share of their time that workers on so many processors could work, were the rest of a larger machine as this one: one \
         thread gives out batches of {} us of work, at most {MOST} tasks.\n",
        short(AIM / 1e3)
    );
    let _ = writeln!(
        text,
        "| length of a task | workers that one thread keeps busy | 64 | 256 | 1,024 |\n|---|---:|---:|---:|---:|"
    );
    for (name, length) in [("100 ns", 1e2), ("1 us", 1e3), ("10 us", 1e4), ("100 us", 1e5), ("1 ms", 1e6)] {
        let workers = costs.workers(length);
        let share = |processors: f64| format!("{:.0} %", (workers / processors).min(1.0) * 100.0);
        let _ = writeln!(text, "| {name} | {workers:.0} | {} | {} | {} |", share(64.0), share(256.0), share(1024.0));
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_the_costs_that_made_the_points() {
        let points: Vec<_> =
            CHUNKS.iter().map(|chunk| *chunk as f64).map(|chunk| (chunk, 50.0 + 2000.0 / chunk)).collect();
        let Costs { task, batch } = Costs::fitted(&points);
        assert!((task - 50.0).abs() < 0.01 && (batch - 2000.0).abs() < 0.1, "{task} {batch}");
    }

    #[test]
    fn long_tasks_travel_alone_and_need_the_driver_the_least() {
        let costs = Costs { task: 50.0, batch: 2000.0 };
        assert_eq!(costs.workers(1e6), 1e6 / 2050.0);
        assert!(costs.workers(1e2) < costs.workers(1e3) && costs.workers(1e3) < costs.workers(1e6));
    }
}
