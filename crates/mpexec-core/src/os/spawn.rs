//! The one thread that starts all children of this process, and reaps those that nobody else waits for.
//!
//! The parent-death signal follows the *thread* that started the child, not the process. So every worker is started from
//! one thread that lives as long as the process. What must happen in the child before it runs its program is in [`birth`], the rest at
//! the top of its `init()`.
//!
//! A forked child of this process has the memory of this thread and not the thread; it starts one of its own.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::child::ChildProcess;
use super::closing;
use super::events::Bell;
use super::status_signal;

#[cfg(not(tsan))]
mod birth;
#[cfg(tsan)]
#[path = "spawn/plain_birth.rs"]
mod birth;

use birth::Cradle;

/// A child that is to be started, the first of a process group of its own.
#[derive(Debug)]
pub(crate) struct Birth {
    /// Nobody looks for it: it is a path.
    pub program: PathBuf,
    /// The first is what it is called.
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
    pub directory: Option<PathBuf>,
    /// Standard input, output and error; `None` is this process's own.
    pub streams: [Option<OwnedFd>; 3],
}

enum Request {
    Start { birth: Birth, cradle: Arc<Cradle>, answer: Weak<Answer> },
    Bury(ChildProcess),
}

/// The thread of one process, and behind it that of a forked child of this process.
struct Spawner {
    process: u32,
    requests: Sender<Request>,
    forked: Next,
}

type Next = OnceLock<Box<Spawner>>;

static FIRST: Next = Next::new();

/// What came of a request, until it is fetched.
#[derive(Debug)]
struct Answer {
    told: Mutex<Option<io::Result<ChildProcess>>>,
    bell: Arc<Bell>,
}

impl Answer {
    fn take(&self) -> Option<io::Result<ChildProcess>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(Ok(child)) = self.take() {
            bury(child);
        }
    }
}

/// A child that is being started. Nobody has to wait for it: the system may take its time, be it that a file lies on a
/// server that does not answer. Dropped, the child is killed, or is as soon as it is there.
#[derive(Debug)]
pub(crate) struct Spawning {
    answer: Arc<Answer>,
    cradle: Arc<Cradle>,
}

impl Spawning {
    /// The child, or why there is none, once; `None` as long as it is being started. The bell rings when it is here.
    pub(crate) fn take(&self) -> Option<io::Result<ChildProcess>> {
        self.answer.take()
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        self.cradle.kill();
    }
}

fn gone() -> io::Error {
    io::Error::other("the thread that starts processes is gone (after a fork?)")
}

/// Has a child started by the spawning thread, which rings `bell` when that is done; what else the child needs can be
/// made meanwhile.
///
/// # Errors
/// That the thread itself could not be started.
pub(crate) fn spawn(birth: Birth, bell: Arc<Bell>) -> io::Result<Spawning> {
    let answer = Arc::new(Answer { told: Mutex::default(), bell });
    let cradle = Arc::new(Cradle::default());
    let request = Request::Start { birth, cradle: Arc::clone(&cradle), answer: Arc::downgrade(&answer) };
    requests()?.send(request).map_err(|_| gone())?;
    Ok(Spawning { answer, cradle })
}

/// Kills a child with its group, and has it reaped when it is over: nobody waits for that here, since a process may be long
/// in dying, as in the midst of input and output.
pub(crate) fn bury(child: ChildProcess) {
    child.kill_group();
    leave(child);
}

/// Has a child that was killed, or is over, reaped as soon as that can be done.
pub(crate) fn leave(mut child: ChildProcess) {
    if !child.is_reaped()
        && let (Ok(requests), Ok(child)) = (requests(), child.unwatched())
    {
        // Without that thread it is reaped when this process ends.
        let _ = requests.send(Request::Bury(child));
    }
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
    let serve = move || serve(&requests);
    std::thread::Builder::new().name("mpexec-spawn".into()).stack_size(256 << 10).spawn(serve)?;
    Ok(sender)
}

/// The first look at who is dying comes after so long, each further one after twice the time, up to
const LOOK: Duration = Duration::from_millis(1);
/// this long.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The thread's life.
fn serve(requests: &Receiver<Request>) {
    status_signal::hold_back();
    let mut dying: Vec<ChildProcess> = Vec::new();
    let mut look = LOOK;
    loop {
        let request = match dying.is_empty() {
            true => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => requests.recv_timeout(look),
        };
        match request {
            Ok(Request::Start { birth, cradle, answer }) => start_child(birth, &cradle, &answer),
            Ok(Request::Bury(child)) => {
                dying.push(child);
                look = LOOK;
            }
            Err(RecvTimeoutError::Timeout) => look = (look * 2).min(LAST_LOOK),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        dying.retain_mut(|child| !child.is_reaped());
    }
}

fn start_child(birth: Birth, cradle: &Cradle, answer: &Weak<Answer>) {
    if answer.strong_count() == 0 {
        // Nobody wants it any more.
        return;
    }
    // Our copy of the child's ends of socket and pipe is gone with that, before the answer: the child's death shows as their end.
    let start = || birth.start(cradle).inspect(|child| closing::has_started(child.pid()));
    let child = closing::while_nothing_goes(start);
    match (answer.upgrade(), child) {
        (Some(answer), child) => {
            *answer.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
            answer.bell.ring();
        }
        (None, Ok(child)) => bury(child),
        (None, Err(_)) => {}
    }
}

#[cfg(test)]
mod tests;
