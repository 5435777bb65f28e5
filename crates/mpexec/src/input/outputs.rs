//! What is held against each file that is opened: the files that will be written, because an output would take the place of its input, which is hardly
//! what anybody wants, and what was seen of the inputs before.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mpexec::names::shown;

use crate::failure::Failure;
use crate::keeping::Looked;

/// The folder to which the outputs of several inputs or commands go. If nothing has come into it, what was made of it is gone when this is.
#[must_use]
pub(crate) struct OutputFolder {
    /// It and those around it that were made for it, the innermost first.
    made: Vec<PathBuf>,
}

impl OutputFolder {
    /// Makes it, if it is not there.
    ///
    /// # Errors
    /// A [`Failure`] of files.
    pub(crate) fn make(folder: &Path) -> Result<OutputFolder, Failure> {
        let around = folder.ancestors().filter(|path| !path.as_os_str().is_empty());
        let made = around.take_while(|path| path.symlink_metadata().is_err()).map(Path::to_path_buf).collect();
        let folder_made = OutputFolder { made };
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::files(format!("{}: the folder cannot be made: {error}", shown(folder))))?;
        Ok(folder_made)
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // One in which something is stays, and so do those around it.
        let _ = self.made.iter().try_for_each(std::fs::remove_dir);
    }
}

/// What stands already where outputs will, by device and number there: whatever links lead to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs {
    there: Arc<[(PathBuf, (u64, u64))]>,
    looked: Arc<Looked>,
}

impl Outputs {
    /// Those of these names.
    pub(crate) fn named(names: impl IntoIterator<Item = PathBuf>) -> Outputs {
        let there = names.into_iter().filter_map(|name| {
            let found = std::fs::metadata(&name).ok()?;
            Some((name, (found.dev(), found.ino())))
        });
        Outputs { there: there.collect(), looked: Arc::default() }
    }

    /// The same, and what was seen of the inputs.
    pub(crate) fn and(self, looked: &Arc<Looked>) -> Outputs {
        Outputs { looked: Arc::clone(looked), ..self }
    }

    /// Refuses an input that is one of them, or another file than was looked at.
    ///
    /// # Errors
    /// A [`Failure`] of usage, or one of files.
    pub(crate) fn refuse(&self, file: &File, path: &Path) -> Result<(), Failure> {
        self.looked.refuse_another(file, path)?;
        let Ok(input) = file.metadata() else { return Ok(()) };
        match self.there.iter().find(|(_, output)| *output == (input.dev(), input.ino())) {
            None => Ok(()),
            Some((output, _)) => {
                let (output, path) = (shown(output), shown(path));
                Err(Failure::usage(format!("{output}: is the file that is read ({path}); give another name")))
            }
        }
    }
}
