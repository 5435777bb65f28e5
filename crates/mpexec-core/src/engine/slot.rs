//! One worker's place in the pool: its process, its link, what it last said.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mpexec_ring::{ResultReceiver, TaskSender};
use rustix::net::{Shutdown, shutdown};
pub(crate) use rustix::process::Signal;

use super::forwarding::Stream;
use super::printed::Sheets;
use super::scheduler::JobId;
use crate::carry::Mailbox;
use crate::error::{Exit, TaskError};
use crate::link::control::{Reader, Socket, Writer, fd};
use crate::link::{Link, Progress};
use crate::os::blackbox::BlackBox;
use crate::os::cgroup::WorkerGroup;
use crate::os::child::ChildProcess;
use crate::os::events::Bell;
use crate::os::family;

/// How much of a worker's standard error is kept for the report of its death.
const TAIL: usize = 4 << 10;

/// So long after its kill a worker is given up that has not ended: the system cannot end it now, because it waits for a device or a server that
/// does not answer (state D), or is in a frozen cgroup: then it executes nothing of its program any more. Or this process may not kill it, because
/// one of both has become another user's, and it has no guard that would ([`Slot::kill`]): then it goes on, unheard. Its calls have their outcome
/// and its place is free; whenever its end comes, it is reaped.
pub(crate) const DYING: Duration = Duration::from_secs(3);

/// Where a place is in its life.
#[derive(Debug, Default)]
pub(crate) enum Phase {
    /// Nobody there.
    #[default]
    Empty,
    /// Started, and has not shaken hands.
    Starting(Box<Starting>),
    /// Serves.
    Ready,
    /// Was told to leave, or to die; its exit is awaited.
    Leaving(Instant),
}

/// What is kept between the start and the handshake.
#[derive(Debug)]
pub(crate) struct Starting {
    pub since: Instant,
    pub socket: Socket,
    pub reader: Reader,
    pub writer: Writer,
    /// `None` on the socket link.
    pub rings: Option<(TaskSender, ResultReceiver, Bell)>,
}

/// What a task has had more of than it may.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Overrun {
    Time(Duration),
    Cpu(Duration),
    /// `had`: what its worker was found to have; `None`: it was refused more by the system.
    Memory {
        limit: u64,
        had: Option<u64>,
    },
}

impl Overrun {
    /// What the task ends as.
    pub(super) fn error(self, pid: u32) -> TaskError {
        match self {
            Overrun::Time(limit) => TaskError::TimedOut { pid, limit },
            Overrun::Cpu(limit) => TaskError::CpuTimeExceeded { pid, limit },
            Overrun::Memory { limit, had } => TaskError::OutOfMemory { pid, limit, had },
        }
    }
}

/// A task that is to be ended with its worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiring {
    pub task: u64,
    /// When what lies behind it was asked for.
    pub asked: Instant,
    pub why: Overrun,
}

/// When a task with limits was seen first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub task: u64,
    pub since: Instant,
    /// The processor time that its process had used by then, if that matters.
    pub cpu: Option<Duration>,
}

/// What a worker owes, by a number that changes when it gives it; and for how long it was seen to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// It was sent this task and has not begun it.
    pub begin: Option<u64>,
    /// It was asked for tasks back and has given so many answers.
    pub answer: Option<u64>,
    /// It has begun a message.
    pub rest: bool,
    /// Its process is there, and the thread that runs its tasks has ended.
    pub thread: bool,
    pub since: Duration,
}

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Slot {
    pub phase: Phase,
    pub child: Option<ChildProcess>,
    pub link: Option<Box<dyn Link>>,
    pub pid: u32,
    /// It is killed for the task that it runs.
    pub sentenced: bool,
    /// Hooks that it has run.
    pub hooks: u8,
    /// Its end hook was asked for.
    pub farewell_asked: bool,
    /// It was told to leave: its end is no death.
    pub dismissed: bool,
    /// The limited task that it was seen in.
    pub clock: Option<Clock>,
    /// A task of it has had more than it may.
    pub expiring: Option<Expiring>,
    /// It was killed for this task, which had more than it may.
    pub overran: Option<(u64, Overrun)>,
    /// How many workers of the pool had died when this one was started.
    pub born: u64,
    pub stderr: Option<Tail>,
    pub stdout: Option<Tail>,
    /// What it leaves in writing when a fault ends it.
    pub black_box: Option<BlackBox>,
    /// In place of these, where output is captured.
    pub sheets: Option<Sheets>,
    /// When it was killed first.
    pub killed: Option<Instant>,
    /// Nothing more is read from it, and it is being killed:
    pub mute: bool,
    /// it broke the protocol, and how.
    pub fault: Option<String>,
    /// It was killed because it did not respond, and what it owed.
    pub silent: Option<String>,
    /// When that was found it was stopped.
    pub stood_still: bool,
    /// What it owes, as of the last look.
    pub owed: Owed,
    /// The thread that runs its tasks was seen to have ended.
    pub headless: bool,
    /// How often it has answered what was asked back from it.
    pub answers: u64,
    /// Batch and offset of the next result, while a group goes on.
    pub cursor: (u64, u32),
    /// The job whose results came last, for its measurements.
    pub last_job: Option<JobId>,
    /// What it was in at the last look, and since when.
    pub seen_running: (Option<u64>, Option<Instant>),
    /// The lowest ordinal of what was taken back and is not passed yet.
    pub withdrawn_lo: u64,
    /// What it may skip: it was asked for it, and may have begun it just then.
    pub skippable: Range<u64>,
    /// How far it has told to have come ([`Progress::halves`]); it cannot go back.
    pub told: u64,
    /// The socket is watched for room to write.
    pub watched_for_room: bool,
    /// Shared buffers and lent memory that it has,
    pub buffers: HashSet<u64>,
    /// and where their end is told.
    pub mailbox: Option<Arc<Mailbox>>,
    /// The supervisor does not listen to it now, on the socket link.
    pub unheard: bool,
    /// It has nothing, has begun a message and not ended it, and gets nothing before it has.
    pub half_message: bool,
    /// Its control socket is watched for room to write, on a link that has it beside the data.
    pub post_watched: bool,
    /// All that it has started is in there.
    pub group: Option<WorkerGroup>,
    /// A thread in this process, on the in-process link.
    pub thread: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Slot").field("pid", &self.pid).field("phase", &self.phase).finish_non_exhaustive()
    }
}

/// Process id and name of each child that this process has now.
pub(crate) fn children() -> Vec<(u32, String)> {
    family::children()
}

impl Slot {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.phase, Phase::Empty)
    }

    /// The read end of one of its streams.
    pub(crate) fn output(&mut self, stream: Stream) -> &mut Option<Tail> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Kills the process and its group, or has its guard do that.
    pub(crate) fn kill(&mut self) {
        if let Some(child) = &self.child {
            if !child.kill_group() {
                self.hang_up();
            }
            self.killed.get_or_insert_with(Instant::now);
            self.phase = Phase::Leaving(Instant::now());
        }
        if self.thread.is_some() && !matches!(self.phase, Phase::Leaving(_)) {
            // A thread cannot be killed; it leaves when it has done what it holds.
            let _ = self.link.as_mut().map(|link| link.shut_down());
            self.phase = Phase::Leaving(Instant::now());
        }
    }

    /// Ends what this side says on its control socket: its guard, which may kill it, takes that for our death. Where it has none any more,
    /// as when a task has put another program in its place, it goes on.
    fn hang_up(&self) {
        let socket = match (&self.phase, &self.link) {
            (Phase::Starting(starting), _) => Some(fd(&starting.socket)),
            (_, Some(link)) => Some(link.control().unwrap_or_else(|| link.bell())),
            _ => None,
        };
        // It may have hung up itself.
        let _ = socket.map(|socket| shutdown(socket, Shutdown::Write));
    }

    /// Kills it for the task that it runs.
    pub(crate) fn sentence(&mut self) {
        self.sentenced = true;
        self.kill();
    }

    /// How long ago it was seen in this task for the first time, if it was the last that it was seen in.
    pub(super) fn seen_for(&self, ordinal: u64) -> Option<Duration> {
        match self.seen_running {
            (Some(seen), Some(since)) if seen == ordinal => Some(since.elapsed()),
            _ => None,
        }
    }

    /// Where its worker says that it is.
    pub(crate) fn progress(&self) -> Progress {
        self.link.as_ref().map(|link| link.progress()).unwrap_or_default()
    }

    /// The processor time that the process has used.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        self.child.as_ref()?.cpu_time()
    }

    /// A signal to the process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            // It may be over.
            let _ = child.signal(signal);
        }
    }

    /// When the pool goes on without waiting for its end any longer, should it be killed.
    pub(super) fn given_up_at(&self) -> Option<Instant> {
        self.killed.map(|killed| killed + DYING)
    }

    /// The process's end, if it has come.
    pub(crate) fn try_wait(&mut self) -> Option<Exit> {
        match (&mut self.child, &self.thread) {
            (Some(child), _) => child.try_wait(),
            (None, Some(thread)) if thread.is_finished() => Some(Exit::Code(0)),
            _ => None,
        }
    }
}

/// The read end of what a worker prints, and the last of what came out of it.
#[derive(Debug)]
pub(crate) struct Tail {
    pub pipe: File,
    kept: Vec<u8>,
}

impl Tail {
    pub(crate) fn new(pipe: File) -> Tail {
        Tail { pipe, kept: Vec::new() }
    }

    /// Reads what is there; hands each piece to `forward`. `false`: the end.
    pub(crate) fn read(&mut self, mut forward: impl FnMut(&[u8])) -> bool {
        let mut buffer = [0; 16 << 10];
        // A worker that prints without end must not hold the supervisor: the pipe is looked at again soon.
        for _ in 0..64 {
            match self.pipe.read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    let piece = &buffer[..count];
                    forward(piece);
                    self.kept.extend_from_slice(piece);
                    let surplus = self.kept.len().saturating_sub(TAIL);
                    self.kept.drain(..surplus);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// The last lines.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).trim_end().to_owned()
    }
}
