//! Python's `multiprocessing` and NumPy, in one interpreter that stays, so that its start is in no figure.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const PROGRAM: &str = include_str!("python.py");

/// Pools that are a part of Python: the name in `python.py`, and ours in the table.
pub(crate) const PARTS: [(&str, &str); 2] = [("pool", "Python Pool"), ("futures", "Python ProcessPoolExecutor")];

/// A Python that takes commands.
pub(crate) struct Python {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Python {
    /// Starts it. `Err`: why there is none, for the row's note.
    pub(crate) fn start(program: &Path) -> Result<Python, String> {
        let told = |error: &dyn std::fmt::Display| format!("{} cannot be started ({error})", program.display());
        let spawned = Command::new(program)
            .args(["-u", "-c", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| told(&error));
        let mut child = spawned?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(told(&"it has no pipes"));
        };
        Ok(Python { child, to: Some(to), from: BufReader::new(from) })
    }

    /// Starts it if it has NumPy.
    pub(crate) fn with_numpy(program: &Path) -> Result<Python, String> {
        Python::with(program, "numpy")
    }

    /// Starts it if it has this peer; `pool` and `futures` are parts of Python.
    pub(crate) fn with(program: &Path, peer: &str) -> Result<Python, String> {
        let module = match peer {
            "pool" => "multiprocessing",
            "futures" => "concurrent.futures",
            "loky" => "joblib",
            other => other,
        };
        let asked = Command::new(program).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
        match asked {
            Ok(status) if status.success() => Python::start(program),
            Ok(_) => Err(format!("{} has no {module}", program.display())),
            Err(error) => Err(format!("{} cannot be started ({error})", program.display())),
        }
    }

    /// How long a command took there, in seconds, if its answers add up to this.
    pub(crate) fn timed(&mut self, command: &str, argument: impl std::fmt::Display, sum: u64) -> Result<Duration> {
        let answer = self.ask(command, argument)?;
        ensure!(answer.get(1) == Some(&(sum as f64)), "Python's answers add up");
        Ok(Duration::from_secs_f64(*answer.first().context("Python tells how long it took")?))
    }

    /// The numbers that it answers.
    pub(crate) fn ask(&mut self, command: &str, argument: impl std::fmt::Display) -> Result<Vec<f64>> {
        writeln!(self.to.as_mut().context("it is open until the drop")?, "{command} {argument}")?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        ensure!(!line.is_empty(), "Python ended at {command} {argument}");
        line.split_whitespace().map(|number| number.parse().context("a number from Python")).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // The end of its input ends it, and it ends the workers of its own pool: killed, it would leave them behind.
        drop(self.to.take());
        let _ = self.child.wait();
    }
}
