//! The ways in which a worker can end, and arguments and results that make it end while they are read or written.

use mpexec_core::Exit;
use rustix::process::{Signal, getpid, kill_process};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Way {
    Killed,
    Terminated,
    Aborts,
    Exits(i32),
    Faults,
    Overflows,
}

pub(crate) const WAYS: [Way; 7] =
    [Way::Killed, Way::Terminated, Way::Aborts, Way::Exits(0), Way::Exits(42), Way::Faults, Way::Overflows];

impl Way {
    /// What the coordinator is to say of it.
    pub(crate) fn exit(self) -> Exit {
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
    pub(crate) fn die(self) -> ! {
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
    pub(crate) fn die_as_unit(self) {
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

/// When the worker dies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Moment {
    Decoding,
    Running,
    Encoding,
}

pub(crate) const MOMENTS: [Moment; 3] = [Moment::Decoding, Moment::Running, Moment::Encoding];

/// A value that kills whoever reads or writes it in a worker, if it is told to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fatal(pub(crate) Option<(Way, Moment)>);

impl Fatal {
    fn strike(self, now: Moment) {
        if let Fatal(Some((way, moment))) = self
            && moment == now
            && mpexec_core::in_worker()
        {
            way.die();
        }
    }

    /// What the task does with it.
    pub(crate) fn run(self) -> Fatal {
        self.strike(Moment::Running);
        self
    }
}

impl Serialize for Fatal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Megabytes come before the end, so that it comes while the result is on its way out of the ring's own space.
        let ahead = if mpexec_core::in_worker() && self.0.is_some() { "x".repeat(2 << 20) } else { String::new() };
        (ahead, Last(*self)).serialize(serializer)
    }
}

struct Last(Fatal);

impl Serialize for Last {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.strike(Moment::Encoding);
        self.0.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fatal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fatal, D::Error> {
        let (_, inner) = <(String, Option<(Way, Moment)>)>::deserialize(deserializer)?;
        let fatal = Fatal(inner);
        fatal.strike(Moment::Decoding);
        Ok(fatal)
    }
}
