//! How a run is set, and where the programs and files of a run are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Smaller inputs.
    pub(crate) quick: bool,
    /// No references.
    pub(crate) alone: bool,
    /// Readings per side.
    pub(crate) rounds: u32,
    /// A Python, if it is there.
    pub(crate) python: PathBuf,
    /// For large files; made when needed.
    pub(crate) folder: PathBuf,
}

impl Setting {
    /// Starts a peer, unless we are measured alone.
    ///
    /// # Errors
    /// Why there is none: what `start` says, or that none is wanted.
    pub(crate) fn peer<T>(&self, start: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        if self.alone { Err("--alone".to_owned()) } else { start() }
    }

    /// `full`, or `quick` in a quick run.
    pub(crate) fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The tutorial's table with so many rows, made by `mpexec gen` if it is not there yet.
    pub(crate) fn table(&self, rows: u64) -> Result<PathBuf> {
        fs::create_dir_all(&self.folder).with_context(|| format!("making {}", self.folder.display()))?;
        let path = self.folder.join(format!("{rows}x5.npy"));
        if !path.exists() {
            eprintln!("  making {} ({} MB)", path.display(), rows * 40 / 1_000_000);
            let rows = rows.to_string();
            let mut generate = Command::new(mpexec()?);
            generate.args(["--quiet", "gen"]).arg(&path).args(["--rows", &rows, "--cols", "5", "--seed", "100"]);
            let status = generate.stdout(Stdio::null()).status().context("starting mpexec gen")?;
            ensure!(status.success(), "mpexec gen failed ({status})");
        }
        Ok(path)
    }
}

/// A path relative to the folder of this program.
pub(crate) fn beside_this_program(path: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("asking for this program's path")?;
    Ok(program.parent().unwrap_or_else(|| Path::new(".")).join(path))
}

/// The command line program, built beside this one.
pub(crate) fn mpexec() -> Result<PathBuf> {
    let path = beside_this_program("mpexec")?;
    ensure!(path.exists(), "{} is not there: `cargo xtask bench` builds it", path.display());
    Ok(path)
}
