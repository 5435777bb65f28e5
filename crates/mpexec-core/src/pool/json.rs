//! Calls with JSON: the function goes by its name, arguments and results are texts, and the worker, where the types are, converts.

use mpexec_wire::{EncodeError, Sink};

use super::Pool;
use super::call::CallBuilder;
use super::feed::Feed;
use super::streams::{Imap, ImapUnordered};
use crate::engine::functions::FunctionRef;
use crate::engine::open::Stream;
use crate::error::TaskError;
use crate::pending::Pending;

impl Pool {
    /// Calls the [`#[task]`](macro@crate::task) of this name with arguments as a JSON text, and waits for the result as JSON.
    ///
    /// For whoever does not know the types: command lines, scripts. [`Pool::functions`] lists what can be called, with
    /// names and structures of parameters.
    ///
    /// # Arguments
    /// Which argument is which depends on the form of the text alone:
    /// - an **array** is all arguments by their places: `[[8, 8, 3], 4, 8]`;
    /// - an **object** is all arguments by their names, in any order: `{"minimum": 4, "maximum": 8, "row": [8, 8, 3]}`;
    /// - **anything else** is the only argument of a function with one parameter: `5`.
    ///
    /// So an only argument that is an array or an object itself is written `[[8, 8, 3]]` or `{"row": [8, 8, 3]}`. Every argument
    /// must be there; an `Option` may be `null`. Integers arrive exactly, also those of 128 bits, and so does each float.
    ///
    /// # The result
    /// A JSON text on one line. What a function returns as `Ok(value)` is the value; its `Err` is a failure of the task,
    /// [`TaskError::Returned`], with the error's text and causes, or where the error is a value that serde carries, with its JSON.
    /// JSON has no number for NaN and the infinities: they become `null`, as in JavaScript and serde_json. Keys of a map that are
    /// no text, number or boolean make the task fail.
    ///
    /// # Errors
    /// [`TaskError::ArgumentUndecodable`] with the parameter's name, line and column; [`TaskError::ResultUnencodable`];
    /// [`TaskError::UnknownFunction`] and [`TaskError::NoJson`]; whatever else the task ended as.
    ///
    /// ```
    /// /// How many numbers of a row lie within a range.
    /// #[mpexec_core::task]
    /// fn howmany_within_range(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
    ///     row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
    /// }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     mpexec_core::init();
    ///     let pool = mpexec_core::Pool::new()?;
    ///     assert_eq!(pool.apply_json("howmany_within_range", "[[8, 8, 3, 7, 7], 4, 8]")?, "4");
    ///     let by_name = r#"{"row": [0, 4, 2], "minimum": 4, "maximum": "x"}"#;
    ///     let error = pool.apply_json("howmany_within_range", by_name).unwrap_err();
    ///     assert!(error.to_string().contains("argument `maximum`: invalid type"));
    ///     Ok(())
    /// }
    /// ```
    pub fn apply_json(&self, name: &str, arguments: impl AsRef<[u8]>) -> Result<String, TaskError> {
        self.call().apply_json(name, arguments)
    }

    /// As [`Pool::apply_json`], but returns at once. Errors come with the handle.
    pub fn apply_json_async(&self, name: &str, arguments: impl AsRef<[u8]>) -> Pending<String> {
        self.call().apply_json_async(name, arguments)
    }

    /// Calls the task of this name with each text in turn as its arguments; the results in the order of the texts, as an
    /// iterator. See [`Pool::apply_json`] for the texts and [`Pool::imap`] for the iterator.
    ///
    /// ```
    /// /// The sum of a line.
    /// #[mpexec_core::task]
    /// fn sum(line: Vec<f64>) -> f64 { line.iter().sum() }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     mpexec_core::init();
    ///     let pool = mpexec_core::Pool::new()?;
    ///     let lines = "[1, 2.5]\n[7]";
    ///     // Each line is the only argument, and an array: so it stands in brackets.
    ///     let sums = pool.imap_json("sum", lines.lines().map(|line| format!("[{line}]")));
    ///     assert_eq!(sums.collect::<Result<Vec<_>, _>>()?, ["3.5", "7.0"]);
    ///     Ok(())
    /// }
    /// ```
    pub fn imap_json<I>(&self, name: &str, texts: I) -> Imap<I::IntoIter, String>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.call().imap_json(name, texts)
    }

    /// As [`Pool::imap_json`], but the results come with their indices, as they finish.
    pub fn imap_unordered_json<I>(&self, name: &str, texts: I) -> ImapUnordered<I::IntoIter, String>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.call().imap_unordered_json(name, texts)
    }
}

impl CallBuilder<'_> {
    /// As [`Pool::apply_json`].
    ///
    /// # Errors
    /// As [`Pool::apply_json`].
    pub fn apply_json(&self, name: &str, arguments: impl AsRef<[u8]>) -> Result<String, TaskError> {
        self.call_and_wait(&function(name), |sink| write(&arguments, sink))
    }

    /// As [`Pool::apply_json_async`].
    pub fn apply_json_async(&self, name: &str, arguments: impl AsRef<[u8]>) -> Pending<String> {
        self.call_at_once(&function(name), |sink| write(&arguments, sink))
    }

    /// As [`Pool::imap_json`].
    pub fn imap_json<I>(&self, name: &str, texts: I) -> Imap<I::IntoIter, String>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        Imap::new(self.open(&function(name), Some(Stream::Ordered), feed(texts)))
    }

    /// As [`Pool::imap_unordered_json`].
    pub fn imap_unordered_json<I>(&self, name: &str, texts: I) -> ImapUnordered<I::IntoIter, String>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        ImapUnordered::new(self.open(&function(name), Some(Stream::Unordered), feed(texts)))
    }
}

fn function(name: &str) -> FunctionRef {
    FunctionRef::Json(name.to_owned())
}

fn feed<I>(texts: I) -> Feed<I::IntoIter>
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    Feed::new(texts.into_iter(), |text, sink| write(text, sink))
}

/// The text is the whole payload.
fn write<S: Sink>(text: &impl AsRef<[u8]>, sink: &mut S) -> Result<(), EncodeError> {
    Ok(sink.write(text.as_ref())?)
}
