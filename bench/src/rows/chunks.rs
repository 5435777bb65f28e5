//! Blocks of plain numbers: nothing is encoded, so this is about bytes.

use std::hint::black_box;

use anyhow::{Result, ensure};
use rayon::prelude::*;

use crate::peers::python::{self, Python};
use crate::peers::threads;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::raw::handing::Handing;
use crate::raw::rows::Sockets;
use crate::report::RowReport;
use crate::rows::{millions, pool};
use crate::stats::timed;
use crate::table::{COLUMNS, count_rows, numbers};

const MEMCPY: &str = "memcpy, then count, 1 thread";
const SOCKETS: &str = "raw socket pairs, 2 children";

/// One copies, the other counts: how fast blocks get from one processor to another at all, which differs from minute to minute on a shared machine.
const HANDING: &str = "two bare threads, one copies";

/// In this process: nothing is copied.
const RAYON: &str = "rayon, 2 threads";
const CROSSBEAM: &str = "crossbeam, 2 threads";

/// Rows in a block.
const BLOCK: usize = 4096;

fn count_block(block: &[i64]) -> Vec<u8> {
    let mut counts = Vec::with_capacity(block.len() / COLUMNS);
    count_rows(block, &mut counts);
    counts
}

fn in_process(blocks: &[&[i64]]) -> Vec<Vec<u8>> {
    let mut copy = vec![0; BLOCK * COLUMNS];
    let count = |block: &&[i64]| {
        let copy = &mut copy[..block.len()];
        copy.copy_from_slice(block);
        count_block(black_box(copy))
    };
    blocks.iter().map(count).collect()
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let rows = setting.size(4_000_000, 1_000_000);
    let numbers = numbers(rows);
    let blocks: Vec<&[i64]> = numbers.chunks(BLOCK * COLUMNS).collect();
    let expected = in_process(&blocks);
    let pool = pool(2)?;
    let metrics = [Metric::rate("rows", "million/s")];
    let what = format!("map over &[i64] of {BLOCK} rows x 5 -> Vec<u8>, {rows} rows, 2 workers; Python's of an eighth");
    let mut race = Race::new("chunks", what, &metrics, || {
        let (counts, took) = timed(|| pool.map(count_block, blocks.iter().copied()));
        ensure!(counts? == expected, "the counts are right");
        Ok(vec![millions(rows as u64, took)])
    });
    race.beside(MEMCPY, || {
        let (counts, took) = timed(|| in_process(&blocks));
        ensure!(counts == expected, "the counts are right");
        Ok(vec![millions(rows as u64, took)])
    });
    let mut sockets = Sockets::start(2)?;
    let (blocks, expected) = (&blocks, &expected);
    race.beside(SOCKETS, move || {
        let (counts, took) = timed(|| sockets.count(blocks));
        ensure!(counts? == *expected, "the counts are right");
        Ok(vec![millions(rows as u64, took)])
    });
    let handing = Handing::default();
    race.beside(HANDING, move || {
        let (counts, took) = timed(|| handing.map(blocks, count_block));
        ensure!(counts == *expected, "the counts are right");
        Ok(vec![millions(rows as u64, took)])
    });
    race.goal(0, MEMCPY, Goal::Faster(0.8)).goal(0, SOCKETS, Goal::Faster(2.0)).goal(0, HANDING, Goal::Shown);
    match setting.peer(|| threads::rayon(2)) {
        Ok(peer) => race.beside(RAYON, move || {
            let (counts, took) =
                timed(|| peer.install(|| blocks.par_iter().map(|block| count_block(block)).collect::<Vec<_>>()));
            ensure!(counts == *expected, "the counts are right");
            Ok(vec![millions(rows as u64, took)])
        }),
        Err(reason) => race.without(RAYON, &reason),
    };
    race.beside(CROSSBEAM, move || {
        let (counts, took) = timed(|| threads::map_crossbeam(2, blocks.iter().copied(), count_block));
        ensure!(counts? == *expected, "the counts are right");
        Ok(vec![millions(rows as u64, took)])
    });
    race.goal(0, RAYON, Goal::Shown).goal(0, CROSSBEAM, Goal::Shown);
    let fewer = rows / 8;
    let within: u64 = blocks
        .iter()
        .flat_map(|block| block.iter())
        .take(fewer * COLUMNS)
        .map(|number| u64::from((4..=8).contains(number)))
        .sum();
    for (peer, name) in python::PARTS {
        match setting.peer(|| Python::with_numpy(&setting.python)) {
            Ok(mut python) => race.beside(name, move || {
                let took = python.timed("blocks-by", format_args!("{peer} {fewer} {BLOCK}"), within)?;
                Ok(vec![millions(fewer as u64, took)])
            }),
            Err(reason) => race.without(name, &reason),
        };
        race.goal(0, name, Goal::Shown);
    }
    Ok(vec![race.run(setting)?])
}
