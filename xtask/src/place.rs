//! Where things are: the project's root, and the folders into which Cargo and this program write.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::transcript::Transcript;

/// The folders that every command needs.
pub(crate) struct Place {
    /// The root of the project.
    pub(crate) root: PathBuf,
    /// Cargo's folder of build products: `target`, or what `CARGO_TARGET_DIR` says.
    pub(crate) target: PathBuf,
    /// Where all that is printed goes, if it is kept; else to our own streams.
    pub(crate) transcript: Option<Transcript>,
    /// Whether Cargo is to keep nothing for a faster build after the next change.
    pub(crate) once: bool,
    /// Whether what is run here stands back behind all else.
    pub(crate) aside: bool,
}

impl Place {
    /// Finds the folders. The root is known since this program was built, so it may be run from anywhere.
    pub(crate) fn find() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().expect("the folder of this crate stands in the project's root").to_owned();
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
        Self { root, target, transcript: None, once: false, aside: false }
    }

    /// Where this program installs what a step needs and Rust does not bring. `cargo clean` removes it.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// Whether nobody works here: nothing of the library was built that a change could be added to. Then what Cargo keeps for
    /// that is a quarter of all that it writes, and nobody's gain.
    pub(crate) fn is_fresh(&self) -> bool {
        let Ok(kept) = self.target.join("debug/incremental").read_dir() else { return true };
        !kept.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("mpexec_core-"))
    }

    /// Bytes that may still be written into the target folder, as `df` tells them; nothing where it does not.
    pub(crate) fn room(&self) -> Option<u64> {
        let told = Command::new("df").arg("-Pk").arg(&self.target).output().ok()?;
        let text = String::from_utf8(told.stdout).ok()?;
        let kib: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
        kib.checked_mul(1024)
    }

    /// Prints a line.
    pub(crate) fn say(&self, line: &str) {
        match &self.transcript {
            Some(transcript) => transcript.say(line),
            None => println!("{line}"),
        }
    }

    /// A command in the project's root. It prints where we do.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = if self.aside { Command::new("nice") } else { Command::new(program.as_ref()) };
        if self.aside {
            command.args(["-n", "19"]).arg(program.as_ref());
        }
        command.current_dir(&self.root);
        if let Some(transcript) = &self.transcript
            && let (Ok(stdout), Ok(stderr)) = (transcript.pipe(), transcript.pipe())
        {
            command.stdout(stdout).stderr(stderr);
        }
        command
    }

    /// The Cargo that runs this program, or else the one on the path.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from));
        command.args(arguments);
        if self.once && env::var_os("CARGO_INCREMENTAL").is_none() {
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }
}
