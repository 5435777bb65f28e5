//! Tasks that bring a failure along. They have names, so that a worker program that was built otherwise knows them too.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::Write;

use mpexec_core::{current_task, in_worker, task};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Fault, Moment};
use crate::pass;

/// A value that makes whoever reads, has, writes or drops it in a task fail, if it holds a fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Charge(pub Option<Fault>);

impl Charge {
    fn strike(&self, now: Moment) {
        if let Charge(Some(fault)) = self
            && fault.moment == now
            && in_worker()
            && current_task().is_some()
        {
            fault.strike();
        }
    }
}

impl<'de> Deserialize<'de> for Charge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Charge, D::Error> {
        let (_, fault) = <(String, Option<Fault>)>::deserialize(deserializer)?;
        let charge = Charge(fault);
        charge.strike(Moment::Decoding);
        Ok(charge)
    }
}

impl Serialize for Charge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Megabytes come before the end, so that it comes while the result is on its way out of the ring's own space.
        let encoding = self.0.as_ref().is_some_and(|fault| fault.moment == Moment::Encoding);
        let ahead = if in_worker() && encoding { "x".repeat(2 << 20) } else { String::new() };
        (ahead, Last(self)).serialize(serializer)
    }
}

struct Last<'a>(&'a Charge);

impl Serialize for Last<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.strike(Moment::Encoding);
        self.0.0.serialize(serializer)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        // A result is dropped when it is written, and before that is told.
        self.strike(Moment::Publishing);
    }
}

/// Notes that it runs, and brings its argument back; fails where it is charged.
#[task(name = "testkit.charged", json = false)]
pub fn charged(n: u8, charge: Charge, notes: String) -> (u8, Charge) {
    let mut notes = OpenOptions::new().create(true).append(true).open(notes).unwrap();
    notes.write_all(&[n]).unwrap();
    charge.strike(Moment::Running);
    (n, charge)
}

/// Leaves a thread behind that fails when the gate is opened; the worker's process id.
#[task(name = "testkit.fails_when_idle", json = false)]
pub fn fails_when_idle(fault: Fault, gate: String) -> u32 {
    std::thread::spawn(move || {
        pass(&gate);
        fault.strike();
    });
    std::process::id()
}

/// Fails when the process leaves and the gate is open.
struct Trap(Fault, String);

impl Drop for Trap {
    fn drop(&mut self) {
        pass(&self.1);
        self.0.strike();
    }
}

thread_local! {
    /// What a thread has is dropped when it ends, that of the main thread at the process's exit.
    static TRAP: RefCell<Option<Trap>> = const { RefCell::new(None) };
}

/// The worker fails when it leaves, and the gate is open; its process id.
#[task(name = "testkit.fails_at_exit", json = false)]
pub fn fails_at_exit(fault: Fault, gate: String) -> u32 {
    TRAP.set(Some(Trap(fault, gate)));
    std::process::id()
}

/// The worker's process id.
#[task(name = "testkit.pid", json = false)]
pub fn pid() -> u32 {
    std::process::id()
}
