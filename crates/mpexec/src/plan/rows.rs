//! What becomes of rows, by what was typed: which tables, and where their rows go.

use std::path::{Path, PathBuf};

use mpexec_data::{ColumnarFormat, Packing, RowsFormat};

use super::counts::{each_its_own, format_of, named_after};
use super::{Place, PoolPlan, Reading, Surroundings, kept, place, pool, reading};
use crate::args::{Common, CommonItemsArguments, FormatName, NormalizeArguments, When};
use crate::failure::Failure;
use crate::keeping::Keeping;

/// Rows that are scaled, of all files as one table or of each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NormalizePlan {
    pub(crate) pool: PoolPlan,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) reading: Reading,
    pub(crate) output: RowsOutput,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

/// Rows of which the common items are wanted, of two tables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommonItemsPlan {
    pub(crate) pool: PoolPlan,
    pub(crate) files: [PathBuf; 2],
    pub(crate) reading: Reading,
    pub(crate) output: RowsOutput,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

/// Where rows go, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowsOutput {
    pub(crate) place: Place,
    pub(crate) format: RowsAs,
    pub(crate) packing: Option<Packing>,
    /// If each input has a file of its own, in the folder that `place` names: as what it is written.
    pub(crate) each: Option<FormatName>,
}

impl RowsOutput {
    /// The same for one of the inputs.
    pub(crate) fn of_input(&self, input: &Path) -> RowsOutput {
        match (&self.place, self.each) {
            (Place::File(folder), Some(format)) => {
                RowsOutput { place: Place::File(named_after(input, folder, format)), each: None, ..self.clone() }
            }
            _ => self.clone(),
        }
    }

    /// The files that appear at the end.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if two would have one name.
    pub(crate) fn files(&self, inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        let file = |output: RowsOutput| match output.place {
            Place::File(path) => Some(path),
            Place::Stdout => None,
        };
        match self.each {
            Some(_) => each_its_own(inputs.iter().filter_map(|input| file(self.of_input(input))).collect()),
            None => Ok(file(self.clone()).into_iter().collect()),
        }
    }
}

/// As what rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowsAs {
    Array,
    Other(RowsFormat),
}

pub(super) fn normalize(
    arguments: NormalizeArguments,
    common: Common,
    around: Surroundings,
) -> Result<NormalizePlan, Failure> {
    let (progress, reading) = (common.progress, reading(arguments.reading));
    let (path, format) = (arguments.output, arguments.output_format);
    Ok(NormalizePlan {
        output: match arguments.per_file {
            true => output_of_each(path, format.unwrap_or(FormatName::Csv))?,
            false => output(path, format, FormatName::Csv)?,
        },
        keeping: kept(arguments.keeping, &around, Some(&reading), [])?,
        pool: pool(common, around),
        files: arguments.files,
        reading,
        progress,
    })
}

pub(super) fn common_items(
    arguments: CommonItemsArguments,
    common: Common,
    around: Surroundings,
) -> Result<CommonItemsPlan, Failure> {
    let progress = common.progress;
    let output = output(arguments.output, arguments.output_format, FormatName::Jsonl)?;
    if matches!(output.format, RowsAs::Array | RowsAs::Other(RowsFormat::Columns(_))) {
        return Err(Failure::usage(
            "rows of common items differ in length: write them as jsonl (an array a row), or as csv or tsv (a line for each item)",
        ));
    }
    let files = [arguments.first, arguments.second];
    if files.iter().all(|file| file.as_os_str() == "-") {
        return Err(Failure::usage("standard input can be one of the two tables, not both"));
    }
    let reading = reading(arguments.reading);
    let keeping = kept(arguments.keeping, &around, Some(&reading), [])?;
    Ok(CommonItemsPlan { output, keeping, pool: pool(common, around), files, reading, progress })
}

fn output(path: PathBuf, named: Option<FormatName>, printed: FormatName) -> Result<RowsOutput, Failure> {
    let place = place(path);
    let (format, packing) = match &place {
        Place::Stdout => (named.unwrap_or(printed), None),
        Place::File(path) => format_of(path, named, "rows")?,
    };
    Ok(RowsOutput { place, format: rows_as(format)?, packing, each: None })
}

/// A file for each input.
fn output_of_each(folder: PathBuf, format: FormatName) -> Result<RowsOutput, Failure> {
    match place(folder) {
        Place::Stdout => {
            Err(Failure::usage("--per-file writes a file for each that is read: name a folder with --output"))
        }
        place => Ok(RowsOutput { place, format: rows_as(format)?, packing: None, each: Some(format) }),
    }
}

fn rows_as(format: FormatName) -> Result<RowsAs, Failure> {
    Ok(match format {
        FormatName::Npy => RowsAs::Array,
        FormatName::Csv => RowsAs::Other(RowsFormat::Delimited(b',')),
        FormatName::Tsv => RowsAs::Other(RowsFormat::Delimited(b'\t')),
        FormatName::Jsonl => RowsAs::Other(RowsFormat::JsonLines),
        FormatName::Parquet => RowsAs::Other(RowsFormat::Columns(ColumnarFormat::Parquet)),
        FormatName::Arrow => RowsAs::Other(RowsFormat::Columns(ColumnarFormat::Arrow)),
        FormatName::Text => {
            return Err(Failure::usage(
                "text is one count a line; write rows as csv, tsv, jsonl, npy, parquet or arrow",
            ));
        }
    })
}
