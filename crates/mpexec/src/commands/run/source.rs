//! The arguments of `run`, one after the other, from wherever they come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;

use mpexec::names::shown;
use mpexec_data::DataError;

use crate::failure::Failure;
use crate::plan::RunInput;

/// No argument is longer; the system takes no longer one either.
const LONGEST: u64 = 128 << 10;

/// Arguments that were not taken yet.
pub(super) enum Source {
    Typed(std::vec::IntoIter<Vec<u8>>),
    Read { reader: BufReader<File>, name: PathBuf, end: u8 },
}

impl Source {
    /// Opens it.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(super) fn open(arguments: &RunInput) -> Result<Source, Failure> {
        match arguments {
            RunInput::Typed(typed) => Ok(Source::Typed(typed.clone().into_iter())),
            RunInput::Read(path, end) => {
                let name = path.clone().unwrap_or_else(|| "standard input".into());
                let file = match path {
                    Some(path) => File::open(path),
                    None => io::stdin().as_fd().try_clone_to_owned().map(File::from),
                };
                match file {
                    Ok(file) => Ok(Source::Read { reader: BufReader::new(file), name, end: *end }),
                    Err(cause) => Err(DataError::Io { path: name, doing: "open it", cause }.into()),
                }
            }
        }
    }

    /// How many there are, if that is known.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Source::Typed(typed) => Some(typed.len() as u64),
            Source::Read { .. } => None,
        }
    }

    /// The next one; `None` behind the last.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let (reader, name, end) = match self {
            Source::Typed(typed) => return Ok(typed.next()),
            Source::Read { reader, name, end } => (reader, name, *end),
        };
        loop {
            let mut argument = Vec::new();
            let read = reader.by_ref().take(LONGEST).read_until(end, &mut argument);
            let length = read.map_err(|cause| DataError::Io { path: name.clone(), doing: "read it", cause })?;
            if length == 0 {
                return Ok(None);
            }
            if argument.last() == Some(&end) {
                argument.pop();
            } else if length as u64 == LONGEST {
                let line = "has an argument that is longer than any may be; do the arguments end otherwise (--null)?";
                return Err(Failure::files(format!("{}: {line}", shown(name))));
            }
            if !argument.is_empty() {
                return Ok(Some(argument));
            }
        }
    }
}
