//! `mpexec runs`: what run folders hold, and the end of those that are done. `resume` is not here: it is the command that began the run.

use std::path::Path;

use mpexec::names::shown;
use mpexec_runs::{RunError, RunFolder, Status, Word};

use crate::args::RunsCommand;
use crate::cluster;
use crate::console::{Console, Level};
use crate::failure::Failure;
use crate::numbers::{counted, grouped};
use crate::print;

/// Looks at run folders, or removes them.
///
/// # Errors
/// A [`Failure`] of usage or of files, as [`RunError`] says.
pub(crate) fn run(what: &RunsCommand, console: &Console) -> Result<(), Failure> {
    match what {
        RunsCommand::List { folder } => list(folder),
        RunsCommand::Show { folder, check } => show(folder, *check),
        RunsCommand::Clean { folders, force } => {
            for folder in folders {
                // Of one that stays as it is, jobs may go on.
                if *force || RunFolder::is_done(folder)? {
                    let ended = cluster::end_jobs(folder, |line| console.note(Level::Normal, line));
                    match ended {
                        // Of a run that is done, jobs could only be left that wait; where there is no cluster, that is no reason to keep it.
                        Err(failure) if *force => return Err(failure),
                        _ => {}
                    }
                }
                RunFolder::clean(folder, *force)?;
                console.note(Level::Normal, &format!("{}: removed", shown(folder)));
            }
            Ok(())
        }
        // It was typed again before there was a plan.
        RunsCommand::Resume { .. } | RunsCommand::Element { .. } => Ok(()),
    }
}

fn list(folder: &Path) -> Result<(), Failure> {
    let unreadable = |error| Failure::files(format!("{}: cannot read the folder: {error}", shown(folder)));
    let mut folders = Vec::new();
    for entry in folder.read_dir().map_err(unreadable)? {
        folders.push(entry.map_err(unreadable)?.path());
    }
    folders.sort();
    let mut lines = String::new();
    for path in folders {
        let name = path.strip_prefix(".").unwrap_or(&path).to_path_buf();
        match RunFolder::status(&path, false) {
            Err(RunError::NoPlan { .. }) => {}
            Err(error) => lines += &format!("{}  damaged: {error}\n", shown(&name)),
            Ok(status) => lines += &format!("{}  {}  {}\n", shown(&name), state(&status), typed(&status)),
        }
    }
    print::text(&lines)
}

fn show(folder: &Path, check: bool) -> Result<(), Failure> {
    let status = RunFolder::status(folder, check)?;
    let plan = &status.plan;
    let mut lines = format!("{}: {}\n", shown(folder), state(&status));
    let mut line = |name: &str, value: &str| lines += &format!("{name:<9} {value}\n");
    line("command", &typed(&status));
    if let Some(command) = &plan.command {
        line("typed in", &shown(&command.folder));
    }
    line("program", &format!("{} {}", plan.program.name, plan.program.version));
    line("task", &plan.task);
    if let Some(jobs) = status.engine.as_deref().and_then(cluster::told) {
        line("jobs", &jobs);
    }
    for (name, value) in &plan.options {
        line("option", &format!("{name}: {value}"));
    }
    for input in &plan.inputs {
        line("input", &format!("{}, {} bytes", shown(&input.path), grouped(input.size)));
    }
    let checked = if check { ", each as it was published" } else { "" };
    let ranges = if status.published == 1 { "range" } else { "ranges" };
    line("results", &format!("{} {ranges}, {} bytes{checked}", grouped(status.published), grouped(status.bytes)));
    print::text(&lines)
}

fn state(status: &Status) -> String {
    let done = counted(status.published, "range");
    match (&status.holder, status.ranges) {
        (Some(holder), _) => format!("in use by {holder}, {done} so far"),
        (None, Some(_)) => format!("done, {done}"),
        (None, None) => format!("not finished, {done} so far"),
    }
}

/// What was typed, as well as it can be shown.
fn typed(status: &Status) -> String {
    let Some(command) = &status.plan.command else { return status.plan.task.clone() };
    let words = command.words.iter().map(|word| match word {
        Word::Text(text) => mpexec::names::one_line(text),
        Word::Bytes(bytes) => mpexec::names::one_line(&String::from_utf8_lossy(bytes)),
    });
    words.collect::<Vec<_>>().join(" ")
}
