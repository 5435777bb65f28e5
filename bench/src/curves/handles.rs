//! Calls outstanding at once.

use anyhow::{Result, ensure};

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::raw;
use crate::raw::handles::ROLE;
use crate::readings::Middle;

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let (mut time, mut memory) =
        (Line::new("apply_async and get"), Line::apart("memory of a handle, answer included", "B"));
    for exponent in 2..=setting.size(6, 5) {
        let calls = 10u64.pow(exponent);
        let values = raw::told(ROLE, &[calls, setting.rounds.into()])?;
        let [nanos, bytes, once] = values[..] else { anyhow::bail!("a child told {values:?}") };
        ensure!(nanos > 0.0, "a call takes time");
        time.push(calls as f64, nanos, Middle { seconds: nanos * 1e-9, once: once != 0.0 });
        if calls >= 10_000 {
            // Below that, pages are too large a measure.
            memory.points.push((calls as f64, bytes));
        }
    }
    Ok(Curve {
        name: "handles",
        title: "Calls outstanding",
        what: "So many `apply_async` of a function that does nothing, all made before the first answer is fetched, 2 workers; each number \
               in a coordinator of its own."
            .into(),
        x: Axis::Count("calls outstanding"),
        y: "ns a call",
        lines: vec![time, memory],
    })
}
