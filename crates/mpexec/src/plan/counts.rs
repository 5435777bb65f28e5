//! Where the count of every row goes, by what was typed: the place, the format, and how it is compressed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mpexec::names::shown;
use mpexec_data::{ColumnarFormat, Packing, TextFormat};

use super::{Place, place};
use crate::args::{CountArguments, FormatName, Mode};
use crate::failure::Failure;

/// Where the count of every row goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Nowhere: the summary is all that is wanted. It is not wanted with any count on standard output.
    Nowhere,
    /// Each to its place in an array.
    Array(PathBuf),
    /// To a file, in the order of the rows.
    Text(PathBuf, TextFormat, Option<Packing>),
    /// To a file of columns, in the order of the rows.
    Columns(PathBuf, ColumnarFormat),
    /// Those of each input to a file of its own in this folder.
    Each(PathBuf, FormatName),
    /// To standard output as text, in the order of the rows or of completion.
    Printed { format: TextFormat, ordered: bool },
    /// To standard output as an array.
    PrintedArray,
    /// To standard output as a file of columns.
    PrintedColumns(ColumnarFormat),
}

impl Counts {
    /// Understands what was typed.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if it contradicts itself.
    pub(super) fn new(arguments: &CountArguments) -> Result<Counts, Failure> {
        let Some(output) = &arguments.output else {
            return Ok(Counts::Nowhere);
        };
        let named = arguments.output_format;
        match place(output.clone()) {
            Place::Stdout if arguments.per_file => Err(Failure::usage(
                "--per-file writes a file for each that is read: name a folder with --output, or leave one of them away",
            )),
            Place::Stdout => printed(named.unwrap_or(FormatName::Text), arguments.mode == Mode::Sync),
            Place::File(folder) if arguments.per_file => Ok(Counts::Each(folder, named.unwrap_or(FormatName::Npy))),
            Place::File(path) => {
                let (format, packing) = format_of(&path, named, "counts")?;
                Ok(file(path, format, packing))
            }
        }
    }

    /// The same for one of several inputs that are counted apart.
    pub(crate) fn of_input(&self, input: &Path) -> Counts {
        let Counts::Each(folder, format) = self else { return self.clone() };
        file(named_after(input, folder, *format), *format, None)
    }

    /// The file that appears at the end, if one does and it is known.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Counts::Array(path) | Counts::Text(path, ..) | Counts::Columns(path, _) => Some(path),
            Counts::Nowhere | Counts::Each(..) => None,
            Counts::Printed { .. } | Counts::PrintedArray | Counts::PrintedColumns(_) => None,
        }
    }

    /// The files that appear at the end when these are counted.
    ///
    /// # Errors
    /// A [`Failure`] of usage, if two would have one name.
    pub(crate) fn files(&self, inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
        if !matches!(self, Counts::Each(..)) {
            return Ok(self.file().map(Path::to_path_buf).into_iter().collect());
        }
        let names = inputs.iter().filter_map(|input| self.of_input(input).file().map(Path::to_path_buf));
        each_its_own(names.collect())
    }

    /// Whether files appear at the end.
    pub(crate) fn makes_files(&self) -> bool {
        self.file().is_some() || matches!(self, Counts::Each(..))
    }

    /// Whether they have standard output for themselves.
    pub(crate) fn is_printed(&self) -> bool {
        matches!(self, Counts::Printed { .. } | Counts::PrintedArray | Counts::PrintedColumns(_))
    }
}

/// What comes of one of several inputs, in a folder.
pub(super) fn named_after(input: &Path, folder: &Path, format: FormatName) -> PathBuf {
    let mut name = input.file_name().map_or_else(|| OsString::from("input"), OsString::from);
    name.push(".");
    name.push(ending(format));
    folder.join(name)
}

/// These, if none of them is there twice.
///
/// # Errors
/// A [`Failure`] of usage.
pub(super) fn each_its_own(names: Vec<PathBuf>) -> Result<Vec<PathBuf>, Failure> {
    let mut known = HashSet::new();
    match names.iter().find(|name| !known.insert(*name)) {
        None => Ok(names),
        Some(twice) => Err(Failure::usage(format!(
            "{}: would hold what comes of two files that are called the same; take these apart",
            shown(twice)
        ))),
    }
}

fn printed(format: FormatName, ordered: bool) -> Result<Counts, Failure> {
    let what = match format {
        FormatName::Npy if ordered => return Ok(Counts::PrintedArray),
        FormatName::Parquet if ordered => return Ok(Counts::PrintedColumns(ColumnarFormat::Parquet)),
        FormatName::Arrow if ordered => return Ok(Counts::PrintedColumns(ColumnarFormat::Arrow)),
        FormatName::Npy => "an array",
        FormatName::Parquet | FormatName::Arrow => "a file of columns",
        text => return Ok(Counts::Printed { format: text_format(text), ordered }),
    };
    Err(Failure::usage(format!(
        "{what} cannot be streamed in the order of completion: leave --mode async away, or take another --output-format"
    )))
}

/// As what a file is to be written, by its name or as it was said, and how it is compressed.
///
/// # Errors
/// A [`Failure`] of usage, if its name does not say it.
pub(super) fn format_of(
    path: &Path,
    named: Option<FormatName>,
    what: &str,
) -> Result<(FormatName, Option<Packing>), Failure> {
    let (packing, inner) = packing_of(path);
    let format = named.or_else(|| by_ending(&inner)).ok_or_else(|| {
        Failure::usage(format!(
            "{}: its name does not say how the {what} are to be written: let it end with .npy, .csv, .tsv, .jsonl, .parquet or .arrow, or \
             give --output-format",
            shown(path)
        ))
    })?;
    if packing.is_some() && matches!(format, FormatName::Npy | FormatName::Parquet | FormatName::Arrow) {
        let line = format!("{}: only texts are compressed as a whole: leave the last ending away", shown(path));
        return Err(Failure::usage(line));
    }
    Ok((format, packing))
}

fn file(path: PathBuf, format: FormatName, packing: Option<Packing>) -> Counts {
    match format {
        // Every count has its place in the array, so in either mode it is written as it comes.
        FormatName::Npy => Counts::Array(path),
        FormatName::Parquet => Counts::Columns(path, ColumnarFormat::Parquet),
        FormatName::Arrow => Counts::Columns(path, ColumnarFormat::Arrow),
        text => Counts::Text(path, text_format(text), packing),
    }
}

/// How a file of this name is compressed, and its name without that.
pub(super) fn packing_of(path: &Path) -> (Option<Packing>, PathBuf) {
    match lowered(path).as_deref() {
        Some("gz") => (Some(Packing::Gzip), path.with_extension("")),
        Some("zst") => (Some(Packing::Zstd), path.with_extension("")),
        _ => (None, path.to_path_buf()),
    }
}

fn lowered(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

/// What the ending says; `None` if it says nothing that is known here.
pub(super) fn by_ending(path: &Path) -> Option<FormatName> {
    match lowered(path)?.as_str() {
        "npy" => Some(FormatName::Npy),
        "csv" => Some(FormatName::Csv),
        "tsv" => Some(FormatName::Tsv),
        "jsonl" => Some(FormatName::Jsonl),
        "parquet" => Some(FormatName::Parquet),
        "arrow" | "feather" => Some(FormatName::Arrow),
        _ => None,
    }
}

pub(super) fn ending(format: FormatName) -> &'static str {
    match format {
        FormatName::Npy => "npy",
        FormatName::Csv => "csv",
        FormatName::Tsv => "tsv",
        FormatName::Jsonl => "jsonl",
        FormatName::Parquet => "parquet",
        FormatName::Arrow => "arrow",
        FormatName::Text => "txt",
    }
}

fn text_format(format: FormatName) -> TextFormat {
    match format {
        FormatName::Csv => TextFormat::Csv,
        FormatName::Tsv => TextFormat::Tsv,
        FormatName::Jsonl => TextFormat::JsonLines,
        // The others are no texts.
        FormatName::Text | FormatName::Npy | FormatName::Parquet | FormatName::Arrow => TextFormat::Plain,
    }
}
