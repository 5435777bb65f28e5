//! The run folder of a count: what its plan says of the task.

use std::any::type_name;
use std::sync::Arc;

use mpexec::tasks::{COUNT_RANGE, COUNT_TABLE, CountJob, CountPart, TableAnswer, TableJob};
use mpexec_runs::RunFolder;

use crate::failure::Failure;
use crate::interrupt::Running;
use crate::keeping::{Computes, Looked, MOST_RANGES, RANGE_OF_ARRAY, RANGE_OF_TABLE};
use crate::plan::CountPlan;

/// Which of the two ways of counting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    array: bool,
}

/// One array alone.
pub(super) const ARRAY: Way = Way { array: true };
/// Everything else.
pub(super) const TABLES: Way = Way { array: false };

/// Opens the run folder, if one was asked for.
///
/// # Errors
/// A [`Failure`] of usage if it was begun with something else, of files if it or an input cannot be read or written.
pub(super) fn open(
    plan: &CountPlan,
    way: Way,
    inputs: &Looked,
    running: &Arc<Running>,
) -> Result<Option<Arc<RunFolder>>, Failure> {
    let Some(keeping) = &plan.keeping else { return Ok(None) };
    let (task, signature, worker, range) = match way.array {
        true => {
            let signature = format!("{} -> {}", type_name::<CountJob>(), type_name::<CountPart>());
            (COUNT_RANGE, signature, &plan.pool.array_worker, RANGE_OF_ARRAY)
        }
        false => {
            let signature = format!("{} -> {}", type_name::<TableJob>(), type_name::<TableAnswer>());
            (COUNT_TABLE, signature, &plan.pool.table_worker, RANGE_OF_TABLE)
        }
    };
    let what = Computes { task, signature, worker: worker.as_deref(), inputs, range, most: MOST_RANGES };
    keeping.open(&what, running).map(Some)
}
