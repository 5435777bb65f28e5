//! Results in a run folder: published, and read back.

use std::path::PathBuf;
use std::sync::PoisonError;

use super::outside::results;
use super::{OUT, RunFolder, short};
use crate::error::RunError;
use crate::result::{self, Copy, Published};

/// A result that is to be published.
pub(crate) struct Finished<'a> {
    pub(crate) key: &'a str,
    /// The hash of its arguments.
    pub(crate) input: &'a str,
    /// Which input it comes from; `None`: any of them.
    pub(crate) reads: Option<usize>,
    /// Its bytes, in pieces.
    pub(crate) pieces: &'a [&'a [u8]],
}

impl RunFolder {
    /// Publishes the result of a range, computed from arguments with this hash (`-` if they follow from the plan). Of several copies the first counts.
    ///
    /// # Errors
    /// [`RunError::Io`], or [`RunError::InputChanged`] if an input is no longer what the plan says; nothing was published then.
    pub fn publish(&self, key: &str, input: &str, bytes: &[u8]) -> Result<Published, RunError> {
        let (done, error) = self.publish_all(&[Finished { key, input, reads: None, pieces: &[bytes] }]);
        error.map(|()| done.first().copied().flatten().unwrap_or(Published::Later))
    }

    /// The same of several, each in pieces, which costs little more than one: what became of each, and the first error.
    pub(crate) fn publish_all(&self, results: &[Finished<'_>]) -> (Vec<Option<Published>>, Result<(), RunError>) {
        // What was computed from another input than the plan's is no result of the plan.
        if let Err(error) = self.inputs_seem_to_hold(&results.iter().map(|result| result.reads).collect()) {
            return (vec![None; results.len()], Err(error));
        }
        let copies = results.iter().map(|&Finished { key, input, pieces, .. }| {
            let plan = &self.hash;
            Copy { plan, key, input, pieces }
        });
        let (done, error) = result::publish_all(&self.path.join(OUT), &self.who, &copies.collect::<Vec<_>>());
        for (Finished { key, .. }, done) in results.iter().zip(&done) {
            let Some(published) = done else { continue };
            self.published.lock().unwrap_or_else(PoisonError::into_inner).insert(short(key));
            self.note(&format!("{} {key}", if *published == Published::First { "published" } else { "dropped" }));
        }
        (done, error)
    }

    /// The published result of a range, checked. `input`: the hash of what it must have been computed from.
    ///
    /// # Errors
    /// [`RunError::BadResult`] if it is not what was published, [`RunError::Io`] if it cannot be read.
    pub fn result(&self, key: &str, input: Option<&str>) -> Result<Vec<u8>, RunError> {
        let mut bytes = Vec::new();
        self.read(key, input, &mut bytes).map(|()| bytes)
    }

    /// Sees that nothing lies among the results that is none, as a copy of one under another name. What is asked for is checked when it is read; this looks at what nobody has
    /// asked for, so it is to be asked when all were, and before anything is made of them together.
    ///
    /// # Errors
    /// [`RunError::BadResult`] with the first that is not what was published under its name, [`RunError::Io`] if one cannot be read.
    pub fn results_hold(&self) -> Result<(), RunError> {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let all_wanted = self.published.lock().unwrap_or_else(PoisonError::into_inner).is_subset(&wanted);
        if all_wanted || self.is_share() {
            return Ok(());
        }
        for name in results(&self.path)? {
            // Of a list of commands that has become shorter there are some that are as good as the others.
            if !name.to_str().is_some_and(|name| wanted.contains(&short(name))) {
                result::header(&self.path.join(OUT).join(&name), &self.hash)?;
            }
        }
        Ok(())
    }

    /// The same, in place of what is in `bytes`.
    pub(crate) fn read(&self, key: &str, input: Option<&str>, bytes: &mut Vec<u8>) -> Result<(), RunError> {
        result::read(&self.place(key), &self.hash, input, bytes)
    }

    /// Where the result of a range is.
    pub(crate) fn place(&self, key: &str) -> PathBuf {
        self.path.join(OUT).join(key)
    }
}
