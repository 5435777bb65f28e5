//! The forms, one function each: the plain loop, and every way in which a pool can do the same.
//!
//! All return the counts in the order of the rows. None is tuned: they are what one writes at first.

use std::sync::{Arc, Mutex, PoisonError};

use mpexec_core::{Pool, Process, Workers};

use crate::Failure;
use crate::work::{
    COLUMNS, MAXIMUM, MINIMUM, Table, howmany_after_work, howmany_between_4_and_8, howmany_in_each, howmany_with_index,
    howmany_within_range,
};

/// A way to count.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
}

type Run = fn(&Pool, &Table) -> Result<Vec<usize>, Failure>;

impl Form {
    const fn new(name: &'static str, run: Run) -> Form {
        Form { name, run }
    }
}

/// All but the plain loop, in the tutorial's order; the last two are not in it.
pub(crate) const ALL: &[Form] = &[
    Form::new("apply", apply),
    Form::new("map", map),
    Form::new("starmap", starmap),
    Form::new("map_async", map_async),
    Form::new("starmap_async", starmap_async),
    Form::new("apply_async, callback", apply_async_with_callback),
    Form::new("apply_async, get", apply_async_and_get),
    Form::new("imap_unordered", imap_unordered),
    Form::new("Process, one per worker", processes),
    Form::new("map, chunks of rows", map_of_chunks),
];

pub(crate) fn plain_loop(data: &Table) -> Vec<usize> {
    data.rows.iter().map(|row| howmany_within_range(row, MINIMUM, MAXIMUM)).collect()
}

/// One call at a time: there and back before the next begins.
fn apply(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let mut counts = Vec::with_capacity(data.rows.len());
    for row in data.rows {
        counts.push(pool.apply(howmany_within_range, (row, MINIMUM, MAXIMUM))?);
    }
    Ok(counts)
}

/// One argument, so the range stands in the function.
fn map(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    Ok(pool.map(howmany_between_4_and_8, data.rows)?)
}

/// A tuple of arguments. The rows are given by reference; none is cloned.
fn starmap(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    Ok(pool.starmap(howmany_within_range, data.rows.iter().map(|row| (row, MINIMUM, MAXIMUM)))?)
}

/// The call returns at once; the answer is fetched when it is wanted.
fn map_async(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let pending = pool.map_async(howmany_between_4_and_8, data.rows);
    Ok(pending.get()?)
}

/// As the tutorial has it: the row's number goes along, though the answers come in order without it.
fn starmap_async(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let numbered = data.rows.iter().enumerate().map(|(index, row)| (index, row, MINIMUM, MAXIMUM));
    let pending = pool.starmap_async(howmany_with_index, numbered);
    Ok(pending.get()?.into_iter().map(|(_, count)| count).collect())
}

/// A call per row, whose answers a callback collects as they come; they are sorted by the number that went along. The
/// pool is its own, because `join` is what waits for all callbacks, and a pool that was joined takes no more calls.
fn apply_async_with_callback(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let pool = Pool::builder().workers(Workers::Exact(pool.workers())).build()?;
    let collected = Arc::new(Mutex::new(Vec::with_capacity(data.rows.len())));
    for (index, row) in data.rows.iter().enumerate() {
        let collected = collected.clone();
        let call = pool.apply_async(howmany_with_index, (index, row, MINIMUM, MAXIMUM));
        // The handle may go: a call with a callback is finished without it.
        drop(call.on_success(move |&answer| collected.lock().unwrap_or_else(PoisonError::into_inner).push(answer)));
    }
    pool.close();
    pool.join()?;
    let mut answers = std::mem::take(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner));
    answers.sort_unstable();
    Ok(answers.into_iter().map(|(_, count)| count).collect())
}

/// A call per row without a callback: the handles are kept, and asked in order.
fn apply_async_and_get(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let calls: Vec<_> =
        data.rows.iter().map(|row| pool.apply_async(howmany_within_range, (row, MINIMUM, MAXIMUM))).collect();
    let counts: Result<Vec<_>, _> = calls.into_iter().map(|call| call.get()).collect();
    Ok(counts?)
}

/// The answers as they finish, each with the number of its row; rows are read only as far as the workers can keep up.
fn imap_unordered(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let mut counts = vec![0; data.rows.len()];
    for (index, count) in pool.imap_unordered(howmany_between_4_and_8, data.rows) {
        counts[usize::try_from(index)?] = count?;
    }
    Ok(counts)
}

/// No pool: a process for each part of the rows, started for it and ended with it. (Not in the tutorial.)
fn processes(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let part = data.rows.len().div_ceil(pool.workers()).max(1) * COLUMNS;
    let parts = data.numbers.chunks(part);
    let started: Result<Vec<_>, _> =
        parts.map(|rows| Process::spawn(howmany_in_each, (rows, MINIMUM, MAXIMUM))).collect();
    let mut counts = Vec::with_capacity(data.rows.len());
    for mut process in started? {
        counts.extend(process.join()?.into_iter().map(usize::from));
    }
    Ok(counts)
}

/// Thousands of rows to a task, as plain numbers that a worker reads where they arrived. (Not in the tutorial.)
fn map_of_chunks(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    let chunks = data.numbers.chunks(4096 * COLUMNS);
    let counts = pool.starmap(howmany_in_each, chunks.map(|rows| (rows, MINIMUM, MAXIMUM)))?;
    Ok(counts.into_iter().flatten().map(usize::from).collect())
}

pub(crate) fn plain_loop_of_heavy_work(data: &Table) -> Vec<usize> {
    data.rows.iter().map(|row| howmany_after_work(row, MINIMUM, MAXIMUM)).collect()
}

pub(crate) fn starmap_of_heavy_work(pool: &Pool, data: &Table) -> Result<Vec<usize>, Failure> {
    Ok(pool.starmap(howmany_after_work, data.rows.iter().map(|row| (row, MINIMUM, MAXIMUM)))?)
}
