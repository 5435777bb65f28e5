//! Where results are kept, and what decides about them: the part of a command line that a later one must have in common with it.

use std::path::PathBuf;
use std::time::SystemTime;

use mpexec_data::Columns;
use mpexec_runs::CommandLine;

use super::{Reading, Surroundings};
use crate::args::RangesArguments;
use crate::engines;
use crate::failure::Failure;
use crate::keeping::{Keeping, LARGEST_RANGE, Who};
use crate::numbers::grouped;
use crate::timestamp;

/// The run folder that was asked for, for results that are decided by how tables are read and by these options.
///
/// # Errors
/// A [`Failure`] of usage, if what was said of ranges cannot be.
pub(super) fn kept(
    arguments: RangesArguments,
    around: &Surroundings,
    reading: Option<&Reading>,
    options: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<Option<Keeping>, Failure> {
    let (folder, unnamed) = match (arguments.dir.run_dir, &around.who) {
        (Some(folder), _) => (folder, false),
        (None, Who::Jobs(_)) => (made_here(), true),
        (None, _) if arguments.range_size.is_some() => {
            return Err(Failure::usage(format!(
                "--range-size is about the ranges of a run folder: it goes with --run-dir DIR, or with --on {}",
                engines::named()
            )));
        }
        (None, _) => return Ok(None),
    };
    if let Some(range) = arguments.range_size.filter(|range| *range > LARGEST_RANGE) {
        let (range, most) = (grouped(range), LARGEST_RANGE >> 30);
        return Err(Failure::usage(format!(
            "--range-size of {range} bytes: a range is computed and kept in memory as a whole, and lost as a whole; give {most}G at most"
        )));
    }
    let mut options: std::collections::BTreeMap<String, String> =
        options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    if let Some(Reading { format, columns, delimiter, header, on_bad_row }) = reading {
        let columns = if *columns == Columns::default() { "all".to_owned() } else { format!("{columns:?}") };
        let delimiter = delimiter.map_or_else(|| "seen".to_owned(), |byte| format!("{:?}", char::from(byte)));
        let header = header.map_or("seen", |header| if header { "yes" } else { "no" });
        let format = format.map_or("seen", |format| format.name());
        let read = [
            ("input-format", format.to_owned()),
            ("columns", columns),
            ("delimiter", delimiter),
            ("header", header.to_owned()),
            ("on-bad-row", format!("{on_bad_row:?}").to_lowercase()),
        ];
        options.extend(read.map(|(name, value)| (name.to_owned(), value)));
    }
    let command = CommandLine {
        words: around.words.iter().map(Into::into).collect(),
        folder: std::env::current_dir().unwrap_or_default(),
        stdin: false,
    };
    let (afresh, range) = (arguments.dir.force_plan, arguments.range_size);
    Ok(Some(Keeping { folder, unnamed, afresh, range, options, command, who: around.who.clone() }))
}

/// A name for a folder that nobody has named: the time, and this process.
fn made_here() -> PathBuf {
    let time = timestamp::utc(SystemTime::now()).replace(['-', ':'], "");
    let second = time.split('.').next().unwrap_or_default();
    format!("mpexec-run-{second}-{}", std::process::id()).into()
}
