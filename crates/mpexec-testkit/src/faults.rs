//! Workers that fail on command: every kind of failure, at every moment.
//!
//! A worker of a test is armed in one of two ways. Before and in its handshake it runs nothing of the user's: there the
//! environment tells it ([`early`]). From then on a task brings the [`Fault`] along. Either way the worker says its last
//! words on standard error and then strikes; where somebody else is to end it, it tells its process id and stands still.

pub mod early;
pub mod tasks;

use std::fmt;
use std::fs;

use mpexec_wire::FrameKind;
use serde::{Deserialize, Serialize};

use crate::scratch::forever;
use crate::ways::Way;
use crate::{end_this_thread, ring, socket};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A panic, in a worker program that was built with `panic = "abort"`.
    PanicAbort,
    /// `exit(0)`
    ExitZero,
    /// `exit(42)`
    Exit42,
    /// `abort()`
    Abort,
    /// SIGSEGV
    Segv,
    /// The stack overflows.
    StackOverflow,
    /// SIGKILL from outside.
    Killed,
    /// SIGTERM from outside.
    Terminated,
    /// It stands still.
    Hang,
    /// The thread ends that serves, by the system call, and the process lives on.
    EndsThread,
    /// SIGSTOP from outside.
    Stopped,
    /// It sends what is no frame.
    Garbage,
    /// It sends the first half of a frame, and nothing more.
    HalfMessage,
    /// It announces a frame of 4 GiB.
    HugeLength,
    /// It closes its socket, and lives on.
    ClosedSocket,
    /// It writes over all its results.
    Scribble,
}

/// When it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    /// The worker program has begun and was not heard.
    BeforeHandshake,
    /// The worker has read its welcome, and half of its answer is out.
    InHandshake,
    /// It has shaken hands, and has no task.
    Idle,
    /// It reads the task's argument.
    Decoding,
    /// It runs the task's function.
    Running,
    /// It writes the task's result, of which two megabytes are written.
    Encoding,
    /// The result is whole, and not yet told; over the socket, half a frame is out.
    Publishing,
    /// It was told to leave, has said that it does, and runs what is run at a process's exit.
    AtExit,
}

impl Kind {
    /// All kinds, in the order of the table.
    pub const ALL: [Kind; 16] = [
        Kind::PanicAbort,
        Kind::ExitZero,
        Kind::Exit42,
        Kind::Abort,
        Kind::Segv,
        Kind::StackOverflow,
        Kind::Killed,
        Kind::Terminated,
        Kind::Hang,
        Kind::EndsThread,
        Kind::Stopped,
        Kind::Garbage,
        Kind::HalfMessage,
        Kind::HugeLength,
        Kind::ClosedSocket,
        Kind::Scribble,
    ];

    /// The signal that somebody else sends, where it takes one.
    pub fn from_outside(self) -> Option<rustix::process::Signal> {
        match self {
            Kind::Killed => Some(rustix::process::Signal::KILL),
            Kind::Terminated => Some(rustix::process::Signal::TERM),
            Kind::Stopped => Some(rustix::process::Signal::STOP),
            _ => None,
        }
    }
}

impl Moment {
    /// All moments, in the order of a worker's life.
    pub const ALL: [Moment; 8] = [
        Moment::BeforeHandshake,
        Moment::InHandshake,
        Moment::Idle,
        Moment::Decoding,
        Moment::Running,
        Moment::Encoding,
        Moment::Publishing,
        Moment::AtExit,
    ];
}

/// A failure to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// When.
    pub moment: Moment,
    /// Where the worker writes its process id down just before it strikes.
    pub told: String,
    /// Where it does so once more when it has struck and lives: what was to be sent is sent, what was to be closed is closed.
    pub struck: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} {:?}", self.kind, self.moment)
    }
}

impl Fault {
    /// What the worker prints before it strikes.
    pub fn last_words(&self) -> String {
        format!("the last words before {self}")
    }

    /// In a worker: does it. Where that does not end it, the calling thread stands still from then on.
    pub(crate) fn strike(&self) -> ! {
        self.tell();
        let speaks = matches!(self.kind, Kind::Garbage | Kind::HalfMessage | Kind::HugeLength);
        if self.moment == Moment::Publishing && self.is_over_socket() && !speaks {
            // The message with the result: a frame of a group, cut short.
            socket::send_half_a_message(FrameKind::Group);
        }
        let done = match self.kind {
            Kind::PanicAbort => panic!("and it panicked"),
            Kind::ExitZero => Way::Exits(0).die(),
            Kind::Exit42 => Way::Exits(42).die(),
            Kind::Abort => Way::Aborts.die(),
            Kind::Segv => Way::Faults.die(),
            Kind::StackOverflow => Way::Overflows.die(),
            // Somebody else sees to it.
            Kind::Killed | Kind::Terminated | Kind::Stopped | Kind::Hang => false,
            Kind::EndsThread => {
                // Before it shakes hands a worker may have no other thread, and would end with this one.
                std::thread::spawn(forever);
                self.has_struck();
                end_this_thread();
                false
            }
            Kind::Garbage => socket::send_garbage(),
            Kind::HalfMessage => socket::send_half_a_message(FrameKind::Group),
            Kind::HugeLength => socket::send_a_huge_length(),
            Kind::ClosedSocket => socket::close(),
            Kind::Scribble => ring::scribble(0xff) > 0,
        };
        if done {
            self.has_struck();
        }
        loop {
            forever();
        }
    }

    /// Says that it is done, by whom.
    pub(crate) fn has_struck(&self) {
        write_whole(&self.struck, &std::process::id().to_string());
    }

    /// Says the last words, and who it is.
    fn tell(&self) {
        eprintln!("{}", self.last_words());
        write_whole(&self.told, &std::process::id().to_string());
    }

    /// Results go through shared memory where there is some.
    fn is_over_socket(&self) -> bool {
        ring::mappings("mpexec-results").is_empty()
    }
}

/// Read by others as soon as it is there, so it comes whole or not at all.
fn write_whole(path: &str, text: &str) {
    let draft = format!("{path}.draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}
