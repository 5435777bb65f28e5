//! Whether what a task ended as is the truth: the right answer, or an error that something explains.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mpexec_core::{Exit, PoolError, TaskError};

use crate::order::{Answer, Deed, Order};
use crate::round::{Fate, Round};
use crate::tally::Part;

const KILL: i32 = 9;
const TERM: i32 = 15;
const STOP: i32 = 19;

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
                self.count(Part::Outcomes, word(error));
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
            TaskError::Crashed { pid, exit, .. } => self.explain_death(deed, *pid, *exit),
            TaskError::TimedOut { pid, .. } => {
                let stood = deed == Deed::Hangs || deed.is_lie() || settings.lies || self.was_struck(*pid, &[STOP]);
                (settings.limit.is_some() && stood).then_some(Fate::Failed)
            }
            TaskError::Cancelled { .. } => (stopped || self.is_over()).then_some(Fate::Failed),
            TaskError::PoolClosed { .. } => self.is_over().then_some(Fate::Failed),
            TaskError::Pool(PoolError::CrashLoop { .. }) => {
                (self.deaths.load(Ordering::Relaxed) >= 5).then_some(Fate::Failed)
            }
            TaskError::ResultUndecodable { .. } => settings.lies.then_some(Fate::Failed),
            _ => None,
        }
    }

    fn explain_death(&self, deed: Deed, pid: u32, exit: Exit) -> Option<Fate> {
        if self.settings.lies {
            return Some(Fate::Failed);
        }
        let mut charged = self.charged.lock().unwrap_or_else(PoisonError::into_inner);
        let times = charged.entry(pid).or_default();
        *times += 1;
        if *times > 1 {
            self.fault(format!("{times} tasks were charged with the one death of process {pid}"));
        }
        let own = match deed {
            Deed::Aborts => exit == Exit::Signal(6),
            Deed::Exits(code) => exit == Exit::Code(code),
            Deed::Faults => exit == Exit::Signal(11),
            // Where Rust's own handler is in place it makes an abort of it.
            Deed::Overflows => exit == Exit::Signal(11) || exit == Exit::Signal(6),
            Deed::Killed => exit == Exit::Signal(9),
            _ => false,
        };
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
fn word(error: &TaskError) -> &'static str {
    match error {
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
