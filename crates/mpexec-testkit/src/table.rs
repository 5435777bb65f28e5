//! The table of deaths: what each kind of failure at each moment comes to, over each link.
//!
//! It is data: the test (`tests/crash_table`) makes a worker fail in each way that can be, and holds what comes of it against
//! this; the document (`CRASH_TABLE.md`) is written from it.

mod document;

use std::time::Duration;

use mpexec_core::{Exit, Transport};

pub use document::document;

use crate::faults::{Kind, Moment};

/// How long a task may run that is to stand still.
pub const TIME_LIMIT: Duration = Duration::from_millis(400);
/// How long one may whose worker is stopped from outside: so long that it is stopped by then, on a busy machine too, and not so long that the worker
/// would owe a response.
pub const STOP_LIMIT: Duration = Duration::from_secs(1);
/// How long a worker may take to shake hands.
pub const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// How long a worker may take to begin what it is sent, and to leave.
pub const RESPONSE_LIMIT: Duration = Duration::from_secs(2);
/// Beyond the limit that holds, if one does, no call takes longer, on a busy machine either.
pub const GRACE: Duration = Duration::from_secs(15);

/// What comes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The task that the worker had fails, as `TaskError::Crashed`; its last lines say why it was killed, if it was.
    Crashed(Exit, Why),
    /// The task that the worker had fails, as `TaskError::TimedOut`.
    TimedOut,
    /// Another worker comes in its place, within twice the response limit. No task fails.
    Replaced(Exit, Why),
    /// It is noticed with the next call: that is served by another worker.
    ReplacedAtNextCall(Exit, Why),
    /// A pool is not built, for the worker program is to blame; a worker that was to replace another is replaced itself.
    NotStarted(Exit, Why),
    /// It counts as any worker that leaves, however its process ends: nobody is told, and another comes in its place.
    Left(Exit),
}

/// Why the pool has killed a worker, in its words; nothing where the worker ended otherwise.
pub type Why = &'static str;

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// What must come.
    Comes(Outcome),
    /// There is no such failure, and why.
    Impossible(&'static str),
}

const NO_PROTOCOL: Why = "the other side broke the protocol: a frame begins with 0x4547 instead of 0x4d58: the other side does not speak this protocol";
const CORRUPT: Why = "the other side broke the protocol: the shared ring is corrupt: the published position is not aligned (found 0xffffffffffffffff); end this worker, its ring cannot be trusted";
const TOO_LONG: Why = "the other side broke the protocol: a frame of kind Control says that 4294967295 bytes follow, more than the 16777216 allowed: send it as a parcel";
const NO_HANDSHAKE: Why = "it did not shake hands within 5s: is it an mpexec worker program?";
const NO_END: Why = "it did not end a message that it had begun within 2s";
const NO_THREAD: Why = "the thread that ran its tasks has ended, and the process has not";
const NO_BEGIN: Why = "it did not begin what it was sent within 2s";

const KILLED: Exit = Exit::Signal(9);

/// How a worker ends by itself, or by a signal that ends it, at this moment.
fn own_end(kind: Kind) -> Option<Exit> {
    Some(match kind {
        Kind::ExitZero => Exit::Code(0),
        Kind::Exit42 => Exit::Code(42),
        Kind::PanicAbort | Kind::Abort => Exit::Signal(6),
        // Rust's own handler would turn the overflow of a stack into an abort, but the workers of a test program begin
        // before it is in place.
        Kind::Segv | Kind::StackOverflow => Exit::Signal(11),
        Kind::Killed => KILLED,
        Kind::Terminated => Exit::Signal(15),
        _ => return None,
    })
}

/// How long the task of such a cell may run.
pub fn time_limit(kind: Kind) -> Duration {
    if kind == Kind::Stopped { STOP_LIMIT } else { TIME_LIMIT }
}

/// Whether a worker that fails so says afterwards that it has ([`Fault::struck`](crate::faults::Fault)): that is how a test knows that the failure
/// came about where what comes of it does not tell it from a worker that stands still. `None`: it may be killed before it can say so, and
/// the reason for that tells what it did.
pub fn says_that_it_struck(kind: Kind, link: Transport, outcome: Outcome) -> Option<bool> {
    match kind {
        Kind::EndsThread | Kind::HalfMessage => Some(true),
        Kind::ClosedSocket => match outcome {
            Outcome::NotStarted(..) => Some(true),
            // Over the socket that is where its results would come, and it is killed at once.
            Outcome::Left(_) if link == Transport::Shm => Some(true),
            _ => None,
        },
        Kind::Garbage | Kind::HugeLength | Kind::Scribble => None,
        _ => Some(false),
    }
}

/// What must come of a failure.
pub fn cell(kind: Kind, moment: Moment, link: Transport) -> Cell {
    let shm = link == Transport::Shm;
    if kind == Kind::Scribble && !shm {
        return Cell::Impossible("there is no ring over the socket");
    }
    match moment {
        Moment::BeforeHandshake | Moment::InHandshake => before_it_serves(kind, moment),
        Moment::Idle => idle(kind),
        Moment::Decoding | Moment::Running | Moment::Encoding | Moment::Publishing => Cell::Comes(in_a_task(kind)),
        Moment::AtExit => at_exit(kind),
    }
}

fn before_it_serves(kind: Kind, moment: Moment) -> Cell {
    let outcome = match kind {
        // Who was killed may have been a good worker; who leaves by itself was none.
        Kind::ExitZero | Kind::Exit42 => Outcome::NotStarted(own_end(kind).unwrap(), ""),
        Kind::Hang | Kind::EndsThread | Kind::Stopped | Kind::HalfMessage | Kind::ClosedSocket => {
            Outcome::NotStarted(KILLED, NO_HANDSHAKE)
        }
        Kind::Garbage => Outcome::NotStarted(KILLED, NO_PROTOCOL),
        Kind::HugeLength => Outcome::NotStarted(KILLED, TOO_LONG),
        Kind::Scribble if moment == Moment::BeforeHandshake => {
            return Cell::Impossible("a worker has no ring before its welcome has come");
        }
        Kind::Scribble => Outcome::NotStarted(KILLED, "it has written results before it had a task"),
        _ => Outcome::Replaced(own_end(kind).unwrap(), ""),
    };
    Cell::Comes(outcome)
}

fn idle(kind: Kind) -> Cell {
    let outcome = match kind {
        Kind::Hang => {
            return Cell::Impossible(
                "an idle worker runs nothing that could stand still but its own waiting; a thread of the user's that does is nobody's loss",
            );
        }
        Kind::EndsThread => {
            return Cell::Impossible(
                "the thread that serves waits for tasks and runs nothing that could end it; that a thread of the user's ends is nobody's loss",
            );
        }
        Kind::Stopped => Outcome::ReplacedAtNextCall(KILLED, NO_BEGIN),
        Kind::Garbage => Outcome::Replaced(KILLED, NO_PROTOCOL),
        Kind::HugeLength => Outcome::Replaced(KILLED, TOO_LONG),
        Kind::HalfMessage => Outcome::Replaced(KILLED, NO_END),
        Kind::ClosedSocket => Outcome::Replaced(KILLED, ""),
        Kind::Scribble => Outcome::Replaced(KILLED, CORRUPT),
        _ => Outcome::Replaced(own_end(kind).unwrap(), ""),
    };
    Cell::Comes(outcome)
}

fn in_a_task(kind: Kind) -> Outcome {
    match kind {
        Kind::Hang | Kind::Stopped | Kind::HalfMessage => Outcome::TimedOut,
        Kind::EndsThread => Outcome::Crashed(KILLED, NO_THREAD),
        Kind::Garbage => Outcome::Crashed(KILLED, NO_PROTOCOL),
        Kind::HugeLength => Outcome::Crashed(KILLED, TOO_LONG),
        Kind::ClosedSocket => Outcome::Crashed(KILLED, ""),
        Kind::Scribble => Outcome::Crashed(KILLED, CORRUPT),
        _ => Outcome::Crashed(own_end(kind).unwrap(), ""),
    }
}

fn at_exit(kind: Kind) -> Cell {
    let exit = match kind {
        // Rust's own `exit` aborts where it is called within itself.
        Kind::ExitZero | Kind::Exit42 => Exit::Signal(6),
        Kind::Scribble => return Cell::Impossible("a worker that has said its farewell has let go of its ring"),
        // What lives on is killed, at the latest when its time is up.
        _ => own_end(kind).unwrap_or(KILLED),
    };
    Cell::Comes(Outcome::Left(exit))
}
