//! What may be a task: which functions, which parameters, and what a caller may pass for each parameter.
//!
//! Any function or closure that captures nothing is a task. Its parameters are either **owned** values (anything
//! serde can carry) or **borrowed** plain data and text (`&[f64]`, `&str`), which the worker reads in place. The
//! caller may give the value itself or a reference to it: for a parameter `Vec<i64>` a `&Vec<i64>` or a `&[i64]`
//! serves as well and nothing is cloned.
//!
//! The traits here are seldom named by users. They carry a marker type (`Owned`, `Slice`, `Text`) that the compiler
//! infers; it keeps the two families of parameters apart, which a single blanket implementation over serde could not.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # mpexec_core::init();
//! use mpexec_core::{Pool, Workers};
//!
//! fn mean(values: &[f64]) -> f64 {
//!     values.iter().sum::<f64>() / values.len() as f64
//! }
//!
//! let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
//! let column = vec![1.0, 2.0, 6.0];
//! assert_eq!(pool.apply(mean, (&column,))?, 3.0);
//! # Ok(())
//! # }
//! ```

mod arity;
pub(crate) mod entry;
pub(crate) mod gather;
pub(crate) mod hooks;
pub(crate) mod json;
pub(crate) mod outcome;
mod output;
mod params;
pub(crate) mod part;
pub(crate) mod result_bytes;
pub(crate) mod staging;
pub(crate) mod structure;

pub use arity::{Args, Item, TaskFn};
pub use output::{Kept, ListedError, ResultOf, TaskOutput, Told, ToldListed, TriedError};
pub use params::{Arg, Input, Owned, Param, Plain, Slice, TaskResult, Text, TextParam};
