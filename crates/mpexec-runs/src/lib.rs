//! Run folders: work that survives its coordinator.
//!
//! A run folder holds a *plan* (what is to be computed, cut into ranges), and one published *result* for each range. A task travels through it so: if
//! its range is published, it is skipped; if not, the pool computes it, and when all results of the range are there, they are written under a temporary name,
//! synced, and linked to their final one. Whoever merges takes ranges in order, from memory or out of the folder, and checks each that
//! it reads: so the result is the same to the last byte, however often the work was interrupted and whoever did it.
//!
//! | in the folder | what it is |
//! |---|---|
//! | `plan.json` | the program and its version, the task, the options, the inputs (length, times, hashes), how it is cut, and a hash of all that |
//! | `out/` | a file for each range: a line that names plan, range, length and checksum, and the bytes |
//! | `log/` | for each process that worked in it what it has done, and when |
//! | `lock`, `joined` | held by the coordinator, with its number and host in it; held together by those who compute shares |
//! | `done` | the number of ranges, and a short hash of the name of each, once all are there |
//! | `bin/`, `engine.json` | if others compute: the programs, and what is known of the others |
//!
//! [`RunIn::run_in`] gives a pool's calls such a folder:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! # let scratch = tempfile::tempdir()?;
//! # let folder = scratch.path().join("lengths");
//! use mpexec_core::{Pool, Workers};
//! use mpexec_runs::{RunError, RunIn, RunInError};
//!
//! let pool = Pool::builder().workers(Workers::Exact(2)).build()?;
//! let words = ["a", "run", "folder"];
//! for length in pool.run_in(&folder).range_tasks(1).imap(|word: String| word.len(), words.map(str::to_owned))? {
//!     assert!(length? > 0);
//! }
//! // Other arguments are no arguments of this run.
//! let other = ["a", "run", "fold"];
//! let mut lengths = pool.run_in(&folder).range_tasks(1).imap(|word: String| word.len(), other.map(str::to_owned));
//! assert!(lengths.is_err(), "another closure is another task, too");
//! # Ok(())
//! # }
//! ```
//!
//! Below that are the parts of which the program `mpexec` makes its own: [`Plan`], [`RunFolder`], [`Ledger`] and [`Answers`]. Publishing is
//! safe between processes and between machines that share the folder; [`RunFolder::join`] is for those who compute a [`Share`], and
//! [`Elsewhere`] for whoever waits for them.
#![forbid(unsafe_code)]

mod answers;
mod error;
mod file;
mod folder;
mod input;
mod kept;
mod ledger;
mod lock;
mod plan;
mod publisher;
mod records;
mod result;
mod run_in;
mod shown;
mod stream;

pub use answers::{Answers, Fate, Next};
pub use error::{Fault, RunError};
pub use folder::{Elsewhere, Missing, RunFolder, Share, Stage, Status};
pub use input::{InputId, hash_of_file};
pub use kept::Kept;
pub use ledger::{Done, Ledger, Slot};
pub use plan::{CommandLine, Cut, Plan, Program, Word};
pub use records::{decode, encode, key_of};
pub use result::Published;
pub use run_in::{InFolder, Resumed, RunIn, RunInError};
pub use stream::{Stream, stream};
