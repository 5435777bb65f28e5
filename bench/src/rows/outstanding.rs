//! Many calls outstanding: all are made, then all answers are fetched.

use anyhow::{Result, ensure};

use crate::peers::procspawn;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;

const PROCSPAWN: &str = "procspawn";
const RING: &str = "raw ring, a task a record";

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let calls: u64 = setting.size(1_000_000, 200_000);
    let metrics = [Metric::rate("tasks", "million/s")];
    let what = format!("{calls} calls of a u64, all made before the first answer is fetched, 2 workers");
    let mut race = Race::new("apply-async", what, &metrics, || {
        let (sum, took) = timed(|| -> Result<u64> {
            let pending: Vec<_> =
                (0..calls).map(|number| pool.apply_async(|number: u64| number + 1, (number,))).collect();
            let mut sum = 0;
            for one in pending {
                sum += one.get()?;
            }
            Ok(sum)
        });
        ensure!(sum? == calls * (calls + 1) / 2, "the answers add up");
        Ok(vec![millions(calls, took)])
    });
    race.goal(0, "", Goal::FigureAtLeast(3.0));
    // It keeps descriptors for each call that is outstanding: with ten thousand it runs out of them and ends the program.
    let few = 2000;
    match setting.peer(|| procspawn::start(2)) {
        Ok(peer) => race.beside(PROCSPAWN, move || {
            let (done, took) = timed(|| procspawn::outstanding(&peer, few));
            done?;
            Ok(vec![millions(few, took)])
        }),
        Err(reason) => race.without(PROCSPAWN, &reason),
    };
    race.goal(0, PROCSPAWN, Goal::Faster(200.0));
    let mut ring = Ring::start()?;
    race.beside(RING, move || {
        let (answers, took) = timed(|| ring.stream(0..calls, 1, 4096));
        ensure!(answers?.iter().sum::<u64>() == calls * (calls + 1) / 2, "the answers add up");
        Ok(vec![millions(calls, took)])
    });
    race.goal(0, RING, Goal::Shown);
    Ok(vec![race.run(setting)?])
}
