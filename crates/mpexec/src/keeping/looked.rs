//! The inputs of a run with a folder, looked at before they are opened. The plan says what was looked at, so a file that takes the place of an input at any moment after
//! that is another than the plan's: what is opened is held against the look here, and before anything is published the name is.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use mpexec_runs::{InputId, RunError};

use super::Keeping;
use crate::failure::Failure;

/// What was seen; of a run that keeps nothing, nothing.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    run: PathBuf,
    inputs: Vec<InputId>,
    /// Where each is in `inputs`, by what it was called.
    called: HashMap<PathBuf, usize>,
}

impl Looked {
    /// Looks at the inputs, if there is a run folder.
    ///
    /// # Errors
    /// A [`Failure`] of usage if standard input is one, of files if one cannot be read.
    pub(crate) fn at(files: &[PathBuf], keeping: Option<&Keeping>) -> Result<Looked, Failure> {
        let Some(keeping) = keeping else { return Ok(Looked::default()) };
        if files.iter().any(|path| path == Path::new("-")) {
            return Err(Failure::usage("standard input cannot be read again: with --run-dir, name files"));
        }
        let called = files.iter().cloned().zip(0..).collect();
        Ok(Looked { run: keeping.folder.clone(), inputs: InputId::of_all(files)?, called })
    }

    /// What the plan says of them.
    pub(super) fn inputs(&self) -> &[InputId] {
        &self.inputs
    }

    /// Refuses a file that was opened in place of the one that was looked at.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn refuse_another(&self, file: &File, path: &Path) -> Result<(), Failure> {
        let Some(looked) = self.called.get(path).map(|&at| &self.inputs[at]) else { return Ok(()) };
        match looked.opened(file)? {
            None => Ok(()),
            Some(change) => Err(RunError::InputChanged { path: self.run.clone(), change }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::keeping::Who;

    #[test]
    fn what_is_opened_in_place_of_what_was_looked_at_is_refused_also_if_it_was_there_for_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name);
        fs::write(name("first"), "1,2\n").unwrap();
        fs::write(name("second"), "1,2\n").unwrap();
        let turn = |to: &str| {
            let _ = fs::remove_file(name("data.csv"));
            std::os::unix::fs::symlink(name(to), name("data.csv")).unwrap();
        };
        turn("first");
        let keeping = Keeping {
            folder: name("run"),
            unnamed: false,
            afresh: false,
            range: None,
            options: Default::default(),
            command: mpexec_runs::CommandLine { words: Vec::new(), folder: PathBuf::new(), stdin: false },
            who: Who::Here,
        };
        let files = [name("data.csv")];
        let looked = Looked::at(&files, Some(&keeping)).unwrap();
        let opened = || looked.refuse_another(&File::open(&files[0]).unwrap(), &files[0]);
        assert!(opened().is_ok());
        turn("second");
        let Err(Failure::Error { line, .. }) = opened() else { panic!("another file is taken") };
        assert!(line.contains("data.csv was written to, replaced, renamed"), "{line}");
        turn("first");
        assert!(opened().is_ok());
        let nothing = Looked::at(&files, None).unwrap();
        assert!(nothing.refuse_another(&File::open(name("second")).unwrap(), &files[0]).is_ok());
    }
}
