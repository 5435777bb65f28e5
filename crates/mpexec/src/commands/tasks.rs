//! `mpexec tasks`: what a worker program can be asked to do. One worker is started, and asked.

use std::sync::Arc;

use mpexec_core::TaskInfo;
use serde::Serialize;

use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::{Running, Work};
use crate::plan::TasksPlan;
use crate::{print, workforce};

/// Lists the tasks.
///
/// # Errors
/// A [`Failure`] of the pool, or of standard output.
pub(crate) fn run(plan: &TasksPlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { unit: "tasks", verb: "listed", file: false }, console);
    let pool = Arc::new(workforce::build(&plan.pool, plan.pool.table_worker.as_deref(), 1, console, 1, Ok)?);
    running.holds(Arc::clone(&pool));
    let mut tasks = pool.functions();
    tasks.sort_by(|a, b| a.name.cmp(&b.name));
    running.finish()?;
    if plan.json {
        return print::plain(&tasks.iter().map(json).collect::<String>());
    }
    print::text(&tasks.iter().map(text).collect::<String>())
}

fn text(task: &TaskInfo) -> String {
    let no_json = if task.json { "" } else { "  (not for map: it has no JSON door)" };
    match task.doc.as_str() {
        "" => format!("{task}{no_json}\n"),
        doc => format!("{task}{no_json}\n    {doc}\n"),
    }
}

/// A task, for programs.
#[derive(Serialize)]
struct Told<'a> {
    name: &'a str,
    parameters: Vec<Parameter<'a>>,
    result: &'a str,
    doc: &'a str,
    json: bool,
}

#[derive(Serialize)]
struct Parameter<'a> {
    /// Of a function that was registered at run time, the names are not known.
    name: Option<&'a str>,
    #[serde(rename = "type")]
    structure: &'a str,
}

fn json(task: &TaskInfo) -> String {
    let name = |place: usize| task.parameters.as_ref().and_then(|names| names.get(place)).map(String::as_str);
    let parameters = task.structures.iter().enumerate();
    let told = Told {
        name: &task.name,
        parameters: parameters.map(|(place, structure)| Parameter { name: name(place), structure }).collect(),
        result: &task.result,
        doc: &task.doc,
        json: task.json,
    };
    // Of texts only, so it can be written.
    serde_json::to_string(&told).unwrap_or_default() + "\n"
}
