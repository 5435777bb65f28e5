//! The built-in tasks of the command line, as a library that its two programs share.
//!
//! The coordinator (`mpexec`) names a task and the worker program (`mpexec-worker`) has it; both register the same table
//! from here, so they cannot disagree about a task's arguments. A worker program of your own may register them beside its
//! own tasks:
//!
//! ```
//! mpexec::register()?;
//! mpexec_core::init();
//! # Ok::<(), mpexec_core::DuplicateName>(())
//! ```
//!
//! The tasks are plain functions and can be called without any pool:
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("data.bin");
//! # let mut writer = mpexec_data::NpyWriter::new(std::fs::File::create(&path)?, mpexec_data::DType::I64, mpexec_data::Shape::Matrix(2, 5))?;
//! # for number in [8i64, 8, 3, 7, 7, 0, 4, 2, 5, 2] { writer.write(&number.to_le_bytes())?; }
//! # writer.finish()?;
//! use mpexec::tasks::{CountJob, Deliver, count_range};
//! use mpexec_data::FileRef;
//!
//! let file = mpexec_data::NpyFile::open(&path)?;
//! let job = CountJob {
//!     input: FileRef::to(file.file(), file.path())?,
//!     minimum: "4".into(),
//!     maximum: "8".into(),
//!     rows: 0..2,
//!     deliver: Deliver::Counts,
//! };
//! let part = count_range(job)?;
//! assert_eq!((part.summary.total, part.counts), (6, vec![4, 2]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod limits;
pub mod names;
pub mod tasks;

use mpexec_core::DuplicateName;

/// Registers all built-in tasks. Call it before [`mpexec_core::init`], because in a worker that never returns.
///
/// # Errors
/// [`DuplicateName`] if another task was registered under the name of one of these.
pub fn register() -> Result<(), DuplicateName> {
    register_arrays()?;
    mpexec_core::register(tasks::RUN_COMMAND, tasks::run_command)?;
    mpexec_core::register(tasks::COUNT_TABLE, tasks::count_table)?;
    mpexec_core::register(tasks::SURVEY, tasks::survey)?;
    mpexec_core::register(tasks::ROWS_OF_TABLE, tasks::rows_of_table)
}

/// Registers what counts in arrays (`.npy`), and nothing that reads other formats: the program that does no more than this is
/// a seventh as large as one with [`register`], and starts faster.
///
/// ```
/// mpexec::register_arrays()?;
/// mpexec_core::init();
/// # Ok::<(), mpexec_core::DuplicateName>(())
/// ```
///
/// # Errors
/// As [`register`].
pub fn register_arrays() -> Result<(), DuplicateName> {
    mpexec_core::register(tasks::COUNT_RANGE, tasks::count_range)
}
