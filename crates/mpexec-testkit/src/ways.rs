//! The ways in which a process can end itself.

use mpexec_core::Exit;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Serialize};

/// A way to end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Way {
    /// SIGKILL to itself.
    Killed,
    /// SIGTERM to itself.
    Terminated,
    /// As C's `abort`.
    Aborts,
    /// Leaves with this code.
    Exits(i32),
    /// SIGSEGV to itself.
    Faults,
    /// Its stack overflows.
    Overflows,
}

/// One of each.
pub const WAYS: [Way; 7] =
    [Way::Killed, Way::Terminated, Way::Aborts, Way::Exits(0), Way::Exits(42), Way::Faults, Way::Overflows];

impl Way {
    /// What the coordinator is to say of it.
    pub fn exit(self) -> Exit {
        match self {
            Way::Killed => Exit::Signal(9),
            Way::Terminated => Exit::Signal(15),
            Way::Aborts => Exit::Signal(6),
            Way::Exits(code) => Exit::Code(code),
            // Rust's own handler would turn the overflow of a stack into an abort, but the workers of a test program begin
            // before it is in place.
            Way::Faults | Way::Overflows => Exit::Signal(11),
        }
    }

    /// Ends this process.
    pub fn die(self) -> ! {
        match self {
            Way::Killed => signal_self(Signal::KILL),
            Way::Terminated => signal_self(Signal::TERM),
            Way::Faults => signal_self(Signal::SEGV),
            Way::Aborts => std::process::abort(),
            Way::Exits(code) => std::process::exit(code),
            Way::Overflows => {
                deeper(0);
                unreachable!("the stack has an end")
            }
        }
    }
}

impl Way {
    /// For a closure whose result must have a type that travels.
    pub fn die_as_unit(self) {
        self.die()
    }
}

fn signal_self(signal: Signal) -> ! {
    loop {
        kill_process(getpid(), signal).unwrap();
    }
}

#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    deeper(depth + 1) + room[7]
}
