//! The number of tasks.

use anyhow::{Result, ensure};

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::readings::middle;
use crate::rows::pool;

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let pool = pool(2)?;
    let (mut map, mut imap) = (Line::new("map"), Line::new("imap"));
    let greatest = setting.size(8, 6);
    for exponent in 2..=greatest {
        let tasks = 10u64.pow(exponent);
        let nanos = |seconds: f64| seconds / tasks as f64 * 1e9;
        let took = middle(setting.rounds, || {
            let answers = pool.map(|number: u64| number + 1, 0..tasks)?;
            ensure!(answers.len() as u64 == tasks, "{} answers", answers.len());
            Ok(())
        })?;
        map.push(tasks as f64, nanos(took.seconds), took);
        let took = middle(setting.rounds, || {
            let mut sum = 0u64;
            for answer in pool.imap(|number: u64| number + 1, 0..tasks) {
                sum += answer?;
            }
            ensure!(sum == tasks * (tasks + 1) / 2, "the answers add up");
            Ok(())
        })?;
        imap.push(tasks as f64, nanos(took.seconds), took);
    }
    Ok(Curve {
        name: "tasks",
        title: "The number of tasks",
        what: "`map` and `imap` of `u64 -> u64`, a function that does nothing, 2 workers, pool warm: time of the whole call for each \
               task. `map` keeps all answers, `imap` hands them out one by one."
            .into(),
        x: Axis::Count("tasks"),
        y: "ns a task",
        lines: vec![map, imap],
    })
}
