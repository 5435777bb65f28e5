//! A run folder in which others compute: who is who, programs that every machine can start, and what the others were told.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{ENGINE, Elsewhere, LOG, OUT, PROGRAMS, Role, RunFolder, Share, empty, temporary, write_whole};
use crate::error::RunError;
use crate::input::hash_of_file;
use crate::lock::{JOINED, LOCK};
use crate::result::TEMPORARY;

impl RunFolder {
    /// Only ranges of this share are computed here, and nobody says that the run is done.
    pub fn only(mut self, share: Share) -> RunFolder {
        self.role = Role::Share(share);
        self
    }

    /// What is missing is computed by others.
    pub fn computed_by(mut self, others: Box<dyn Elsewhere>) -> RunFolder {
        self.role = Role::Elsewhere(others);
        self
    }

    /// Whether what is missing is computed by this process alone.
    pub fn computes_here(&self) -> bool {
        matches!(self.role, Role::Here)
    }

    /// Whether this process computes a share of it, beside others.
    pub fn is_share(&self) -> bool {
        matches!(self.role, Role::Share(_))
    }

    pub(crate) fn role(&self) -> &Role {
        &self.role
    }

    /// Sees what others have published meanwhile. A folder that is shared between machines may show what it was some time ago, unless something is
    /// changed in it: so something is.
    ///
    /// # Errors
    /// [`RunError::Io`] if the folder cannot be read.
    pub fn look(&self) -> Result<(), RunError> {
        let changed = self.path.join(OUT).join(format!("{TEMPORARY}{}-look", self.who));
        // Whoever cannot write sees what there is.
        if File::create(&changed).is_ok() {
            let _ = fs::remove_file(&changed);
        }
        self.scan(false)
    }

    /// Removes the folder of a run of which nothing has come, and of which nobody knows. What is not a part of it stays, and the folder with it.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use mpexec_runs::{Cut, Plan, Program, RunError, RunFolder};
    /// # let folder = tempfile::tempdir()?;
    /// # let plan = Plan {
    /// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
    /// #     task: "square".into(), signature: String::new(), inputs: Vec::new(), command: None,
    /// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
    /// # };
    /// let run = RunFolder::open(&folder.path().join("run"), &plan, false)?;
    /// run.discard();
    /// assert!(!folder.path().join("run").exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn discard(&self) {
        // What cannot be removed can be removed by whoever finds it.
        let removed = |name: &str| fs::remove_file(self.path().join(name)).is_ok();
        let _ = empty(self.path()).is_ok() && removed(JOINED) && removed(LOCK);
        let _ = fs::remove_dir(self.path());
    }

    /// Copies a program into the folder, so that whoever sees the folder can start it. One that is there and the same stays.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use mpexec_runs::{Cut, Plan, Program, RunError, RunFolder};
    /// # let folder = tempfile::tempdir()?;
    /// # let plan = Plan {
    /// #     program: Program { name: "mine".into(), version: "1".into(), hash: "1".into() },
    /// #     task: "square".into(), signature: String::new(), inputs: Vec::new(), command: None,
    /// #     options: BTreeMap::new(), cut: Cut { as_for_workers: 8, range_weight: 1 << 25, range_tasks: 4096 },
    /// # };
    /// let run = RunFolder::open(&folder.path().join("run"), &plan, false)?;
    /// let copy = run.keep_program("/proc/self/exe".as_ref(), "mine")?;
    /// assert!(copy.starts_with(run.path()) && copy.metadata()?.len() > 0);
    /// run.write_engine("job 17")?;
    /// assert_eq!(run.engine(), Some("job 17".to_owned()));
    /// drop(run);
    /// RunFolder::clean(&folder.path().join("run"), true)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be read or written.
    pub fn keep_program(&self, program: &Path, name: &str) -> Result<PathBuf, RunError> {
        let copy = self.path().join(PROGRAMS).join(name);
        let folder = copy.parent().unwrap_or(self.path());
        fs::create_dir_all(folder).map_err(RunError::io(folder, "make the folder"))?;
        if copy.is_file() && hash_of_file(&copy)? == hash_of_file(program)? {
            return Ok(copy);
        }
        let new = temporary(folder, "program");
        let all = fs::Permissions::from_mode(0o755);
        // A program of which only a part has come to the disk would run, and do nothing.
        let copied = fs::copy(program, &new).and_then(|_| fs::File::open(&new)?.sync_all());
        let copied = copied.map_err(RunError::io(&new, "copy the program"));
        let named = copied.and_then(|()| {
            let named = fs::set_permissions(&new, all).and_then(|()| fs::rename(&new, &copy));
            named.map_err(RunError::io(&copy, "write it"))
        });
        named.inspect_err(|_| drop(fs::remove_file(&new)))?;
        Ok(copy)
    }

    /// Keeps what is known of those who compute, for whoever resumes the run.
    ///
    /// # Errors
    /// [`RunError::Io`] if it cannot be written.
    pub fn write_engine(&self, text: &str) -> Result<(), RunError> {
        write_whole(self.path(), ENGINE, text.as_bytes())
    }

    /// What [`write_engine`](RunFolder::write_engine) has kept.
    pub fn engine(&self) -> Option<String> {
        RunFolder::engine_of(self.path())
    }

    /// Where those who compute write what they have to say.
    pub fn logs(&self) -> PathBuf {
        self.path().join(LOG)
    }
}
