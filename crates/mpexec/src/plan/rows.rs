//! What becomes of rows, by what was typed: which tables, and where their rows go.

use std::path::PathBuf;

use mpexec_data::{ColumnarFormat, Packing, RowsFormat};

use super::counts::format_of;
use super::{Place, PoolPlan, Reading, Surroundings, kept, place, pool, reading};
use crate::args::{Common, CommonItemsArguments, FormatName, NormalizeArguments, When};
use crate::failure::Failure;
use crate::keeping::Keeping;

/// Rows that are scaled, of all files as one table.
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
    Ok(NormalizePlan {
        output: output(arguments.output, arguments.output_format, FormatName::Csv)?,
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
    let format = match format {
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
    };
    Ok(RowsOutput { place, format, packing })
}
