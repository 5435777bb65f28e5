//! What can go wrong with a frame. Each error is one line.

use arrow_schema::ArrowError;
use mpexec_core::TaskError;
use mpexec_data::{DataError, OutputError};
use mpexec_runs::RunError;

/// Why a frame could not be read, worked on or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The file cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The output cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Something is wrong with the run folder.
    #[error(transparent)]
    Run(#[from] RunError),
    /// What a worker could not read or keep; the line names the file.
    #[error("{0}")]
    Input(String),
    /// The file has not the columns that were chosen; the line names it.
    #[error("{0}")]
    Columns(String),
    /// What the reader or writer of a format says.
    #[error("{what}: {cause}")]
    Format {
        /// The file, or what was done.
        what: String,
        /// What is wrong.
        cause: String,
    },
    /// The task of a chunk or column did not come to its end.
    #[error("{what} {index} was not done: {cause}")]
    Task {
        /// `chunk` or `column`.
        what: &'static str,
        /// Which one, from 0 on.
        index: u64,
        /// Why.
        cause: TaskError,
    },
    /// The function returned an error.
    #[error("{}{what} {index}: {message}", before(file.as_deref()))]
    Function {
        /// The file that it worked on, if it worked on one.
        file: Option<String>,
        /// `chunk` or `column`.
        what: &'static str,
        /// Which one, from 0 on.
        index: u64,
        /// What it said.
        message: String,
    },
    /// What the function returned does not fit to the rest.
    #[error("{what} {index}: the function returned {found}; wanted: {wanted}")]
    Misfit {
        /// `chunk` or `column`.
        what: &'static str,
        /// Which one, from 0 on.
        index: u64,
        /// What came.
        found: String,
        /// What should have come.
        wanted: String,
    },
}

fn before(file: Option<&str>) -> String {
    file.map_or_else(String::new, |file| format!("{file}: "))
}

impl FrameError {
    /// What a function said names this file, if it names none.
    pub(crate) fn of_file(self, of: &str) -> FrameError {
        match self {
            FrameError::Function { file: None, what, index, message } => {
                FrameError::Function { file: Some(of.to_owned()), what, index, message }
            }
            other => other,
        }
    }

    pub(crate) fn format(what: impl Into<String>, error: &ArrowError) -> FrameError {
        FrameError::Format { what: what.into(), cause: error.to_string().replace('\n', " ") }
    }
}
