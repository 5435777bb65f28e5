//! Many calls outstanding: all are made, then all answers are fetched.

use anyhow::{Result, ensure};

use crate::peers::python::{self, Python};
use crate::peers::{procspawn, threads};
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::ipc;
use crate::raw::ring::Ring;
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;

/// It keeps descriptors for each call that is outstanding: with ten thousand it runs out of them and ends the program.
const PROCSPAWN: &str = "procspawn, 2000 outstanding";
const RAYON: &str = "rayon, a job a call";
const CROSSBEAM: &str = "crossbeam, a message a call";
/// So many of Python's take as long.
const PYTHON: u64 = 2000;
/// More under way than its sockets hold, and both ends wait for each other.
const IPC: &str = "ipc-channel, 64 outstanding";
const RING: &str = "raw ring, a task a record";

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let calls: u64 = setting.size(1_000_000, 200_000);
    let metrics = [Metric::rate("tasks", "million/s")];
    let what = format!(
        "{calls} calls of a u64, all made before the first answer is fetched, 2 workers; Python's {PYTHON} calls"
    );
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
    match setting.peer(|| threads::rayon(2)) {
        Ok(peer) => race.beside(RAYON, move || {
            let (sum, took) = timed(|| threads::jobs_rayon(&peer, calls));
            ensure!(sum == calls * (calls + 1) / 2, "the answers add up");
            Ok(vec![millions(calls, took)])
        }),
        Err(reason) => race.without(RAYON, &reason),
    };
    race.beside(CROSSBEAM, move || {
        let (answers, took) = timed(|| threads::map_crossbeam(2, 0..calls, |number| number + 1));
        ensure!(answers?.iter().sum::<u64>() == calls * (calls + 1) / 2, "the answers add up");
        Ok(vec![millions(calls, took)])
    });
    match setting.peer(ipc::Echo::start) {
        Ok(mut peer) => race.beside(IPC, move || {
            let (done, took) = timed(|| peer.outstanding(20_000, 64));
            done?;
            Ok(vec![millions(20_000, took)])
        }),
        Err(reason) => race.without(IPC, &reason),
    };
    for name in [RING, RAYON, CROSSBEAM, IPC] {
        race.goal(0, name, Goal::Shown);
    }
    let fewer = PYTHON;
    for (peer, name) in python::PARTS {
        match setting.peer(|| Python::with(&setting.python, peer)) {
            Ok(mut python) => race.beside(name, move || {
                let took = python.timed("outstanding-by", format_args!("{peer} {fewer}"), fewer * (fewer + 1) / 2)?;
                Ok(vec![millions(fewer, took)])
            }),
            Err(reason) => race.without(name, &reason),
        };
        race.goal(0, name, Goal::Shown);
    }
    Ok(vec![race.run(setting)?])
}
