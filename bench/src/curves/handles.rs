//! Calls outstanding at once.

use anyhow::{Result, ensure};

use super::{Axis, Curve, Line};
use crate::place::Setting;
use crate::readings::{middle, own_memory};
use crate::rows::pool;

pub(super) fn curve(setting: &Setting) -> Result<Curve> {
    let (mut time, mut memory) =
        (Line::new("apply_async and get"), Line::apart("memory of a handle, answer included", "B"));
    for exponent in 2..=setting.size(6, 5) {
        let calls = 10u64.pow(exponent);
        // A pool of its own: what an earlier one has left in the allocator is no memory of these handles.
        let pool = pool(2)?;
        let before = own_memory()?;
        let mut most = 0.0f64;
        let took = middle(setting.rounds, || {
            let pending: Vec<_> =
                (0..calls).map(|number| pool.apply_async(|number: u64| number + 1, (number,))).collect();
            most = most.max(own_memory()?);
            let mut sum = 0;
            for one in pending {
                sum += one.get()?;
            }
            ensure!(sum == calls * (calls + 1) / 2, "the answers add up");
            Ok(())
        })?;
        time.points.push((calls as f64, took / calls as f64 * 1e9));
        if calls >= 100_000 {
            // Below that, pages are too large a measure.
            memory.points.push((calls as f64, (most - before).max(0.0) / calls as f64));
        }
    }
    Ok(Curve {
        name: "handles",
        title: "Calls outstanding",
        what: "So many `apply_async` of a function that does nothing, all made before the first answer is fetched, 2 workers."
            .into(),
        x: Axis::Count("calls outstanding"),
        y: "ns a call",
        lines: vec![time, memory],
    })
}
