//! One call at a time: the way there and back and nothing else.

use anyhow::{Result, ensure};

use crate::peers::procspawn;
use crate::peers::python::Python;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::pipes::Pipes;
use crate::raw::ring::Ring;
use crate::raw::spawn::Children;
use crate::report::RowReport;
use crate::rows::pool;
use crate::stats::latencies;

const METRICS: [Metric; 2] = [Metric::cost("p50", "us"), Metric::cost("p99", "us")];
const RING: &str = "raw ring";
const PIPES: &str = "two raw pipes";
const PROCSPAWN: &str = "procspawn";
const PYTHON: &str = "Python Pool.apply";

fn race<'a>(row: &'static str, setting: &Setting, pool: &'a mpexec_core::Pool) -> Result<Race<'a>> {
    let calls = setting.size(20_000, 4000);
    let mut number = 0;
    let mut race =
        Race::new(row, format!("{calls} calls of a u64 one after another, 2 workers"), &METRICS, move || {
            latencies(calls, || -> Result<()> {
                number += 1;
                let answer = pool.apply(|number: u64| number + 1, (number,))?;
                ensure!(answer == number + 1, "{answer} came for {number}");
                Ok(())
            })
        });
    let (mut ring, mut pipes) = (Ring::start()?, Pipes::start()?);
    let mut number = 0;
    race.beside(RING, move || {
        latencies(calls, || {
            number += 1;
            ring.call(number)
        })
    });
    let mut number = 0;
    race.beside(PIPES, move || {
        latencies(calls, || {
            number += 1;
            pipes.call(number)
        })
    });
    Ok(race)
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let mut race = race("apply", setting, &pool)?;
    race.goal(0, RING, Goal::AtMost(1.3)).goal(0, PIPES, Goal::AtMost(1.0)).goal(1, PIPES, Goal::AtMost(2.0));
    let calls = setting.size(2000, 300);
    match setting.peer(|| procspawn::start(2)) {
        Ok(peer) => race.beside(PROCSPAWN, move || latencies(calls, || procspawn::call(&peer, 1))),
        Err(reason) => race.without(PROCSPAWN, &reason),
    };
    race.goal(0, PROCSPAWN, Goal::Faster(8.0));
    match setting.peer(|| Python::start(&setting.python)) {
        Ok(mut python) => race.beside(PYTHON, move || python.ask("apply", calls)),
        Err(reason) => race.without(PYTHON, &reason),
    };
    race.goal(0, PYTHON, Goal::Faster(12.0));
    Ok(vec![race.run(setting)?])
}

pub(crate) fn run_busy(setting: &Setting) -> Result<Vec<RowReport>> {
    let pool = pool(2)?;
    let mut race = race("apply-busy", setting, &pool)?;
    race.goal(0, PIPES, Goal::AtMost(2.0)).goal(0, RING, Goal::Shown);
    let busy = Children::busy(std::thread::available_parallelism().map_or(1, usize::from))?;
    let report = race.run(setting)?;
    drop(busy);
    Ok(vec![report])
}
