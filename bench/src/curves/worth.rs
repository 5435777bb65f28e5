//! What is worth it: a loop, threads and processes over the same tasks, by length, size and number of tasks, and the length from which on
//! threads or processes are the better choice.

use std::fmt::Write;
use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use mpexec_core::{Plain, Pool};
use rayon::ThreadPool;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::even::{Even, break_even};
use super::work::{burn, steps_in};
use crate::peers::threads;
use crate::place::Setting;
use crate::report::short;
use crate::rows::pool;
use crate::stats::{summary, timed};

const LENGTHS: [(&str, f64); 8] = [
    ("30 ns", 3e-8),
    ("100 ns", 1e-7),
    ("300 ns", 3e-7),
    ("1 us", 1e-6),
    ("10 us", 1e-5),
    ("100 us", 1e-4),
    ("1 ms", 1e-3),
    ("10 ms", 1e-2),
];
const SIZES: [(&str, usize); 3] = [("8 B", 8), ("4 KiB", 4 << 10), ("256 KiB", 256 << 10)];
/// Tasks of a job; `None` for as many as make a reading long enough.
const COUNTS: [(&str, Option<usize>); 3] = [("10", Some(10)), ("1,000", Some(1000)), ("many", None)];
/// A reading has so much work in it, in seconds, within these numbers of tasks; a job of a given number has no more than twice as much.
const WORK: f64 = 0.1;
const TASKS: (f64, f64) = (20.0, 100_000.0);
/// Bytes sent in a reading, at most.
const SENT: usize = 512 << 20;
const WORKERS: usize = 2;

/// How many times as fast as the loop, in the middle, at least and at most; each taken within a round.
#[derive(Clone, Copy, Debug, Serialize)]
struct Times {
    median: f64,
    least: f64,
    greatest: f64,
}

/// One place of the table.
#[derive(Debug, Serialize)]
struct Cell {
    size: usize,
    tasks: usize,
    seconds_a_task: f64,
    rayon: Times,
    mpexec: Times,
}

/// The task: works, and has a look at both ends of its data.
fn task(block: &[u8], steps: u64) -> u64 {
    burn(steps) + u64::from(black_box(block[0])) + u64::from(black_box(block[block.len() - 1]))
}

/// The three in turn, each second round backwards; the first round is a warm-up.
fn cell(
    setting: &Setting,
    (pool, rayon): (&Pool, &ThreadPool),
    block: &[u8],
    count: usize,
    steps: u64,
) -> Result<[Times; 2]> {
    let (mut by_rayon, mut by_us) = (Vec::new(), Vec::new());
    for round in 0..=setting.rounds {
        let mut took = [0.0; 3];
        for at in 0..3 {
            let side = if round % 2 == 0 { at } else { 2 - at };
            let (done, time) = timed(|| -> Result<()> {
                match side {
                    0 => drop(black_box((0..count).map(|_| task(black_box(block), steps)).collect::<Vec<u64>>())),
                    1 => drop(black_box(rayon.install(|| {
                        (0..count).into_par_iter().map(|_| task(black_box(block), steps)).collect::<Vec<u64>>()
                    }))),
                    _ => {
                        let answers = pool.starmap(task, (0..count).map(|_| (Plain(block), steps)))?;
                        ensure!(answers.len() == count, "{} answers", answers.len());
                    }
                }
                Ok(())
            });
            done?;
            took[side] = time.as_secs_f64();
        }
        if round > 0 {
            by_rayon.push(took[0] / took[1]);
            by_us.push(took[0] / took[2]);
        }
    }
    let times = |ratios: &[f64]| {
        let (median, least, greatest) = summary(ratios);
        Times { median, least, greatest }
    };
    Ok([times(&by_rayon), times(&by_us)])
}

pub(super) fn section(setting: &Setting) -> Result<(String, Value)> {
    let (pool, rayon) = (pool(WORKERS)?, threads::rayon(WORKERS).map_err(anyhow::Error::msg)?);
    let mut text = String::from("## Is it worth it?\n\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "The same tasks by a plain loop, by rayon with {WORKERS} threads, and by `starmap` with {WORKERS} workers of a warm pool, in turn, all answers kept, by length \
         of a task, size of its argument and number of tasks. How many times as fast as the loop: rayon / mpexec, each with the least and the greatest of {} rounds. \
         Two processors cannot be more than twice as fast: what lies above is a round in which the loop was held up, or ran at another clock rate.\n",
        setting.rounds
    );
    let mut cells: Vec<Cell> = Vec::new();
    for (count_name, count) in COUNTS {
        let heads: Vec<_> = SIZES.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(
            text,
            "| {count_name} tasks, each works for | {} |\n|---|{}",
            heads.join(" | "),
            "---:|".repeat(SIZES.len())
        );
        for (name, length) in LENGTHS {
            if count.is_some_and(|count| count as f64 * length > 2.0 * WORK) {
                continue;
            }
            let steps = steps_in(length);
            let _ = write!(text, "| {name} |");
            for (_, size) in SIZES {
                let block = vec![1u8; size];
                let most = TASKS.1.min((SENT / size) as f64).min(setting.size(f64::INFINITY, 2000.0));
                let tasks = count.unwrap_or((WORK / length).clamp(TASKS.0, most) as usize);
                let [by_rayon, by_us] = cell(setting, (&pool, &rayon), &block, tasks, steps)?;
                let told = |times: Times| {
                    format!("{} ({}..{})", short(times.median), short(times.least), short(times.greatest))
                };
                let _ = write!(text, " {} / {} |", told(by_rayon), told(by_us));
                cells.push(Cell {
                    size,
                    tasks: count.unwrap_or(0),
                    seconds_a_task: length,
                    rayon: by_rayon,
                    mpexec: by_us,
                });
            }
            text.push('\n');
        }
        text.push('\n');
    }
    let evens = write_evens(&mut text, &cells);
    let start = start(setting)?;
    let _ = writeln!(
        text,
        "A pool of {WORKERS} that is started for one job and ended after it costs {} ms more ({}..{}; `build`, ready, `close`, `join`): work of less than \
         twice that is done sooner by the loop.\n",
        short(start.median * 1e3),
        short(start.least * 1e3),
        short(start.greatest * 1e3),
    );
    Ok((
        text,
        json!({ "cells": cells, "break even": evens, "start, seconds": start, "tasks 0": "as many as make a reading long" }),
    ))
}

/// The lengths from which on each is faster than the loop.
fn write_evens(text: &mut String, cells: &[Cell]) -> Vec<Value> {
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "From which length of a task on it pays, between the lengths above by their logarithms: rayon / mpexec. Below it the loop is faster.\n"
    );
    let heads: Vec<_> = SIZES.iter().map(|(name, _)| *name).collect();
    let _ = writeln!(text, "| tasks | {} |\n|---|{}", heads.join(" | "), "---:|".repeat(SIZES.len()));
    let mut all = Vec::new();
    for (name, count) in COUNTS {
        let _ = write!(text, "| {name} |");
        for (_, size) in SIZES {
            let of = |times: fn(&Cell) -> Times| -> Even {
                let here = cells.iter().filter(|cell| cell.size == size && cell.tasks == count.unwrap_or(0));
                break_even(&here.map(|cell| (cell.seconds_a_task, times(cell).median)).collect::<Vec<_>>())
            };
            let (rayon, mpexec) = (of(|cell| cell.rayon), of(|cell| cell.mpexec));
            let _ = write!(text, " {rayon} / {mpexec} |");
            all.push(json!({ "size": size, "tasks": name, "rayon": rayon, "mpexec": mpexec }));
        }
        text.push('\n');
    }
    text.push('\n');
    all
}

/// From nothing to a pool that is ready, and back.
fn start(setting: &Setting) -> Result<Times> {
    let mut readings = Vec::new();
    for round in 0..=setting.rounds {
        let (ended, took) = timed(|| -> Result<()> {
            let pool = Pool::builder().workers(mpexec_core::Workers::Exact(WORKERS)).build()?;
            ensure!(pool.wait_ready(None), "the workers became ready");
            pool.close();
            pool.join().context("ending the pool")?;
            Ok(())
        });
        ended?;
        if round > 0 {
            readings.push(took.as_secs_f64());
        }
    }
    let (median, least, greatest) = summary(&readings);
    Ok(Times { median, least, greatest })
}
