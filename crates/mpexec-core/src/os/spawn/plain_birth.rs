//! The start of one child where ThreadSanitizer looks on: it takes a child that shares this memory for a fork, and comes to harm. So the
//! standard library starts it, and it does not die with this thread before its program has asked for that.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::Birth;
use crate::os::child::ChildProcess;

/// Nothing can be done about a child before it is there.
#[derive(Debug, Default)]
pub(super) struct Cradle;

impl Cradle {
    pub(super) fn kill(&self) {}
}

impl Birth {
    /// Starts it.
    ///
    /// # Errors
    /// Why there is no child, or why it could not run its program.
    pub(super) fn start(self, _: &Cradle) -> io::Result<ChildProcess> {
        let mut command = Command::new(self.program);
        let mut arguments = self.arguments.into_iter();
        command.arg0(arguments.next().unwrap_or_default()).args(arguments);
        command.env_clear().envs(self.environment).process_group(0);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        let [stdin, stdout, stderr] = self.streams.map(|stream| stream.map_or_else(Stdio::inherit, Stdio::from));
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn()?;
        let pid = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::NotFound)?;
        Ok(ChildProcess::held_by(pid, pidfd_open(pid, PidfdFlags::empty())?))
    }
}
