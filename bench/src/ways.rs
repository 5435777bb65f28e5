//! How a call's time divides: from its begin here to its begin there, and from there to its answer here.
//!
//! What is called answers with the time at which it ran. The clock is the same for all processes of a machine.

use anyhow::Result;

use crate::raw::ring::Ring;
use crate::rows::one_call::{FAR, NEAR, free_of_places, pin};
use crate::rows::pool;
use crate::stats::{now, quantile};

const CALLS: usize = 100_000;
/// Sides are read in turn, so many times.
const TURNS: usize = 10;

/// There, back, and both, of one side.
#[derive(Default)]
struct Ways([Vec<f64>; 3]);

impl Ways {
    fn read(&mut self, mut call: impl FnMut() -> Result<u64>) -> Result<()> {
        for _ in 0..CALLS / TURNS {
            let begun = now();
            let there = call()?;
            let ended = now();
            for (ways, way) in self.0.iter_mut().zip([there - begun, ended - there, ended - begun]) {
                ways.push(way as f64 / 1e3);
            }
        }
        Ok(())
    }

    fn line(mut self, name: &str) -> String {
        let [there, back, both] = self.0.each_mut().map(|ways| quantile(ways, 0.5));
        format!("  {name:<12}{there:>8.3}{back:>8.3}{both:>8.3}")
    }
}

/// Prints the medians of our calls and of the raw ring's, where the system puts them and with the places given.
///
/// # Errors
/// When a pool or the ring fails.
pub(crate) fn run() -> Result<()> {
    println!("{CALLS} calls one after another, medians in us:{:>8}{:>8}{:>8}", "there", "back", "both");
    let free = free_of_places()?;
    for (place, far_ends) in [("wherever the system puts them", None), ("on two processors", Some(FAR))] {
        if far_ends.is_some() && free.is_none() {
            println!("{place}: they are not both ours");
            continue;
        }
        println!("{place}");
        let (pool, mut ring) = (pool(2)?, Ring::start()?);
        if let Some(processor) = far_ends {
            for pid in pool.pids().into_iter().chain([ring.pid()]) {
                pin(Some(pid), processor)?;
            }
            pin(None, NEAR)?;
        }
        let (mut ours, mut raw) = (Ways::default(), Ways::default());
        let mut whole = [Vec::new(), Vec::new()];
        for _ in 0..TURNS {
            ours.read(|| Ok(pool.apply(|_: u64| now(), (1,))?))?;
            raw.read(|| ring.when())?;
            // Whose far end does not look at the clock.
            for _ in 0..CALLS / TURNS {
                let begun = now();
                ring.call(1)?;
                let between = now();
                ring.long_call(1)?;
                let ended = now();
                for (calls, took) in whole.iter_mut().zip([between - begun, ended - between]) {
                    calls.push(took as f64 / 1e3);
                }
            }
        }
        println!("{}\n{}", ours.line("mpexec"), raw.line("raw ring"));
        let [short, long] = whole.each_mut().map(|calls| quantile(calls, 0.5));
        println!("  raw ring, no clock at its far end: {short:.3}; records as long as ours: {long:.3}");
    }
    Ok(())
}
