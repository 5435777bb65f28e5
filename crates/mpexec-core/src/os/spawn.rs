//! The one thread that starts all children of this process.
//!
//! The parent-death signal follows the *thread* that started the child, not the process. So every worker is started from
//! one thread that lives as long as the process. Nothing is done between fork and exec (`pre_exec` would force a real
//! fork: 98 ms a child from a 2 GiB parent instead of 1): what must happen in the child happens at the top of its `init()`.

use std::io;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::child::ChildProcess;

struct Request {
    command: Command,
    answer: Sender<io::Result<ChildProcess>>,
}

static SPAWNER: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();

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
    let spawner = match SPAWNER.get() {
        Some(spawner) => spawner,
        None => {
            let fresh = start()?;
            SPAWNER.get_or_init(|| Mutex::new(fresh))
        }
    };
    spawner.lock().unwrap_or_else(PoisonError::into_inner).send(Request { command, answer }).map_err(|_| gone())?;
    Ok(Spawning(reply))
}

/// Two first callers may both start one; the loser's ends with its channel, having started nothing.
fn start() -> io::Result<Sender<Request>> {
    let (sender, requests) = channel::<Request>();
    std::thread::Builder::new().name("mpexec-spawn".into()).stack_size(256 << 10).spawn(move || {
        for Request { mut command, answer } in requests {
            let child = command.spawn().and_then(|child| ChildProcess::adopt(child.id()));
            // Our copy of the child's ends of socket and pipe must be gone before the answer: the child's death shows as
            // their end.
            drop(command);
            let _ = answer.send(child);
        }
    })?;
    Ok(sender)
}
