//! `cargo xtask bench`: builds our programs as a release and measures them beside raw references and other pools.
//!
//! The measuring is a crate apart, so that only this command compiles the peers. What it takes is its own affair: all
//! arguments are handed on.

use std::fs::OpenOptions;
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
/// What two runs have printed.
const RUNS: &str = "RUNS.md";
/// What the bench is told when it is built, to say it when it runs.
const COMMIT: &str = "MPEXEC_BENCH_COMMIT";

/// Measure the pool beside raw references and other pools (`-- --help` for more)
#[derive(Args)]
pub(crate) struct Arguments {
    /// Measure all of it twice and write `RUNS.md`, and of the second run `baseline.json` and `goals.svg`, into this folder
    #[arg(long, value_name = "FOLDER")]
    runs: Option<PathBuf>,
    /// For the bench, and of these to --runs only --rounds, --baseline, --python and --folder: --quick, --only ROW, --json FILE, --baseline FILE, --svg FILE, --list and others
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    handed_on: Vec<String>,
}

/// What makes another kind of run, or writes elsewhere: not for `--runs`, which keeps two whole ones.
const NO_WHOLE_RUN: [&str; 11] = [
    "--only",
    "--quick",
    "--alone",
    "--busy",
    "--json",
    "--svg",
    "--curves",
    "--inline",
    "--ways",
    "--batches",
    "--list",
];
/// With these nothing of Python's is measured, or the bench finds it by itself.
const WITHOUT_OUR_PYTHON: [&str; 7] = ["--python", "--inline", "--ways", "--batches", "--list", "--help", "-h"];
/// What measuring writes, and what is read by people: no figure depends on it.
const NOT_BUILT_FROM: [&str; 4] = [":!*.md", ":!bench/*.json", ":!bench/*.jsonl", ":!bench/*.svg"];

/// The first of these options among what is handed on, with or without a value behind `=`.
fn first_of<'a>(options: &[&'a str], handed_on: &[String]) -> Option<&'a str> {
    let is = |option: &str, word: &String| {
        word.strip_prefix(option).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    options.iter().copied().find(|option| handed_on.iter().any(|word| is(option, word)))
}

/// Builds and runs the bench; failure only if it could not be run. Slow is no failure.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let handed_on = &arguments.handed_on;
    if let Some(folder) = &arguments.runs {
        if let Some(option) = first_of(&NO_WHOLE_RUN, handed_on) {
            anyhow::bail!("--runs keeps two whole runs in {}: without {option}", folder.display());
        }
        look_at(folder)?;
    }
    let place = Place::find();
    let commit = state_of(&place.root);
    if show(&place, place.cargo(&BUILD).env(COMMIT, &commit)) != Outcome::Ok {
        anyhow::bail!("the bench does not build");
    }
    let python = if first_of(&WITHOUT_OUR_PYTHON, handed_on).is_some() { None } else { python_of_ours(&place) };
    let bench = || {
        let mut bench = place.cargo(&RUN);
        bench.env(COMMIT, &commit);
        if let Some(python) = &python {
            bench.arg("--python").arg(python);
        }
        bench.args(handed_on);
        bench
    };
    match &arguments.runs {
        Some(folder) => twice(bench, folder).map(|()| ExitCode::SUCCESS),
        None => Ok(if bench().status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
    }
}

/// The Python to measure beside, with a line that says what is missing.
fn python_of_ours(place: &Place) -> Option<PathBuf> {
    match python::for_bench(place) {
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
    }
}

/// Whether the runs can be kept there, asked before minutes are spent on them: the folder is made where it is missing.
fn look_at(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let path = folder.join(RUNS);
    let is_there = path.exists();
    let written = || format!("writing {}", path.display());
    OpenOptions::new().append(true).create(true).open(&path).with_context(written)?;
    if is_there { Ok(()) } else { std::fs::remove_file(&path).with_context(written) }
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
    let status = [&["status", "--porcelain", "--untracked-files=no", "--", "."], &NOT_BUILT_FROM[..]].concat();
    let changed = git(&status).is_none_or(|list| !list.is_empty());
    if changed { commit + " and changes" } else { commit }
}

/// Two runs one after the other, as they are printed, and the second one also as what later runs are held against.
fn twice(bench: impl Fn() -> Command, folder: &Path) -> anyhow::Result<()> {
    let first = printed(&mut bench())?;
    let mut again = bench();
    again.arg("--json").arg(folder.join("baseline.json")).arg("--svg").arg(folder.join("goals.svg"));
    let second = printed(&mut again)?;
    let path = folder.join(RUNS);
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

    fn run_with(folder: &Path, words: &[&str]) -> String {
        let handed_on = words.iter().map(|word| (*word).to_owned()).collect();
        run(&Arguments { runs: Some(folder.to_owned()), handed_on }).unwrap_err().to_string()
    }

    #[test]
    fn a_part_of_a_run_is_not_kept_over_whole_ones() {
        for option in NO_WHOLE_RUN {
            let told = run_with(Path::new("kept"), &["--rounds", "3", option]);
            assert_eq!(told, format!("--runs keeps two whole runs in kept: without {option}"));
        }
        assert!(run_with(Path::new("kept"), &["--json=x"]).ends_with("without --json"));
        assert!(!Path::new("kept").exists());
    }

    #[test]
    fn a_folder_in_which_nothing_can_be_kept_is_told_before_anything_is_built() {
        let told = run_with(Path::new("/dev/null/kept"), &["--rounds", "9", "--baseline", "x"]);
        assert_eq!(told, "making /dev/null/kept");
    }

    #[test]
    fn an_option_is_found_with_its_value_and_not_by_its_beginning() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(first_of(&WITHOUT_OUR_PYTHON, &words("--quick --python=p")), Some("--python"));
        assert_eq!(first_of(&WITHOUT_OUR_PYTHON, &words("--quick --python p")), Some("--python"));
        assert_eq!(first_of(&WITHOUT_OUR_PYTHON, &words("--quick --pythonic --lists")), None);
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
