//! The table of deaths as a document.

use std::fmt::Write;

use mpexec_core::{Exit, Transport};

use super::{Cell, GRACE, HANDSHAKE_LIMIT, Outcome, RESPONSE_LIMIT, TIME_LIMIT, Why, cell};
use crate::faults::{Kind, Moment};

const HEAD: &str = "\
# The table of deaths

What comes of a worker that fails: every kind of failure at every moment, over both links. `tests/crash_table` makes a worker fail in
each of these ways and asserts what stands here, to the exit code or signal, the process id, the worker's last words on standard error and the
reason for which the pool killed it. In every cell also this holds:

- tasks that were finished keep their results, those that had not begun run elsewhere, each task runs once, and no task fails but the
  one named. Who writes over its ring in a task spoils what it has finished there and nobody has taken: it is not known any more which
  of these tasks it was in, so the first of them fails and the others run again (or fail, if they may run at most once);
- another worker takes the place, and the next call is served;
- afterwards there are as many processes, threads, descriptors, mappings and files as before.

This file is written by the test: `MPEXEC_RENEW_CRASH_TABLE=1 cargo test -p mpexec-testkit --test crash_table document`. An ordinary run
compares it with what is tested.

| outcome | what it means |
|---|---|
| *crashed*: ... | The task that the worker had fails as `TaskError::Crashed`, with how the worker ended. |
| *timed out* | The task that the worker had fails as `TaskError::TimedOut`: what stands still needs a time limit. |
| *replaced*: ... | Another worker comes by itself, at the latest within twice the response limit. No task fails. |
| *replaced at the next call*: ... | It is noticed by the next call, which another worker serves. No task fails. |
| *not started*: ... | As the first worker of a pool: `build` says so, as `PoolError::WorkerProgram`. As a replacement: replaced again, and no task fails. |
| *left* | As any worker that leaves. Nobody is told. |
| - | There is no such failure; the reason stands below the table. |

Where a text stands behind an outcome, the pool killed the worker (SIGKILL) and gives it as the reason.
";

fn kind_text(kind: Kind) -> &'static str {
    match kind {
        Kind::PanicAbort => "panic, built with `panic = \"abort\"`",
        Kind::ExitZero => "`exit(0)`",
        Kind::Exit42 => "`exit(42)`",
        Kind::Abort => "`abort()`",
        Kind::Segv => "SIGSEGV",
        Kind::StackOverflow => "stack overflow",
        Kind::Killed => "SIGKILL from outside",
        Kind::Terminated => "SIGTERM from outside",
        Kind::Hang => "stands still",
        Kind::EndsThread => "ends its thread, lives on",
        Kind::Stopped => "SIGSTOP from outside",
        Kind::Garbage => "sends garbage",
        Kind::HalfMessage => "sends half a message",
        Kind::HugeLength => "announces 4 GiB",
        Kind::ClosedSocket => "closes its socket, lives on",
        Kind::Scribble => "writes over its ring",
    }
}

fn moment_text(moment: Moment) -> String {
    let (title, text) = match moment {
        Moment::BeforeHandshake => (
            "Before the handshake",
            "The worker program has begun and has not said anything. It must shake hands in time \
             (`PoolBuilder::handshake_limit`).",
        ),
        Moment::InHandshake => (
            "In the handshake",
            "The worker has read its welcome, and half of its answer is out; a wrong answer comes in place of a right one.",
        ),
        Moment::Idle => (
            "Idle",
            "The worker has no task; a thread of the user's strikes, or somebody outside. A worker must begin what it is sent, and \
             end a message that it has begun, in time (`PoolBuilder::response_limit`). A call that comes before the failure is noticed \
             and whose task the worker has not begun is served by another; a task that it has begun fails as one that runs.",
        ),
        Moment::Decoding => ("Decoding", "The worker reads the task's argument."),
        Moment::Running => ("Running", "The worker runs the task's function."),
        Moment::Encoding => ("Encoding", "The worker writes the task's result, of which two megabytes are written."),
        Moment::Publishing => {
            ("Publishing the result", "The result is whole and not told yet; over the socket, half of a frame is out.")
        }
        Moment::AtExit => (
            "At exit",
            "The worker was told to leave, has said its farewell, and runs what is run at the exit of a process. It must be gone in \
             time (`PoolBuilder::response_limit`).",
        ),
    };
    format!("## {title}\n\n{text}\n")
}

fn ended(exit: Exit, why: Why) -> String {
    let exit = match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(6) => "SIGABRT".to_owned(),
        Exit::Signal(9) => "SIGKILL".to_owned(),
        Exit::Signal(11) => "SIGSEGV".to_owned(),
        Exit::Signal(15) => "SIGTERM".to_owned(),
        other => other.to_string(),
    };
    if why.is_empty() { exit } else { format!("{exit}, \"{why}\"") }
}

fn outcome_text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Crashed(exit, why) => format!("*crashed*: {}", ended(exit, why)),
        Outcome::TimedOut => "*timed out*".to_owned(),
        Outcome::Replaced(exit, why) => format!("*replaced*: {}", ended(exit, why)),
        Outcome::ReplacedAtNextCall(exit, why) => format!("*replaced at the next call*: {}", ended(exit, why)),
        Outcome::NotStarted(exit, why) => format!("*not started*: {}", ended(exit, why)),
        Outcome::Left => "*left*".to_owned(),
    }
}

/// The document, as it must stand in `CRASH_TABLE.md`.
pub fn document() -> String {
    let mut out = HEAD.to_owned();
    writeln!(
        out,
        "\nThe pools of the test have a time limit of {TIME_LIMIT:?} for tasks that are to stand still, a handshake limit of \
         {HANDSHAKE_LIMIT:?} and a response limit of {RESPONSE_LIMIT:?}. No call takes more than the limit that holds for it (twice the \
         response limit), and {GRACE:?} for a machine that is busy."
    )
    .unwrap();
    for moment in Moment::ALL {
        writeln!(out, "\n{}", moment_text(moment)).unwrap();
        out += "| failure | shared memory | socket |\n|---|---|---|\n";
        let mut reasons = Vec::new();
        for kind in Kind::ALL {
            let cells = [Transport::Shm, Transport::Socket].map(|link| match cell(kind, moment, link) {
                Cell::Comes(outcome) => outcome_text(outcome),
                Cell::Impossible(why) => {
                    let reason = format!("{}: {why}.", kind_text(kind));
                    if !reasons.contains(&reason) {
                        reasons.push(reason);
                    }
                    "-".to_owned()
                }
            });
            writeln!(out, "| {} | {} | {} |", kind_text(kind), cells[0], cells[1]).unwrap();
        }
        for reason in reasons {
            writeln!(out, "\n- {reason}").unwrap();
        }
    }
    out
}
