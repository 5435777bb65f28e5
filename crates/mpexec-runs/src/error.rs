//! What can be wrong with a run folder. Each error is one line that names the file and says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::shown;

/// Why a run folder cannot be used. Nothing that was published is lost by any of them.
///
/// ```
/// use mpexec_runs::{RunError, RunFolder};
/// let error = RunFolder::read_plan("nowhere/run".as_ref()).unwrap_err();
/// assert!(matches!(error, RunError::NoPlan { .. }));
/// assert_eq!(error.to_string(), "nowhere/run: is no run folder: there is no plan in it");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system refused something.
    #[error("{}: cannot {doing}: {cause}{}", shown::path(path), remedy(cause))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was to be done with it.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// There is no plan.
    #[error("{}: is no run folder: there is no plan in it", shown::path(path))]
    NoPlan {
        /// The folder.
        path: PathBuf,
    },
    /// Something else is in the folder.
    #[error(
        "{}: holds other files and no plan of a run: name an empty folder, or one that is not there",
        shown::path(path)
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// The plan cannot be read.
    #[error(
        "{}: is no whole plan ({}): remove this file and type the same command again, which keeps the results that fit, or start over with --force-plan",
        shown::path(path),
        shown::line(why)
    )]
    BadPlan {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The plan was written by another version.
    #[error(
        "{}: is a plan of format {found}, and this program knows {known}: take the version of mpexec that began the run, or start over with \
         --force-plan",
        shown::path(path)
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The number of its format.
        found: u64,
        /// That of this program.
        known: u64,
    },
    /// What is to be computed is not what was begun.
    #[error(
        "{}: the run was begun with something else: {}; take what it was begun with, or start over with --force-plan",
        shown::path(path), changes.join("; ")
    )]
    Changed {
        /// The folder.
        path: PathBuf,
        /// Each difference, in words.
        changes: Vec<String>,
    },
    /// An input was changed while the run went on.
    #[error(
        "{}: {change}, while the run went on: nothing that comes of it since then is published; put it back as it was and resume the run, or start \
         over with --force-plan",
        shown::path(path)
    )]
    InputChanged {
        /// The folder.
        path: PathBuf,
        /// What has changed, in words.
        change: String,
    },
    /// Another process works in the folder.
    #[error("{}: is in use by {}: wait until it has ended, or end it", shown::path(path), shown::line(holder))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Which process, as it wrote down itself.
        holder: String,
    },
    /// A published result is not what was published.
    #[error("{}: {fault}: it is not used; remove it, and resume computes it again", shown::path(path))]
    BadResult {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// This process has done its share, and others compute the rest of the stage. No error, but the end of what can be done here.
    #[error("the rest is computed elsewhere")]
    Elsewhere,
    /// What others were to compute cannot be had.
    #[error("{message}")]
    NotComputed {
        /// What is missing, and why.
        message: String,
        /// Whether somebody began with it.
        begun: bool,
    },
    /// What is to be computed cannot be, wherever it is tried.
    #[error("{message}")]
    Refused {
        /// What, and why.
        message: String,
    },
    /// What was named is no folder by itself.
    #[error("{}: is a link, or not the name of a folder by itself: name the run folder", shown::path(path))]
    NotByName {
        /// What was named.
        path: PathBuf,
    },
    /// Something is in the folder that is no part of a run.
    #[error(
        "{}: is no part of a run: move it away, and the run folder can be removed or begun anew",
        shown::path(path)
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The run has not come to its end.
    #[error("{}: the run is not finished: resume it, or remove it all the same with --force", shown::path(path))]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
}

/// What is wrong with a published result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is a folder, a link, a pipe or a socket.
    NoFile,
    /// It has no header that can be read.
    NoHeader,
    /// It belongs to another plan.
    OtherPlan,
    /// It is the result of another range.
    OtherRange(String),
    /// It is shorter or longer than its header says.
    Length {
        /// What the header says.
        said: u64,
        /// What is there.
        found: u64,
    },
    /// Its bytes are not those that were written.
    Checksum,
    /// It was computed from other arguments.
    OtherInput,
    /// Its bytes are whole and mean nothing.
    Contents,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoFile => out.write_str("is no file"),
            Fault::NoHeader => out.write_str("does not begin with the header of a result"),
            Fault::OtherPlan => out.write_str("is a result of another plan"),
            Fault::OtherRange(key) => write!(out, "is the result of another range ({})", shown::line(key)),
            Fault::Length { said, found } => write!(out, "is {found} bytes long after its header, which says {said}"),
            Fault::Checksum => out.write_str("has another checksum than its header says"),
            Fault::OtherInput => out.write_str("was computed from other arguments than are given now"),
            Fault::Contents => out.write_str("cannot be decoded"),
        }
    }
}

impl RunError {
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> RunError {
        let path = path.to_path_buf();
        move |cause| RunError::Io { path, doing, cause }
    }

    pub(crate) fn bad_result(path: &Path, fault: Fault) -> RunError {
        RunError::BadResult { path: path.to_path_buf(), fault }
    }

    /// Whether what was asked for contradicts the folder, rather than that the folder cannot be read or written.
    pub fn is_contradiction(&self) -> bool {
        matches!(
            self,
            RunError::Changed { .. }
                | RunError::Unfinished { .. }
                | RunError::Occupied { .. }
                | RunError::NotByName { .. }
                | RunError::Foreign { .. }
        )
    }
}

/// What can be done about it, as far as that is known.
fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; what is published stays: make room, and resume the run"
        }
        io::ErrorKind::FileTooLarge => {
            "; what is published stays: raise the limit of the length of files, and resume the run"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; the run folder must be one that may be written"
        }
        io::ErrorKind::Unsupported => "; a run folder needs a file system with hard links",
        io::ErrorKind::CrossesDevices => "; all of a run folder must be on one file system",
        _ => "",
    }
}
