//! Two pipes and a child that sends back what it gets: the oldest way to call another process.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result};

pub(crate) const ROLE: &str = "pipes";

/// Bytes of one message, each way.
pub(crate) const MESSAGE: usize = 64;

/// The near end.
pub(crate) struct Pipes {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Pipes {
    /// The far end's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn start() -> Result<Pipes> {
        let mut child = super::child(ROLE)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let to = child.stdin.take().context("the child's stdin is a pipe")?;
        let from = child.stdout.take().context("the child's stdout is a pipe")?;
        Ok(Pipes { child, to, from })
    }

    /// There and back.
    pub(crate) fn call(&mut self, number: u64) -> Result<()> {
        let mut message = [0; MESSAGE];
        message[..8].copy_from_slice(&number.to_ne_bytes());
        self.to.write_all(&message)?;
        let mut answer = [0; MESSAGE];
        self.from.read_exact(&mut answer)?;
        anyhow::ensure!(answer == message, "the echo of {number} is another");
        Ok(())
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The far end. System calls by themselves: the standard streams would buffer.
pub(crate) fn serve() -> Result<()> {
    let (input, output) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let mut message = [0; MESSAGE];
    loop {
        let got = rustix::io::read(input, &mut message)?;
        if got == 0 {
            return Ok(());
        }
        let sent = rustix::io::write(output, &message[..got])?;
        anyhow::ensure!(sent == got, "a pipe took a part of {got} bytes");
    }
}
