//! The table of deaths as a document.

use std::fmt::Write;

use mpexec_core::{Exit, Transport};

use super::{Cell, GRACE, HANDSHAKE_LIMIT, Outcome, RESPONSE_LIMIT, STOP_LIMIT, TIME_LIMIT, Why, cell};
use crate::faults::{Kind, Moment};

const HEAD: &str = "\
# The table of deaths

What comes of a worker that fails: every kind of failure at every moment, over both links. `tests/crash_table` tries each cell in a process
of its own, which is the coordinator, and asserts exactly what stands here. What is asserted of every cell:

- the failure came about, at that moment: the worker says so just before, and where it lives on and that cannot be told from standing still, once more
  afterwards; one that is to be stopped is seen to be stopped;
- the process id, and how the process ended: the exit code or signal. A pool that records tells the same of this worker (that it served, and that it
  died so or left), and its notes tell of this death, to the letter, and of nothing else;
- the worker's last words on standard error: they come out of the coordinator once; and where an error brings the last lines along (*crashed*, *not started* without
  a text), these are its last words, the reason of a kill below them, and nothing else (and for a panic what that prints);
- it takes no longer than stands below;
- tasks that were finished keep their results, those that had not begun run elsewhere, each task runs once, and no task fails but the
  one named. Who writes over its ring in a task spoils what it has finished there and nobody has taken: it is not known any more which
  of these tasks it was in, so the first of them fails and the others run again (or fail, if they may run at most once). In these cells it has
  that task alone, so it is known;
- another worker takes the place, and the next call is served. Before and in the handshake both is tried: the first worker of a pool, and one that is to replace
  another; at exit a worker that leaves while its pool goes on, and one that leaves with it;
- the coordinator has afterwards as many children, threads and descriptors as before the cell, the same mappings by name (memory files and files; not heap and stacks,
  which have none), and the same files in its working folder, its folder for temporary files, its runtime folder, and under `/dev/shm`; and when it has ended, no process
  that it or its workers have started is alive, and these folders are empty.

This file is written by the test, of the data that it asserts: `MPEXEC_RENEW_CRASH_TABLE=1 cargo test -p mpexec-testkit --test crash_table document`. An ordinary run
(`cargo test -p mpexec-testkit --test crash_table`) tries all cells and compares this file with that data, so it holds for the sources beside it.

| outcome | what it means |
|---|---|
| *crashed*: ... | The task that the worker had fails as `TaskError::Crashed`, with how the worker ended. |
| *timed out* | The task that the worker had fails as `TaskError::TimedOut`: what stands still needs a time limit. |
| *replaced*: ... | Another worker comes by itself, at the latest within twice the response limit. No task fails. |
| *replaced at the next call*: ... | It is noticed by the next call, which another worker serves. No task fails. |
| *not started*: ... | As the first worker of a pool: `build` says so, as `PoolError::WorkerProgram`. As a replacement: replaced again, and no task fails. |
| *left*: ... | It counts as any worker that leaves, and nobody is told. How its process ended is asked from the kernel (Linux 6.15; before that the test says `skipped`). |
| - | There is no such failure; the reason stands below the table. |

Where a text stands behind an outcome, the pool killed the worker (SIGKILL) and gives it as the reason, in these words.
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
            "The worker was told to leave, has said its farewell, and runs what is run at the exit of a process (where Rust's own `exit` aborts). It must be gone in \
             time (`PoolBuilder::response_limit`), and is killed otherwise, whatever it says.",
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
        Outcome::Left(exit) => format!("*left*: {}", ended(exit, "")),
    }
}

/// The document, as it must stand in `CRASH_TABLE.md`.
pub fn document() -> String {
    let mut out = HEAD.to_owned();
    writeln!(
        out,
        "\nThe pools of the test have a time limit of {TIME_LIMIT:?} for tasks that are to stand still ({STOP_LIMIT:?} for \
         those whose worker is stopped from outside), a handshake limit of {HANDSHAKE_LIMIT:?} and a response limit of {RESPONSE_LIMIT:?}. No call takes more than the limit that holds for it (twice the \
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
