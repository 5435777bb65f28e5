//! Raw children without a link: one that answers a byte and waits, one that keeps a processor busy.

use std::hint;
use std::io::Read;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};

pub(crate) const ROLE: &str = "byte";
pub(crate) const BUSY: &str = "busy";

/// Children that are killed when this is dropped.
#[derive(Default)]
pub(crate) struct Children(Vec<Child>);

impl Children {
    /// Starts `count` children; each has answered its byte.
    pub(crate) fn ready(count: usize) -> Result<Children> {
        let mut children = Children::default();
        for _ in 0..count {
            let spawned = super::child(ROLE)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
            children.0.push(spawned);
        }
        for child in &mut children.0 {
            let mut byte = [0];
            child.stdout.as_mut().context("its stdout is a pipe")?.read_exact(&mut byte)?;
            ensure!(byte == *b"!", "a child answered another byte");
        }
        Ok(children)
    }

    /// Starts `count` children that keep a processor busy each.
    pub(crate) fn busy(count: usize) -> Result<Children> {
        let mut children = Children::default();
        for _ in 0..count {
            children.0.push(super::child(BUSY)?.stdin(Stdio::piped()).spawn()?);
        }
        Ok(children)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Answers a byte, then waits for its end.
pub(crate) fn serve() -> Result<()> {
    rustix::io::write(rustix::stdio::stdout(), b"!")?;
    let _ = rustix::io::read(rustix::stdio::stdin(), &mut [0; 1])?;
    Ok(())
}

/// Works without end, but not without its parent: whose death ends its standard input.
pub(crate) fn be_busy() -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let mut number = 0u64;
    loop {
        number = hint::black_box(number.wrapping_mul(31).wrapping_add(1));
    }
}
