//! The number of workers.

use anyhow::{Result, ensure};

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::raw;
use crate::raw::pool::ROLE;

/// Tasks of each pool's `map`.
pub(super) fn tasks(setting: &Setting) -> u64 {
    setting.size(2_000_000, 200_000)
}

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let mut lines = [
        Line::new("map"),
        Line::apart("ready, a worker", "ms"),
        Line::apart("memory in the coordinator, a worker", "KiB"),
        Line::apart("memory of a worker", "KiB"),
    ];
    let (most, tasks) = (setting.size(512, 32), tasks(setting));
    for count in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512u64].into_iter().filter(|count| *count <= most) {
        let values = raw::told(ROLE, &[count, tasks, setting.rounds.into()])?;
        ensure!(values.len() == lines.len(), "a child told {values:?}");
        for (line, value) in lines.iter_mut().zip(values) {
            line.points.push((count as f64, value));
            // A pool is made once for each number of workers, and its memory is looked at once.
            if line.apart.is_some() {
                line.once.push(count as f64);
            }
        }
    }
    Ok(Curve {
        name: "workers",
        title: "The number of workers",
        what: "Pools of more and more workers on this machine, each in a coordinator of its own: from `build` to all of them ready, for each \
               worker; then `map` of a function that does nothing, for each task; then memory, after a few tasks for each. A worker's memory is its \
               share: pages that many use count for each in part."
            .into(),
        x: Axis::Count("workers"),
        y: "ns a task",
        lines: lines.into(),
    })
}
