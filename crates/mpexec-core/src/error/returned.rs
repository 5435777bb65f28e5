//! An error that a task returned, as it arrives: its text and the texts of its causes.
//!
//! Most errors cannot travel to another process as what they are. What people read of them can. It travels as a flat list and is
//! bounded where it is made *and* where it is read, because [`source`](Error::source) wants one cause inside the other, and a
//! list without end from a worker gone mad must not become a nest without end.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An error tells of so many causes; those below are left out. An error may name itself as its own cause.
const MOST_CAUSES: usize = 64;

/// An error that a task returned and that could not travel as what it is: its text and its chain of causes.
///
/// For errors such as `anyhow::Error` and `Box<dyn Error>` a call gives this in the error's place. Shown plainly it is the
/// outermost text, in the alternate form (`{:#}`) all of them, with colons between.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use std::error::Error;
/// use mpexec_core::{Pool, ReturnedError, Workers};
///
/// fn parse(text: String) -> Result<u32, Box<dyn Error>> {
///     Ok(text.parse()?)
/// }
///
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let returned: Result<u32, ReturnedError> = pool.apply(parse, ("two",))?;
/// assert_eq!(returned.unwrap_err().message(), "invalid digit found in string");
/// assert_eq!(pool.apply(parse, ("2",))?, Ok(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedError {
    message: String,
    source: Option<Box<ReturnedError>>,
}

impl ReturnedError {
    /// What can be told of `error`, with its causes: for a task whose error is neither sent as a value nor shown by itself.
    ///
    /// ```
    /// use mpexec_core::ReturnedError;
    ///
    /// fn mean(text: &str) -> Result<f64, ReturnedError> {
    ///     text.parse().map_err(|error: std::num::ParseFloatError| ReturnedError::new(&error))
    /// }
    /// assert_eq!(mean("1,5").unwrap_err().to_string(), "invalid float literal");
    /// ```
    #[must_use]
    pub fn new(error: &(dyn Error + 'static)) -> ReturnedError {
        let causes = std::iter::successors(Some(error), |&error| error.source());
        ReturnedError::of(causes.take(MOST_CAUSES).map(ToString::to_string).collect())
    }

    /// From the texts, the outermost first.
    pub(crate) fn of(mut texts: Vec<String>) -> ReturnedError {
        texts.truncate(MOST_CAUSES);
        let mut texts = texts.into_iter().rev();
        let innermost = ReturnedError { message: texts.next().unwrap_or_default(), source: None };
        texts.fold(innermost, |source, message| ReturnedError { message, source: Some(Box::new(source)) })
    }

    /// The outermost text: what the error's `Display` said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// All texts: of the error itself, of its cause, of the cause's cause, 64 at most.
    pub fn chain(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self), |error| error.source.as_deref()).map(ReturnedError::message)
    }
}

impl fmt::Display for ReturnedError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        if out.alternate() {
            self.chain().skip(1).try_for_each(|cause| write!(out, ": {cause}"))?;
        }
        Ok(())
    }
}

impl Error for ReturnedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Serialize for ReturnedError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.chain().collect::<Vec<_>>().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReturnedError {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReturnedError, D::Error> {
        Vec::deserialize(deserializer).map(ReturnedError::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("I did it myself")]
    struct Ouroboros;

    /// Its own cause.
    #[derive(Debug)]
    struct Endless(Box<Ouroboros>);

    impl fmt::Display for Endless {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Display::fmt(&self.0, out)
        }
    }

    impl Error for Endless {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn an_error_that_is_its_own_cause_has_an_end() {
        let error = ReturnedError::new(&Endless(Box::new(Ouroboros)));
        assert_eq!(error.chain().count(), MOST_CAUSES);
        assert!(error.chain().all(|text| text == "I did it myself"));
    }

    #[test]
    fn a_chain_without_end_from_a_worker_gone_mad_is_cut() {
        let texts = vec!["again".to_owned(); 1_000_000];
        let bytes = mpexec_wire::encode_to_vec(&texts).unwrap();
        let error: ReturnedError = mpexec_wire::decode(&bytes).unwrap();
        assert_eq!(error.chain().count(), MOST_CAUSES);
        drop(error);
    }

    #[test]
    fn no_text_at_all_is_an_error_without_a_text() {
        let bytes = mpexec_wire::encode_to_vec(&Vec::<String>::new()).unwrap();
        let error: ReturnedError = mpexec_wire::decode(&bytes).unwrap();
        assert_eq!((error.message(), error.chain().count()), ("", 1));
    }

    #[test]
    fn each_cause_stands_inside_the_one_above_it() {
        let error = ReturnedError::of(["the table", "row 7", "not a number"].map(str::to_owned).into());
        assert_eq!(error.to_string(), "the table");
        assert_eq!(format!("{error:#}"), "the table: row 7: not a number");
        let innermost = error.source().and_then(Error::source).unwrap();
        assert_eq!((innermost.to_string().as_str(), innermost.source().is_none()), ("not a number", true));
        let bytes = mpexec_wire::encode_to_vec(&error).unwrap();
        assert_eq!(mpexec_wire::decode::<ReturnedError>(&bytes).unwrap(), error);
    }
}
