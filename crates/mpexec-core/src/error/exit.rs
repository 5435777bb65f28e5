//! How a worker's process ended, and a crash in words.

use std::fmt;
use std::time::Duration;

use super::CrashBacktrace;

/// How a worker process left: by itself with a code, or by a signal.
///
/// ```
/// assert_eq!(mpexec_core::Exit::Signal(9).to_string(), "was killed by signal 9 (SIGKILL)");
/// assert_eq!(mpexec_core::Exit::Code(42).to_string(), "exited with code 42");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// The process called `exit` (or returned from `main`) with this code.
    Code(i32),
    /// The process was ended by this signal.
    Signal(i32),
    /// Somebody else has the exit status (a host program that reaps all children, or ignores SIGCHLD; a debugger or another process that traces
    /// the worker and has not taken note of its end), and the kernel has not kept it for us (Linux before 6.15).
    Unknown,
}

impl Exit {
    /// Whether the process ended by itself with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(out, "exited with code {code}"),
            Exit::Signal(number) => write!(out, "was killed by {}", told_signal(*number)),
            Exit::Unknown => out.write_str("is gone (its exit status is with somebody else: a part of the program that waits for children, or a debugger)"),
        }
    }
}

/// `signal 9 (SIGKILL)`.
pub(crate) fn told_signal(number: i32) -> String {
    match signal_name(number) {
        Some(name) => format!("signal {number} ({name})"),
        None => format!("signal {number}"),
    }
}

/// The numbers are those of Linux on all the machines this crate serves first; elsewhere the number alone is shown.
fn signal_name(number: i32) -> Option<&'static str> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU: more processor time than ulimit -t allows",
        25 => "SIGXFSZ: a file was to be longer than ulimit -f allows",
        31 => "SIGSYS",
        _ => return None,
    })
}

/// The text of [`TaskError::Crashed`](super::TaskError::Crashed).
pub(super) fn crashed(
    pid: &u32,
    exit: &Exit,
    stderr: &str,
    function: &str,
    ran_for: &Option<Duration>,
    backtrace: &Option<CrashBacktrace>,
    out: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(out, "worker process {pid} {exit} while it ran the task")?;
    match (function, ran_for) {
        ("", None) => {}
        ("", Some(time)) => write!(out, " (for {time:.1?})")?,
        (function, None) => write!(out, " ({function})")?,
        (function, Some(time)) => write!(out, " ({function}, for {time:.1?})")?,
    }
    out.write_str(&last_words(stderr))?;
    match backtrace {
        Some(backtrace) if out.alternate() => write!(out, "\nwhere it was: {backtrace}"),
        _ => Ok(()),
    }
}

/// What is told of the last lines of standard error.
pub(super) fn last_words(stderr: &str) -> String {
    match stderr.trim_end() {
        "" => String::new(),
        text => format!("; the last it wrote to stderr:\n{text}"),
    }
}
