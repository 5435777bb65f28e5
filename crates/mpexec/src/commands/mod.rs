//! The commands, one file each: they carry a plan out and print its result, and nothing else.

mod count_range;
mod frame;
mod generate;
mod map;
mod papers;
mod rows;
mod run;
mod runs;
mod tasks;
mod workers;

use std::sync::Arc;

use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::plan::Plan;

/// Carries `plan` out.
///
/// # Errors
/// The [`Failure`] that ended it early.
pub(crate) fn run(plan: &Plan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    match plan {
        Plan::Gen(plan) => generate::run(plan, console, running),
        Plan::Count(plan) => count_range::run(plan, console, running),
        Plan::Frame(plan) => frame::run(plan, console, running),
        Plan::Normalize(plan) => rows::normalize(plan, console, running),
        Plan::CommonItems(plan) => rows::common_items(plan, console, running),
        Plan::Map(plan) => map::run(plan, console, running),
        Plan::Tasks(plan) => tasks::run(plan, console, running),
        Plan::Run(plan) => run::run(plan, console, running),
        Plan::Completions(shell) => papers::completions(*shell),
        Plan::ManPages(folder) => papers::man_pages(folder),
        Plan::Runs(what) => runs::run(what, console),
        Plan::Workers(asked) => workers::run(*asked),
    }
}
