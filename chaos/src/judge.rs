//! Whether what a task ended as is the truth: the right answer, or an error that something explains.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mpexec_core::{Captured, Exit, PoolError, TaskError};

use crate::order::{Answer, Deed, Order, Speech};
use crate::round::{Charge, Fate, Round};
use crate::settings::KEPT;
use crate::tally::Part;

const KILL: i32 = 9;
const TERM: i32 = 15;
/// What the pool adds to the last words of a worker that it killed because it did not respond.
const SILENT: &str = "it was killed because it did not ";

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

    /// As [`Round::judge`], and what the task printed.
    pub(crate) fn judge_captured(&self, order: &Order, captured: &Captured<Answer>) {
        self.judge(order, 0, &captured.outcome, false);
        if let Err(what) = heard(order, self.task(order).fate, captured)
            && !self.settings.lies
        {
            self.fault(format!("task {} ({:?}) ended as {:?}: {what}", order.id, order.deed, captured.outcome));
        }
    }

    /// Takes note of a task that was cancelled before it had begun.
    pub(crate) fn never_begun(&self, order: &Order) {
        self.count(Part::Outcomes, "cancelled");
        self.settle(order, Fate::NeverBegun);
    }

    /// Whether `error` may be the end of a task, without saying that it is the end of this one.
    pub(crate) fn explain(&self, order: &Order, error: &TaskError, stopped: bool) -> Option<Fate> {
        let (deed, settings, task) = (order.deed, &self.settings, self.task(order));
        match error {
            TaskError::Panicked { message, .. } => {
                (deed == Deed::Panics && *message == format!("task {} panics", order.id)).then_some(Fate::Died)
            }
            TaskError::Returned(_) => (deed == Deed::Fails).then_some(Fate::Died),
            TaskError::ResultUnencodable { .. } => (deed == Deed::Unencodable).then_some(Fate::Died),
            TaskError::Crashed { .. } if !task.once => self.explain_death(order, error),
            TaskError::OutcomeUnknown { death } if task.once => self.explain_death(order, death),
            // However slow the machine is: what ends for having run so long has been with the pool for so long,
            TaskError::TimedOut { limit, .. } => {
                let long = task.issued.elapsed() >= *limit;
                (settings.limit == Some(*limit) && long).then_some(Fate::Failed)
            }
            // and no process computes for longer than all processors together could.
            TaskError::CpuTimeExceeded { limit, .. } => {
                let long = task.issued.elapsed() * processors() >= *limit;
                (settings.cpu_limit == Some(*limit) && long).then_some(Fate::Failed)
            }
            TaskError::OutOfMemory { limit, had, .. } => {
                let much = deed == Deed::Swells && had.is_none_or(|had| had > *limit);
                (settings.memory_limit == Some(*limit) && much).then_some(Fate::Died)
            }
            TaskError::Cancelled { .. } => (stopped || self.is_over()).then_some(Fate::Failed),
            TaskError::PoolClosed { .. } => self.is_over().then_some(Fate::Failed),
            TaskError::Pool(PoolError::CrashLoop { deaths, .. }) => {
                let dealt = self.deaths.load(Ordering::Relaxed);
                let others = settings.lies || settings.response_limit.is_some();
                (*deaths >= 5 && (u64::from(*deaths) <= dealt || others)).then_some(Fate::Failed)
            }
            TaskError::Pool(PoolError::StartHook { pid, .. }) => {
                let ended = self.was_struck(*pid, &[KILL, TERM]) || settings.response_limit.is_some();
                (settings.hooks && ended).then_some(Fate::Failed)
            }
            TaskError::ResultUndecodable { .. } => settings.lies.then_some(Fate::Failed),
            _ => None,
        }
    }

    fn explain_death(&self, order: &Order, death: &TaskError) -> Option<Fate> {
        let TaskError::Crashed { pid, exit, stderr, .. } = death else { return None };
        let (pid, exit) = (*pid, *exit);
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
            Exit::Signal(KILL) if self.settings.response_limit.is_some() && stderr.contains(SILENT) => {
                self.count(Part::Strikes, "the pool killed one that did not respond");
                Some(Fate::Failed)
            }
            _ => None,
        }
    }

    fn was_struck(&self, pid: u32, with: &[i32]) -> bool {
        let struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        struck.get(&pid).is_some_and(|signals| signals.iter().any(|signal| with.contains(signal)))
    }
}

/// Whether what was captured is what the task has said, given how it ended.
fn heard(order: &Order, fate: Fate, captured: &Captured<Answer>) -> Result<(), String> {
    let Speech { before, after, aside } = Speech::of(order.id);
    let whole = format!("{before}{after}");
    let ends = fate == Fate::Answered || order.deed == Deed::Unencodable;
    let (stdout, stderr) = (&captured.stdout[..], &captured.stderr[..]);
    let said = stdout.len() as u64 + captured.stdout_cut;
    let kept = stdout.len() == KEPT.min(said as usize) && whole.as_bytes().starts_with(stdout);
    let length = if ends { whole.len() } else { before.len() } as u64;
    let right = match fate {
        Fate::Answered => said == length && stderr == aside.as_bytes(),
        // What it said last may be how it died.
        Fate::Died => said == length && stderr.starts_with(aside.as_bytes()),
        // It may have been ended at any moment.
        _ => said <= whole.len() as u64,
    };
    if kept && right {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    Err(format!("of {said} bytes were heard {out:?}, and beside {err:?}"))
}

/// Those that this process and its workers may use.
fn processors() -> u32 {
    std::thread::available_parallelism().map_or(u32::MAX, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
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
        TaskError::CpuTimeExceeded { .. } if order.deed.is_honest() => "processor time exceeded, and was only slow",
        TaskError::CpuTimeExceeded { .. } => "processor time exceeded",
        TaskError::OutOfMemory { .. } => "out of memory",
        TaskError::OutcomeUnknown { .. } => "crashed, of those that may run once",
        TaskError::Pool(PoolError::StartHook { .. }) => "a start hook that was struck",
        TaskError::Cancelled { .. } => "cancelled",
        TaskError::PoolClosed { .. } => "pool closed",
        TaskError::Pool(_) => "crash loop",
        _ => "another error",
    }
}
