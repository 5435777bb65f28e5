//! `count-range`: how many values of each row lie between two bounds, for one piece of a file.
//!
//! Nothing but the range of rows and the result crosses the link: the worker maps the rows itself. Counts that have a known
//! place in the output are written there by the worker; only those that somebody wants to see as text come back.

use std::ops::Range;

use mpexec_data::{Bounds, Counter, DataError, FileRef, Summary};
use serde::{Deserialize, Serialize};

use super::held;

/// The name under which [`count_range`] is registered.
pub const COUNT_RANGE: &str = "count-range";

/// One piece of a count: some rows of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountJob {
    /// The file.
    pub input: FileRef,
    /// The least value that counts, as typed; how it compares depends on the file's type ([`Bounds`]).
    pub minimum: String,
    /// The greatest value that counts, as typed.
    pub maximum: String,
    /// The rows of this piece.
    pub rows: Range<u64>,
    /// What becomes of the counts.
    pub deliver: Deliver,
}

/// What becomes of the counts of a piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deliver {
    /// They are summed up and forgotten.
    Summary,
    /// They come back as bytes.
    Counts,
    /// The worker writes them to their place.
    Written {
        /// The file in the making.
        output: FileRef,
        /// Where in it the count of row 0 belongs, in bytes.
        offset: u64,
    },
}

/// The result of one piece.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountPart {
    /// What is known about the counts of this piece alone.
    pub summary: Summary,
    /// The counts, little-endian, in the smallest type that holds the number of columns; empty unless
    /// [`Deliver::Counts`] asked for them.
    #[serde(with = "serde_bytes")]
    pub counts: Vec<u8>,
}

/// Why a piece could not be counted. Each is one line that names the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CountFault {
    /// The input could not be read, or the bounds mean nothing for it.
    #[error("{0}")]
    Input(String),
    /// The output could not be written.
    #[error("{0}")]
    Output(String),
    /// There are quotes in the lines that were to be rows: the row that begins here may go on in the next stretch.
    #[error("there are quotes behind byte {from}: its lines may not be its rows")]
    Quoted {
        /// Where the first of these lines begins.
        from: u64,
    },
}

/// Counts the rows of one piece.
///
/// # Errors
/// [`CountFault::Input`] if the file cannot be read, [`CountFault::Output`] if the counts cannot be written.
/// See the crate's page for an example.
pub fn count_range(job: CountJob) -> Result<CountPart, CountFault> {
    let file = job.input.array().map_err(CountFault::Input)?;
    let unreadable = |error: DataError| CountFault::Input(job.input.renamed(&error.to_string()));
    let bounds = Bounds::parse(&job.minimum, &job.maximum, file.layout().dtype)
        .map_err(|error| CountFault::Input(format!("{}: {error}", job.input.name)))?;
    let counter = Counter::new(&file, &bounds).map_err(unreadable)?;
    let mut counts = Vec::new();
    let summary = match &job.deliver {
        Deliver::Summary => counter.summarise(job.rows.clone()).map_err(unreadable)?,
        Deliver::Counts => {
            let bytes = (job.rows.end.saturating_sub(job.rows.start)) as usize * counter.width().bytes();
            counts = vec![0; bytes];
            counter.count_into(job.rows.clone(), &mut counts).map_err(unreadable)?
        }
        Deliver::Written { output, offset } => {
            let part = held::output(output).map_err(CountFault::Output)?;
            let mut place = offset + job.rows.start * counter.width().bytes() as u64;
            let write = |block: &[u8]| {
                part.write_at(place, block).map_err(|error| Stopped::Output(output.renamed(&error.to_string())))?;
                place += block.len() as u64;
                Ok(())
            };
            counter.count_with(job.rows.clone(), write).map_err(|stopped| match stopped {
                Stopped::Input(error) => unreadable(error),
                Stopped::Output(line) => CountFault::Output(line),
            })?
        }
    };
    Ok(CountPart { summary, counts })
}

/// What ends a count whose blocks are written as they come.
enum Stopped {
    Input(DataError),
    Output(String),
}

impl From<DataError> for Stopped {
    fn from(error: DataError) -> Stopped {
        Stopped::Input(error)
    }
}
