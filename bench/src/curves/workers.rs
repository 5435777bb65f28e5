//! The number of workers.

use anyhow::{Context, Result, ensure};

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::raw;
use crate::raw::pool::ROLE;

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let mut lines = [
        Line::new("map"),
        Line::apart("ready, a worker", "ms"),
        Line::apart("memory in the coordinator, a worker", "KiB"),
        Line::apart("memory of a worker", "KiB"),
    ];
    let (most, tasks) = (setting.size(512, 32), setting.size(2_000_000, 200_000));
    for count in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512u64].into_iter().filter(|count| *count <= most) {
        let mut child = raw::child(ROLE)?;
        child.args([count, tasks, setting.rounds.into()].map(|number| number.to_string()));
        let output = child.stderr(std::process::Stdio::inherit()).output().context("starting a pool of its own")?;
        ensure!(output.status.success(), "a pool of {count} workers: {}", output.status);
        let told = String::from_utf8(output.stdout).context("a child tells numbers")?;
        let values: Vec<f64> = told.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(values.len() == lines.len(), "a child told {told}");
        for (line, value) in lines.iter_mut().zip(values) {
            line.points.push((count as f64, value));
        }
    }
    Ok(Curve {
        name: "workers",
        title: "The number of workers",
        what: "Pools of more and more workers on this machine, each in a coordinator of its own: from `build` to all of them ready, for each \
               worker; then `map` of a function that does nothing, for each task; then memory, when they have worked. A worker's memory is its \
               share: pages that many use count for each in part."
            .into(),
        x: Axis::Count("workers"),
        y: "ns a task",
        lines: lines.into(),
    })
}
