//! The Python that others compute the same with, where there is one.

use std::path::Path;
use std::process::{Command, Output};

/// A Python with NumPy, pandas and pyarrow.
pub(crate) struct Python<'a> {
    folder: &'a Path,
}

impl<'a> Python<'a> {
    /// One that works in this folder; `None`, and said so, where there is none.
    pub(crate) fn with_tables(folder: &'a Path) -> Option<Python<'a>> {
        let python = Python { folder };
        if python.asked("import numpy, pandas, pyarrow").is_ok_and(|asked| asked.status.success()) {
            return Some(python);
        }
        mpexec_testkit::skipped("there is no Python with NumPy, pandas and pyarrow here");
        None
    }

    fn asked(&self, script: &str) -> std::io::Result<Output> {
        let python = std::env::var_os("MPEXEC_TEST_PYTHON").unwrap_or_else(|| "python3".into());
        Command::new(python).args(["-W", "ignore", "-c", script]).current_dir(self.folder).output()
    }

    /// What the script prints, which must end well.
    #[track_caller]
    pub(crate) fn good(&self, script: &str) -> String {
        let done = self.asked(script).expect("it was started before");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }
}
