//! What was typed for the commands that make tables out of tables.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{FormatName, RangesArguments, ReadingArguments};

const FRAME_EXAMPLES: &str = "\
Examples:
  mpexec frame prices.parquet --task describe                     to standard output, as CSV
  mpexec frame prices.csv --by columns --task normalize --output scaled.parquet
  mpexec frame folder-of-parquet/ --task describe                 all files in it as one table
  mpexec frame *.parquet --per-file --task describe --output of-each/
  zcat prices.csv.gz | mpexec frame - --columns open,close --task describe";

const NORMALIZE_EXAMPLES: &str = "\
Examples:
  mpexec normalize data.bin                          to standard output, as CSV
  mpexec normalize prices.csv --columns open,close --output scaled.parquet
  mpexec normalize a.npy b.npy --output scaled.npy
  mpexec normalize *.csv --per-file --output scaled/  a file for each, such as scaled/a.csv.csv";

const COMMON_ITEMS_EXAMPLES: &str = "\
Examples:
  mpexec common-items a.csv b.csv                    one JSON array for each row
  mpexec common-items a.npy b.parquet --output common.csv.gz    row,item for each item";

/// Scale each row of a table: its least number becomes 0, its greatest 1
///
/// A row whose numbers are all the same becomes zeros. Numbers are taken as float64. What is missing stays missing, and changes
/// nothing for the others of its row. Files are read as by count-range.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = NORMALIZE_EXAMPLES)]
pub(crate) struct NormalizeArguments {
    /// The files to read, or folders of files; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// Make a table of each file instead of one of all; then --output names a folder
    #[arg(long)]
    pub(crate) per_file: bool,

    /// Write the rows to FILE; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// How the rows are written: csv, tsv, jsonl, npy, parquet or arrow [default: by the ending of FILE, also with .gz or .zst behind it; csv for - and with --per-file]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) output_format: Option<FormatName>,

    #[command(flatten)]
    pub(crate) keeping: RangesArguments,
}

/// Apply a built-in function to a data frame: Parquet, Arrow, CSV, JSON lines or .npy files, whose columns have types
///
/// describe gives count, mean, standard deviation, least, quartiles and greatest of each column of numbers, as pandas does, with
/// nothing estimated: of whole numbers beyond 2^53 and of numbers close together and far from zero, where pandas rounds, too. Of dates and times it gives all but the deviation, of durations all, as texts; times with a zone in
/// universal time. It leaves out texts, truth values, categories that are texts and times of day, and takes decimals for numbers, which pandas leaves out.
/// normalize scales rows or columns to 0..1. To it a cell of a text that is no number makes its row bad, as to the command of this name.
///
/// Workers read the files themselves: row groups of Parquet, record batches of Arrow, rows of .npy, ranges of lines of CSV and JSON. What
/// cannot be read so is put into a temporary file first (TMPDIR says where): standard input, what is compressed, and texts and arrays that are
/// worked on by columns.
///
/// Several files are one table, one below the other, and so are the files in a folder. Their columns must have the same names and types; a
/// text says in its rows what it holds, beside Parquet, Arrow and .npy it must hold what these do.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = FRAME_EXAMPLES)]
pub(crate) struct FrameArguments {
    /// The files to read, or folders of files; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// What a worker gets at once; one that gets a column holds all of it, and describe always takes chunks
    #[arg(long, value_name = "PARTS", default_value = "chunks")]
    pub(crate) by: By,

    /// What is done
    #[arg(long, value_name = "NAME")]
    pub(crate) task: FrameTask,

    /// Make a table of each file instead of one of all; then --output names a folder
    #[arg(long)]
    pub(crate) per_file: bool,

    /// Write the result to FILE (.parquet, .arrow, .feather, .npy, .csv, .tsv or .jsonl, the last three also with .gz or .zst behind); - for standard output, as CSV
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// How the result is written: parquet, arrow, npy, csv, tsv or jsonl [default: by the ending of FILE; csv for - and with --per-file]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) output_format: Option<FormatName>,

    #[command(flatten)]
    pub(crate) keeping: RangesArguments,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Some rows, each of which is worked on by itself
    Rows,
    Columns,
    /// Some rows
    Chunks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FrameTask {
    /// count, mean, std, min, quartiles, max of each column
    Describe,
    /// The least becomes 0, the greatest 1
    Normalize,
}

/// Find, row by row, what stands in both of two tables, in order and each once
///
/// Row 0 of A is held against row 0 of B, and so on; the tables may have different formats and numbers of columns, and must have as
/// many rows. Numbers come before texts; 4 and 4.0 are the same; what is missing is no item. Files are read as by count-range.
///
/// With --on-bad-row skip a row that is bad in either table is left out of both; the numbers of the others in CSV are those of the files.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = COMMON_ITEMS_EXAMPLES)]
pub(crate) struct CommonItemsArguments {
    /// The one table, a file or a folder of files; - for standard input
    #[arg(value_name = "A")]
    pub(crate) first: PathBuf,

    /// The other table, a file or a folder of files; - for standard input
    #[arg(value_name = "B")]
    pub(crate) second: PathBuf,

    #[command(flatten)]
    pub(crate) reading: ReadingArguments,

    /// Write the items to FILE; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// How the items are written: jsonl, csv or tsv [default: by the ending of FILE, also with .gz or .zst behind it; jsonl for -]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub(crate) output_format: Option<FormatName>,

    #[command(flatten)]
    pub(crate) keeping: RangesArguments,
}
