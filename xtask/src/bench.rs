//! `cargo xtask bench`: builds our programs as a release and measures them beside raw references and other pools.
//!
//! The measuring is a crate apart, so that only this command compiles the peers. What it takes is its own affair: all
//! arguments are handed on.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, ensure};
use clap::Args;

use crate::place::Place;
use crate::python;
use crate::report::Outcome;
use crate::run::show;

const BUILD: [&str; 6] = ["build", "--release", "--package", "mpexec-bench", "--package", "mpexec"];
const RUN: [&str; 6] = ["run", "--quiet", "--release", "--package", "mpexec-bench", "--"];
/// What the bench is told when it is built, to say it when it runs.
const COMMIT: &str = "MPEXEC_BENCH_COMMIT";

/// Measure the pool beside raw references and other pools (`-- --help` for more)
#[derive(Args)]
pub(crate) struct Arguments {
    /// Measure all of it twice and write `RUNS.md`, and of the second run `baseline.json` and `goals.svg`, into this folder
    #[arg(long, value_name = "FOLDER")]
    runs: Option<PathBuf>,
    /// For the bench: --quick, --only ROW, --json FILE, --baseline FILE, --svg FILE, --list and others
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    handed_on: Vec<String>,
}

/// Builds and runs the bench; failure only if it could not be run. Slow is no failure.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let commit = state_of(&place.root);
    if show(&place, place.cargo(&BUILD).env(COMMIT, &commit)) != Outcome::Ok {
        anyhow::bail!("the bench does not build");
    }
    let python = match python::for_bench(&place) {
        Ok((python, missing)) => {
            if let Some(reason) = missing {
                eprintln!("without Python's other pools: {reason}");
            }
            Some(python)
        }
        Err(reason) => {
            eprintln!("without NumPy: {reason}");
            None
        }
    };
    let bench = || {
        let mut bench = place.cargo(&RUN);
        bench.env(COMMIT, &commit);
        if let Some(python) = &python {
            bench.arg("--python").arg(python);
        }
        bench.args(&arguments.handed_on);
        bench
    };
    match &arguments.runs {
        Some(folder) => twice(bench, folder).map(|()| ExitCode::SUCCESS),
        None => Ok(if bench().status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

/// The commit that the project stands at, with a mark if something was changed since.
fn state_of(root: &Path) -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|list| !list.is_empty());
    if changed { commit + " and changes" } else { commit }
}

/// Two runs one after the other, as they are printed, and the second one also as what later runs are held against.
fn twice(bench: impl Fn() -> Command, folder: &Path) -> anyhow::Result<()> {
    let first = printed(&mut bench())?;
    let mut again = bench();
    again.arg("--json").arg(folder.join("baseline.json")).arg("--svg").arg(folder.join("goals.svg"));
    let second = printed(&mut again)?;
    let path = folder.join("RUNS.md");
    std::fs::write(&path, document(&first, &second)).with_context(|| format!("writing {}", path.display()))
}

/// All that it prints to its output, which is shown meanwhile.
fn printed(command: &mut Command) -> anyhow::Result<String> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("running the bench")?;
    let mut text = String::new();
    for line in child.stdout.take().into_iter().flat_map(|output| BufReader::new(output).lines()) {
        let line = line?;
        println!("{line}");
        text += line.trim_end();
        text.push('\n');
    }
    ensure!(child.wait()?.success(), "the bench has failed");
    Ok(text)
}

fn document(first: &str, second: &str) -> String {
    let (first, second) = (first.trim(), second.trim());
    format!(
        "# Two whole runs\n\nWritten by `cargo xtask bench --runs bench`, which measures all of this again: what `cargo xtask bench` prints, twice \
         in a row. What is missed, and why, stands in\n[PERFORMANCE.md](../PERFORMANCE.md). `bench/baseline.json` is the second one as JSON, to hold \
         later runs against (`--baseline`), and the chart in the README is drawn from it.\n\n## The first\n\n```text\n{first}\n```\n\n## The \
         second\n\n```text\n{second}\n```\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_runs_have_printed_stands_in_one_document() {
        let text = document("one\n", "two\n");
        assert!(text.contains("## The first\n\n```text\none\n```\n\n## The second\n\n```text\ntwo\n```\n"), "{text}");
    }

    #[test]
    fn a_folder_that_is_no_project_has_no_commit() {
        assert_eq!(state_of(Path::new("/")), "unknown");
    }

    #[test]
    fn what_is_printed_is_kept_and_a_failure_is_told() {
        assert_eq!(printed(Command::new("printf").arg("one  \ntwo")).unwrap(), "one\ntwo\n");
        assert!(printed(&mut Command::new("false")).is_err());
    }
}
