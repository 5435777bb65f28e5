//! Whether what a task ended as is the truth: the right answer, or an error that something explains.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mpexec_core::{Exit, PoolError, TaskError};

use crate::order::{Answer, Deed, Order};
use crate::round::{Charge, Fate, Round};
use crate::tally::Part;

const KILL: i32 = 9;
const TERM: i32 = 15;

impl Round {
    /// Takes note of a task's outcome. `stopped`: somebody asked for it not to be run, or for its end.
    pub(crate) fn judge(&self, order: &Order, extra: u64, outcome: &Result<Answer, TaskError>, stopped: bool) {
        match outcome {
            Ok(answer) => {
                self.count(Part::Outcomes, "the right answer");
                self.settle(order, Fate::Answered);
                let may = order.deed.is_honest() || matches!(order.deed, Deed::Scribbles(_));
                if !may {
                    self.fault(format!("task {} was to be one that {}, and answered", order.id, order.deed.word()));
                } else if *answer != order.answer(extra) {
                    self.fault(format!("task {} has a wrong answer", order.id));
                }
            }
            Err(error) => {
                self.count(Part::Outcomes, word(order, error));
                let fate = self.explain(order, error, stopped);
                self.settle(order, fate.unwrap_or(Fate::Failed));
                if fate.is_none() {
                    self.fault(format!("nothing explains how task {} ({:?}) ended: {error:?}", order.id, order.deed));
                }
            }
        }
    }

    /// Takes note of a task that was cancelled before it had begun.
    pub(crate) fn never_begun(&self, order: &Order) {
        self.count(Part::Outcomes, "cancelled");
        self.settle(order, Fate::NeverBegun);
    }

    /// Whether `error` may be the end of a task, without saying that it is the end of this one.
    pub(crate) fn explain(&self, order: &Order, error: &TaskError, stopped: bool) -> Option<Fate> {
        let (deed, settings) = (order.deed, &self.settings);
        match error {
            TaskError::Panicked { message, .. } => {
                (deed == Deed::Panics && *message == format!("task {} panics", order.id)).then_some(Fate::Died)
            }
            TaskError::Returned(_) => (deed == Deed::Fails).then_some(Fate::Died),
            TaskError::ResultUnencodable { .. } => (deed == Deed::Unencodable).then_some(Fate::Died),
            TaskError::Crashed { pid, exit, .. } => self.explain_death(order, *pid, *exit),
            // However slow the machine is: what ends for having run so long has been with the pool for so long.
            TaskError::TimedOut { limit, .. } => {
                let long = self.since_issued(order) >= *limit;
                (settings.limit == Some(*limit) && long).then_some(Fate::Failed)
            }
            TaskError::Cancelled { .. } => (stopped || self.is_over()).then_some(Fate::Failed),
            TaskError::PoolClosed { .. } => self.is_over().then_some(Fate::Failed),
            TaskError::Pool(PoolError::CrashLoop { deaths, .. }) => {
                let dealt = self.deaths.load(Ordering::Relaxed);
                (*deaths >= 5 && (u64::from(*deaths) <= dealt || settings.lies)).then_some(Fate::Failed)
            }
            TaskError::ResultUndecodable { .. } => settings.lies.then_some(Fate::Failed),
            _ => None,
        }
    }

    fn explain_death(&self, order: &Order, pid: u32, exit: Exit) -> Option<Fate> {
        if self.settings.lies {
            return Some(Fate::Failed);
        }
        let own = match order.deed {
            Deed::Aborts => exit == Exit::Signal(6),
            Deed::Exits(code) => exit == Exit::Code(code),
            Deed::Faults => exit == Exit::Signal(11),
            // Where Rust's own handler is in place it makes an abort of it.
            Deed::Overflows => exit == Exit::Signal(11) || exit == Exit::Signal(6),
            Deed::Killed => exit == Exit::Signal(9),
            _ => false,
        };
        let charge = Charge { task: order.id, pid, own };
        self.charged.lock().unwrap_or_else(PoisonError::into_inner).push(charge);
        match exit {
            _ if own => Some(Fate::Died),
            Exit::Signal(signal @ (KILL | TERM)) if self.was_struck(pid, &[signal]) => Some(Fate::Failed),
            _ => None,
        }
    }

    fn was_struck(&self, pid: u32, with: &[i32]) -> bool {
        let struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        struck.get(&pid).is_some_and(|signals| signals.iter().any(|signal| with.contains(signal)))
    }
}

/// The word for the table.
fn word(order: &Order, error: &TaskError) -> &'static str {
    match error {
        TaskError::TimedOut { .. } if order.deed.is_honest() => "timed out, and was only slow",
        TaskError::Panicked { .. } => "panicked",
        TaskError::Returned(_) => "returned an error",
        TaskError::ResultUnencodable { .. } => "result unencodable",
        TaskError::ResultUndecodable { .. } => "result undecodable",
        TaskError::Crashed { .. } => "crashed",
        TaskError::TimedOut { .. } => "timed out",
        TaskError::Cancelled { .. } => "cancelled",
        TaskError::PoolClosed { .. } => "pool closed",
        TaskError::Pool(_) => "crash loop",
        _ => "another error",
    }
}
