//! The tutorial's starmap: each row a Vec, with two bounds.

use std::hint::black_box;

use anyhow::{Result, ensure};
use mpexec_core::{Pool, Workers};
use mpexec_wire::{decode_owned, encode_owned};

use crate::peers::python::Python;
use crate::place::Setting;
use crate::race::{Goal, Metric, Race};
use crate::report::RowReport;
use crate::rows::pool;
use crate::stats::timed;
use crate::table::{COLUMNS, howmany_within_range, numbers};

const CODEC: &str = "encode + decode, 1 thread";
const PYTHON: &str = "Python Pool.starmap";
/// Python's other pools: the name in `python.py`, and ours in the table.
const PYTHONS: [(&str, &str); 4] = [
    ("futures", "Python ProcessPoolExecutor"),
    ("joblib", "Python joblib (loky)"),
    ("mpire", "Python mpire"),
    ("pebble", "Python Pebble"),
];
const METRICS: [Metric; 1] = [Metric::cost("time", "ms")];

fn count(pool: &Pool, rows: &[Vec<i64>]) -> Result<usize> {
    let counts = pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 4, 8)))?;
    ensure!(counts.len() == rows.len(), "a count for each row");
    Ok(counts.iter().sum())
}

/// What the codec alone costs for these tasks: each encoded behind the other, then each decoded and run.
pub(crate) fn codec(rows: &[Vec<i64>], bytes: &mut Vec<u8>) -> Result<usize> {
    bytes.clear();
    for row in rows {
        encode_owned(row, bytes)?;
        encode_owned(&4i64, bytes)?;
        encode_owned(&8i64, bytes)?;
    }
    let mut rest = black_box(&bytes[..]);
    let mut counts: Vec<usize> = Vec::new();
    while !rest.is_empty() {
        let (row, used) = decode_owned::<Vec<i64>>(rest)?;
        let (minimum, more) = decode_owned::<i64>(&rest[used..])?;
        let (maximum, last) = decode_owned::<i64>(&rest[used + more..])?;
        counts.push(howmany_within_range(row, minimum, maximum));
        rest = &rest[used + more + last..];
    }
    Ok(black_box(counts).iter().sum())
}

pub(crate) fn run(setting: &Setting) -> Result<Vec<RowReport>> {
    let count_of_rows = setting.size(200_000, 50_000);
    let rows: Vec<Vec<i64>> = numbers(count_of_rows).chunks(COLUMNS).map(<[i64]>::to_vec).collect();
    let total: usize = rows.iter().map(|row| howmany_within_range(row.clone(), 4, 8)).sum();
    let pool = pool(2)?;
    let what = format!("starmap of {count_of_rows} rows (&Vec<i64> of 5, i64, i64), 2 workers, pool warm");
    let mut warm = Race::new("starmap", what, &METRICS, || {
        let (sum, took) = timed(|| count(&pool, &rows));
        ensure!(sum? == total, "the counts add up");
        Ok(vec![took.as_secs_f64() * 1e3])
    });
    let rows = &rows;
    let mut bytes = Vec::new();
    warm.beside(CODEC, move || {
        let (sum, took) = timed(|| codec(rows, &mut bytes));
        ensure!(sum? == total, "the counts add up");
        Ok(vec![took.as_secs_f64() * 1e3])
    });
    warm.goal(0, CODEC, Goal::AtMost(2.0));
    let warm = warm.run(setting)?;

    let what = format!("the same, with the pool's start and stop, {count_of_rows} rows");
    let mut whole = Race::new("starmap, start to stop", what, &METRICS, || {
        let (sum, took) = timed(|| -> Result<usize> {
            let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
            let sum = count(&pool, rows)?;
            pool.close();
            pool.join()?;
            Ok(sum)
        });
        ensure!(sum? == total, "the counts add up");
        Ok(vec![took.as_secs_f64() * 1e3])
    });
    match setting.peer(|| Python::start(&setting.python)) {
        Ok(mut python) => whole.beside(PYTHON, move || {
            let answer = python.ask("starmap", count_of_rows)?;
            ensure!(answer.get(1) == Some(&(total as f64)), "Python's counts add up");
            Ok(answer[..1].to_vec())
        }),
        Err(reason) => whole.without(PYTHON, &reason),
    };
    whole.goal(0, PYTHON, Goal::Faster(20.0));
    for (peer, name) in PYTHONS {
        match setting.peer(|| Python::with(&setting.python, peer)) {
            Ok(mut python) => whole.beside(name, move || {
                let answer = python.ask("starmap-by", format_args!("{peer} {count_of_rows}"))?;
                ensure!(answer.get(1) == Some(&(total as f64)), "{peer}'s counts add up");
                Ok(answer[..1].to_vec())
            }),
            Err(reason) => whole.without(name, &reason),
        };
        whole.goal(0, name, Goal::Shown);
    }
    Ok(vec![warm, whole.run(setting)?])
}
