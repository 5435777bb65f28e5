//! What may be typed, and what cannot be had together: an option that would mean nothing is refused, before anything is measured.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use clap::builder::PossibleValuesParser;

use crate::report::Manner;
use crate::{inline, rows};

/// Measure the pool beside raw references and other pools; print a table
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 120)]
pub(crate) struct Arguments {
    /// Only these rows
    #[arg(long, value_name = "ROW", value_delimiter = ',', value_parser = PossibleValuesParser::new(rows::names()))]
    pub(crate) only: Vec<String>,
    /// Fewer rounds and smaller inputs: a first look
    #[arg(long)]
    pub(crate) quick: bool,
    /// How often each side is measured [default: 7, with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only our own side, without references: for a profiler
    #[arg(long)]
    pub(crate) alone: bool,
    /// Write the report as JSON as well
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Say which ratios have moved beyond their noise since the run that wrote this file
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Draw the goals and how far we are from each
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Measure how cost grows instead of the rows, and write tables and charts of it into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["only", "alone", "json", "baseline", "svg", "folder"])]
    pub(crate) curves: Option<PathBuf>,
    /// Only make calls of this form, without processes: for a counter of instructions
    #[arg(long, value_name = "FORM", conflicts_with_all = [
        "only", "quick", "rounds", "alone", "json", "baseline", "svg", "curves", "busy", "python", "folder",
    ])]
    pub(crate) inline: Option<inline::Form>,
    /// How many of these
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "inline")]
    pub(crate) tasks: usize,
    /// Only say how the time of a call divides: there, and back
    #[arg(long, exclusive = true)]
    pub(crate) ways: bool,
    /// Only say in how many batches the tasks of some rows travel
    #[arg(long, exclusive = true)]
    pub(crate) batches: bool,
    /// Keep every processor busy with other work meanwhile; the table and the JSON say so
    #[arg(long)]
    pub(crate) busy: bool,
    /// Say which rows there are, and measure none
    #[arg(long, exclusive = true)]
    pub(crate) list: bool,
    /// The Python for the rows beside Python, with NumPy if they are to have it [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// Where the files to be counted are kept [default: bench beside this program's folder]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}

impl Arguments {
    /// Readings per side.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 7 })
    }

    /// What the figures of such a run must be read with.
    pub(crate) fn manner(&self) -> Manner {
        Manner { busy: self.busy, quick: self.quick, alone: self.alone }
    }

    /// Whether what is to be written can be, asked before an hour is spent on measuring.
    ///
    /// # Errors
    /// With the name of the first file that cannot be written.
    pub(crate) fn look_at_outputs(&self) -> Result<()> {
        self.json.iter().chain(&self.svg).try_for_each(|path| can_be_written(path))
    }
}

/// Opens the file as it will be opened to write it, and leaves everything as it was: it is written whole when there is something to
/// write.
fn can_be_written(path: &Path) -> Result<()> {
    let is_there = path.exists();
    let name = || format!("writing {}", path.display());
    OpenOptions::new().append(true).create(true).open(path).with_context(name)?;
    if is_there { Ok(()) } else { fs::remove_file(path).with_context(name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn typed(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(std::iter::once("bench").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_would_mean_nothing_is_refused() {
        for line in [
            "--curves x --only map",
            "--curves x --alone",
            "--curves x --json y",
            "--curves x --baseline y",
            "--curves x --svg y",
            "--curves x --folder y",
            "--curves x --inline map",
            "--inline map --json y",
            "--inline map --quick",
            "--inline map --busy",
            "--inline map --rounds 3",
            "--inline map --python p",
            "--list --json y",
            "--list --quick",
            "--ways --quick",
            "--batches --quick",
            "--tasks 5",
            "--json x --json y",
        ] {
            assert!(typed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_means_something_together_is_taken_together() {
        for line in [
            "--curves x --quick --busy --python p",
            "--curves x --rounds 3",
            "--inline codec --tasks 5",
            "--quick --alone --busy --only map,few --only ready --json x --svg y --baseline z --python p --folder f",
            "--list",
            "--ways",
        ] {
            assert!(typed(line).is_ok(), "{line}");
        }
        assert_eq!(["", "--quick", "--quick --rounds 9"].map(|line| typed(line).unwrap().rounds()), [7, 3, 9]);
    }

    #[test]
    fn an_output_that_cannot_be_written_is_told_by_name_and_a_look_at_one_changes_nothing() {
        let folder = std::env::temp_dir().join(format!("mpexec-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (new, old) = (folder.join("new.json"), folder.join("old.svg"));
        fs::write(&old, "kept").unwrap();
        let line = |json: &Path, svg: &Path| format!("--json {} --svg {}", json.display(), svg.display());
        typed(&line(&new, &old)).unwrap().look_at_outputs().unwrap();
        assert!(!new.exists() && fs::read_to_string(&old).unwrap() == "kept");
        for (json, svg) in [(folder.join("none/x"), old.clone()), (new.clone(), folder.clone())] {
            let told = typed(&line(&json, &svg)).unwrap().look_at_outputs().unwrap_err().to_string();
            let wrong = if json == new { &svg } else { &json };
            assert_eq!(told, format!("writing {}", wrong.display()));
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
