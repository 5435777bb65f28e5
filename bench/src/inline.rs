//! Calls without processes, for a counter of instructions such as `valgrind --tool=callgrind --separate-threads=yes`: such tools
//! cannot follow a pool of processes, and count what it does by itself exactly, on a busy machine too.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use mpexec_core::{Pool, Workers};

use crate::rows::starmap;
use crate::table::{COLUMNS, howmany_within_range, numbers};

/// What is called.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    Apply,
    ApplyAsync,
    Map,
    Starmap,
    /// No calls: what `starmap` is measured against, by one thread.
    Codec,
}

/// So many rows are coded in one go: few, so that the making of them is no part of what so many more cost.
const CODED: usize = 1000;

/// Makes so many calls, or one job of so many tasks, by a pool that runs them on a thread of this process.
///
/// # Errors
/// When the pool fails or answers wrongly.
pub(crate) fn run(form: Form, tasks: usize) -> Result<()> {
    let done = done(form, tasks)?;
    ensure!(done == tasks, "{done} answers to {tasks} tasks");
    println!("{tasks} tasks by {form:?}");
    Ok(())
}

/// Does as many, and says how many were answered.
fn done(form: Form, tasks: usize) -> Result<usize> {
    let pool = || Pool::builder().workers(Workers::Inline).build();
    let numbers_below = 0..tasks as u64;
    Ok(match form {
        Form::Apply => {
            let pool = pool()?;
            let call = |number| Ok(pool.apply(|number: u64| number + 1, (number,))?);
            numbers_below.map(call).collect::<Result<Vec<_>>>()?.len()
        }
        Form::ApplyAsync => {
            let pool = pool()?;
            let pending: Vec<_> =
                numbers_below.map(|number| pool.apply_async(|number: u64| number + 1, (number,))).collect();
            pending.into_iter().map(|one| Ok(one.get()?)).collect::<Result<Vec<_>>>()?.len()
        }
        Form::Map => pool()?.map(|number: u64| number + 1, numbers_below)?.len(),
        Form::Starmap => {
            let rows = table(tasks);
            pool()?.starmap(howmany_within_range, rows.iter().map(|row| (row, 4i64, 8i64)))?.len()
        }
        Form::Codec => coded(tasks)?,
    })
}

fn table(count: usize) -> Vec<Vec<i64>> {
    numbers(count).chunks(COLUMNS).map(<[i64]>::to_vec).collect()
}

/// Codes so many rows, and says how many these were.
fn coded(tasks: usize) -> Result<usize> {
    let (rows, mut bytes) = (table(CODED), Vec::new());
    let mut done = 0;
    while done < tasks {
        let rows = &rows[..CODED.min(tasks - done)];
        starmap::codec(rows, &mut bytes)?;
        done += rows.len();
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_does_as_many_as_it_is_told() {
        for tasks in [1, CODED - 1, CODED, 2 * CODED + 1] {
            for form in Form::value_variants() {
                assert_eq!(done(*form, tasks).unwrap(), tasks, "{form:?}");
            }
        }
    }
}
