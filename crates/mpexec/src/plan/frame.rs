//! What `frame` means: which function, over which tables, and where the result goes.

use std::path::{Path, PathBuf};

use super::counts::{each_its_own, ending, named_after};
use super::{Place, PoolPlan, Reading, Surroundings, kept, place, pool, reading};
use crate::args::{By, Common, FormatName, FrameArguments, FrameTask, When};
use crate::failure::Failure;
use crate::keeping::Keeping;

/// A function over a data frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FramePlan {
    pub(crate) pool: PoolPlan,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) reading: Reading,
    pub(crate) by: By,
    pub(crate) task: FrameTask,
    /// A file or standard output; of each file by itself, a folder.
    pub(crate) place: Place,
    /// Whether each file is a table of its own.
    pub(crate) per_file: bool,
    /// `None`: as the ending of the file says.
    pub(crate) format: Option<FormatName>,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

impl FramePlan {
    /// The file to which goes what comes of these inputs, which are one table.
    pub(crate) fn output_of(&self, inputs: &[PathBuf]) -> Option<PathBuf> {
        match (&self.place, inputs) {
            (Place::Stdout, _) => None,
            (Place::File(folder), [input, ..]) if self.per_file => {
                Some(named_after(input, folder, self.format.unwrap_or(FormatName::Csv)))
            }
            (Place::File(path), _) => Some(path.clone()),
        }
    }

    /// The files that appear at the end.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if two would have one name.
    pub(crate) fn outputs(&self, inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let together = if self.per_file { 1 } else { inputs.len().max(1) };
        each_its_own(inputs.chunks(together).filter_map(|inputs| self.output_of(inputs)).collect())
    }

    /// As what this file is written: a name with the ending that says it.
    pub(crate) fn written_as(&self, output: &Path) -> String {
        let name = || output.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.format.map_or_else(name, |format| format!(".{}", ending(format)))
    }
}

pub(super) fn frame(arguments: FrameArguments, common: Common, around: Surroundings) -> Result<FramePlan, Failure> {
    let FrameArguments { files, reading: how, by, task, per_file, output, output_format: format, keeping } = arguments;
    let place = place(output);
    if format == Some(FormatName::Text) {
        return Err(Failure::usage(
            "text is one count a line; write a table as csv, tsv, jsonl, npy, parquet or arrow",
        ));
    }
    if place == Place::Stdout && per_file {
        return Err(Failure::usage("--per-file writes a file for each that is read: name a folder with --output"));
    }
    if place == Place::Stdout && format.is_some_and(|format| format != FormatName::Csv) {
        return Err(Failure::usage(
            "standard output gets CSV: name a file with --output, or leave --output-format away",
        ));
    }
    let reading = reading(how);
    let keeping = kept(keeping, &around, Some(&reading), [("per-file", per_file.to_string())])?;
    let progress = common.progress;
    Ok(FramePlan { pool: pool(common, around), files, reading, by, task, place, per_file, format, keeping, progress })
}
