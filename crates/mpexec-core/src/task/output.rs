//! What a task may return, and what its caller gets for it.
//!
//! A value that serde can carry arrives as what it is, a `Result` whose error serde can carry too. An error that cannot be
//! carried arrives as its text and its causes. The compiler decides by the type, with the help of a marker that it infers:
//! [`Kept`], [`Told`], [`ToldListed`]. Where more than one fitted it would not choose, so the marks exclude each other:
//! no error of the last two kinds is something serde carries.
//!
//! The forms that take an `Err` as a failure need no value of it, so they take every error ([`TriedError`]).

use std::error::Error;

use super::json;
use super::params::TaskResult;
use crate::error::ReturnedError;

/// Marks results that arrive as what they are.
#[derive(Debug)]
pub enum Kept {}
/// Marks `Result`s whose error holds any other error, such as `anyhow::Error` and `Box<dyn Error>`.
#[derive(Debug)]
pub enum Told {}
/// Marks `Result`s whose error is one of a list: `Box<dyn Error + Send + Sync>`, some of the standard library, and whatever has
/// [`ListedError`].
#[derive(Debug)]
pub enum ToldListed {}

/// What a task may return. `B` is what the caller gets for it: the same, or for an error that cannot be sent a
/// [`ReturnedError`]. `K` is its kind. Both are inferred, `B` also from what the caller wants, so that a closure's result need
/// not be spelled out: `let all: Vec<u32> = pool.map(|text: String| text.parse().unwrap(), texts)?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a task",
    label = "cannot be sent back from another process",
    note = "a result is owned and has serde's `Serialize` and `Deserialize`",
    note = "an error without them comes back as its text and causes: return `anyhow::Error` or `Box<dyn Error>`, write `impl ListedError` for your own, or call with a `try_` form (`try_apply`, `try_map`, ...), which takes any error"
)]
pub trait TaskOutput<B, K>: 'static {
    /// Turns the one into the other, in the worker.
    fn back(self) -> B;

    /// Writes it as JSON; what can be told of an `Err` is handed back.
    #[doc(hidden)]
    fn json(self, out: &mut Vec<u8>) -> Result<Result<(), ReturnedError>, serde_json::Error>;
}

impl<R: TaskResult> TaskOutput<R, Kept> for R {
    #[inline]
    fn back(self) -> R {
        self
    }

    fn json(self, out: &mut Vec<u8>) -> Result<Result<(), ReturnedError>, serde_json::Error> {
        json::write(&self, out)
    }
}

impl<T: TaskResult, E: AsRef<dyn Error + 'static> + 'static> TaskOutput<Result<T, ReturnedError>, Told>
    for Result<T, E>
{
    fn back(self) -> Result<T, ReturnedError> {
        self.map_err(|error| ReturnedError::new(error.as_ref()))
    }

    fn json(self, out: &mut Vec<u8>) -> Result<Result<(), ReturnedError>, serde_json::Error> {
        value_json(self.back(), out)
    }
}

impl<T: TaskResult, E: ListedError> TaskOutput<Result<T, ReturnedError>, ToldListed> for Result<T, E> {
    fn back(self) -> Result<T, ReturnedError> {
        self.map_err(|error| ReturnedError::new(error.as_error()))
    }

    fn json(self, out: &mut Vec<u8>) -> Result<Result<(), ReturnedError>, serde_json::Error> {
        value_json(self.back(), out)
    }
}

fn value_json<T: TaskResult>(
    result: Result<T, ReturnedError>,
    out: &mut Vec<u8>,
) -> Result<Result<(), ReturnedError>, serde_json::Error> {
    match result {
        Ok(value) => serde_json::to_writer(out, &value).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

/// The same seen from the other side: what a caller gets for an `R` that the task returned. With it the compiler finds `R` where
/// only the caller's wish is known; it does not look for a type by what it would have to be turned into.
#[diagnostic::on_unimplemented(
    message = "a task that returns `{R}` does not give its caller a `{Self}`",
    label = "not what the task gives"
)]
pub trait ResultOf<R, K>: TaskResult {}

impl<R: TaskResult> ResultOf<R, Kept> for R {}
impl<T: TaskResult, E: AsRef<dyn Error + 'static> + 'static> ResultOf<Result<T, E>, Told> for Result<T, ReturnedError> {}
impl<T: TaskResult, E: ListedError> ResultOf<Result<T, E>, ToldListed> for Result<T, ReturnedError> {}

/// An error of which a task's caller gets the text and the causes, as a [`ReturnedError`]: those of the standard library, and your
/// own, with one line. An error that serde carries needs none, and keeps its type; it cannot have both. The `try_` forms take any
/// error without it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::error::Error;
/// use mpexec_core::{ListedError, Pool, Workers};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("line {line} is no number")]
/// struct BadLine { line: usize, #[source] why: std::num::ParseIntError }
///
/// impl ListedError for BadLine {
///     fn as_error(&self) -> &(dyn Error + 'static) { self }
/// }
///
/// fn sum(text: String) -> Result<u64, BadLine> {
///     let numbers = text.lines().enumerate().map(|(line, text)| text.parse::<u64>().map_err(|why| BadLine { line, why }));
///     numbers.sum()
/// }
///
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let sums = pool.map(sum, ["1\n2", "1\nx"])?;
/// assert_eq!(sums[0], Ok(3));
/// assert_eq!(format!("{:#}", sums[1].as_ref().unwrap_err()), "line 1 is no number: invalid digit found in string");
/// # Ok(())
/// # }
/// ```
pub trait ListedError: 'static {
    /// As what every error is: `self`.
    fn as_error(&self) -> &(dyn Error + 'static);
}

impl ListedError for Box<dyn Error + Send + Sync> {
    fn as_error(&self) -> &(dyn Error + 'static) {
        &**self
    }
}

macro_rules! listed {
    ($($error:ty),* $(,)?) => {
        $(impl ListedError for $error {
            fn as_error(&self) -> &(dyn Error + 'static) {
                self
            }
        })*
    };
}

listed!(
    std::char::ParseCharError,
    std::env::VarError,
    std::fmt::Error,
    std::io::Error,
    std::net::AddrParseError,
    std::num::ParseFloatError,
    std::num::ParseIntError,
    std::num::TryFromIntError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::time::SystemTimeError,
);

/// The error of a task that is called by a `try_` form. `K` is its kind, inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that a task can tell of",
    label = "not an error",
    note = "it is any error, `anyhow::Error`, `Box<dyn Error>` or text; from another type make text: `.map_err(|error| error.to_string())`"
)]
pub trait TriedError<K>: 'static {
    /// What can be told of it.
    fn told(self) -> ReturnedError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<Box<dyn Error>> + 'static> TriedError<Told> for E {
    fn told(self) -> ReturnedError {
        ReturnedError::new(&*self.into())
    }
}

impl TriedError<ToldListed> for Box<dyn Error + Send + Sync> {
    fn told(self) -> ReturnedError {
        ReturnedError::new(&*self)
    }
}
