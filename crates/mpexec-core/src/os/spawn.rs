//! The one thread that starts all children of this process.
//!
//! The parent-death signal follows the *thread* that started the child, not the process. So every worker is started from
//! one thread that lives as long as the process. Nothing is done between fork and exec (`pre_exec` would force a real
//! fork: 98 ms a child from a 2 GiB parent instead of 1): what must happen in the child happens at the top of its `init()`.
//!
//! A forked child of this process has the memory of this thread and not the thread; it starts one of its own.

use std::io;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::child::ChildProcess;

struct Request {
    command: Command,
    answer: Sender<io::Result<ChildProcess>>,
}

/// The thread of one process, and behind it that of a forked child of this process.
struct Spawner {
    process: u32,
    requests: Sender<Request>,
    forked: Next,
}

type Next = OnceLock<Box<Spawner>>;

static FIRST: Next = Next::new();

/// A child that is being started.
#[derive(Debug)]
pub(crate) struct Spawning(Receiver<io::Result<ChildProcess>>);

impl Spawning {
    /// Waits until it has been.
    ///
    /// # Errors
    /// What `Command::spawn` says.
    pub(crate) fn wait(self) -> io::Result<ChildProcess> {
        self.0.recv().map_err(|_| gone())?
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes is gone (after a fork?)")
}

/// Has `command` started by the spawning thread; what else the child needs can be made meanwhile.
///
/// # Errors
/// That the thread itself could not be started.
pub(crate) fn spawn(command: Command) -> io::Result<Spawning> {
    let (answer, reply) = channel();
    requests()?.send(Request { command, answer }).map_err(|_| gone())?;
    Ok(Spawning(reply))
}

/// Where this process's own thread takes requests.
fn requests() -> io::Result<&'static Sender<Request>> {
    let process = std::process::id();
    let mut next = &FIRST;
    loop {
        let spawner = match next.get() {
            Some(spawner) => spawner,
            None => {
                let fresh = Spawner { process, requests: start()?, forked: Next::new() };
                next.get_or_init(|| Box::new(fresh))
            }
        };
        if spawner.process == process {
            return Ok(&spawner.requests);
        }
        next = &spawner.forked;
    }
}

/// Two first callers may both start one; the loser's ends with its channel, having started nothing.
fn start() -> io::Result<Sender<Request>> {
    let (sender, requests) = channel::<Request>();
    std::thread::Builder::new().name("mpexec-spawn".into()).stack_size(256 << 10).spawn(move || {
        for Request { mut command, answer } in requests {
            let child = command.spawn().and_then(|mut child| {
                ChildProcess::adopt(child.id()).inspect_err(|_| {
                    // What cannot be held is not kept: no descriptor was left for it, or the kernel knows none of this kind.
                    let _ = child.kill();
                    let _ = child.wait();
                })
            });
            // Our copy of the child's ends of socket and pipe must be gone before the answer: the child's death shows as
            // their end.
            drop(command);
            let _ = answer.send(child);
        }
    })?;
    Ok(sender)
}

#[cfg(test)]
mod tests;
