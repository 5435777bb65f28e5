//! Calls without processes, for a counter of instructions such as `valgrind --tool=callgrind --separate-threads=yes`: such tools
//! cannot follow a pool of processes, and count what it does by itself exactly, on a busy machine too.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use mpexec_core::{Pool, Workers};

use crate::table::{COLUMNS, howmany_within_range, numbers};

/// What is called.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    Apply,
    ApplyAsync,
    Map,
    Starmap,
}

/// Makes so many calls, or one job of so many tasks, by a pool that runs them on a thread of this process.
///
/// # Errors
/// When the pool fails or answers wrongly.
pub(crate) fn run(form: Form, tasks: usize) -> Result<()> {
    let pool = Pool::builder().workers(Workers::Inline).build()?;
    let numbers_below = 0..tasks as u64;
    let answers = match form {
        Form::Apply => numbers_below
            .map(|number| Ok(pool.apply(|number: u64| number + 1, (number,))?))
            .collect::<Result<Vec<_>>>()?,
        Form::ApplyAsync => {
            let pending: Vec<_> =
                numbers_below.map(|number| pool.apply_async(|number: u64| number + 1, (number,))).collect();
            pending.into_iter().map(|one| Ok(one.get()?)).collect::<Result<Vec<_>>>()?
        }
        Form::Map => pool.map(|number: u64| number + 1, numbers_below)?,
        Form::Starmap => {
            let rows: Vec<_> = numbers(tasks).chunks(COLUMNS).map(<[i64]>::to_vec).collect();
            let counts = pool.starmap(howmany_within_range, rows.iter().map(|row| (row, 4i64, 8i64)))?;
            counts.into_iter().map(|count| count as u64).collect()
        }
    };
    ensure!(answers.len() == tasks, "{} answers to {tasks} tasks", answers.len());
    println!("{tasks} tasks by {form:?}");
    Ok(())
}
