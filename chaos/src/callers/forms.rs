//! Each form of a call, and each of its outcomes judged.

use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use mpexec_core::{CallBuilder, JobError, Pending, Sender, TaskError};

use super::{Callbacks, Caller, Form};
use crate::order::{Answer, Order};
use crate::tally::Part;
use crate::work::{looked_up, work, work_and_speak, work_and_tell, work_or_fail, work_with_a_table};

/// What a task ends as says so when its handle cancelled it.
const BY_HANDLE: &str = "by its handle";

impl Caller {
    pub(super) fn apply(&mut self, call: CallBuilder<'_>) {
        for _ in 0..self.random.between(1, 60) {
            if self.random.one_in(3) {
                let order = self.one_order(true);
                self.round.judge(&order, 0, &call.try_apply(work_or_fail, (&order,)), false);
            } else {
                let order = self.one_order(false);
                self.round.judge(&order, 0, &call.apply(work, (&order,)), false);
            }
        }
    }

    pub(super) fn apply_many(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(false);
        let mut pending: Vec<(&Order, Pending<Answer>)> = Vec::new();
        for order in &orders {
            let mut handle = call.apply_async(work, (order,));
            if self.random.one_in(3) {
                let came = Callbacks::default();
                let (well, badly) = (came.clone(), came.clone());
                handle = handle
                    .on_success(move |_| {
                        well[0].fetch_add(1, Ordering::Relaxed);
                    })
                    .on_error(move |_| {
                        badly[1].fetch_add(1, Ordering::Relaxed);
                    });
                self.callbacks.push((order.id, came));
            }
            pending.push((order, handle));
        }
        for (order, handle) in pending {
            let outcome = match self.random.below(3) {
                0 => {
                    handle.wait();
                    handle.get()
                }
                1 => patient(handle),
                _ => handle.get(),
            };
            self.round.judge(order, 0, &outcome, false);
        }
    }

    /// Each call with callbacks had just one of them. To be asked when the pool is over.
    pub(crate) fn check_callbacks(self) {
        for (id, came) in self.callbacks {
            let [well, badly] = [0, 1].map(|which: usize| came[which].load(Ordering::Relaxed));
            if well + badly != 1 {
                self.round.fault(format!("task {id} had {well} callbacks with a value and {badly} with an error"));
            }
        }
    }

    /// A form that ends at the first failure, or brings all.
    fn first_failure(&self, orders: &[Order], extra: impl Fn(&Order) -> u64, ended: Result<Vec<Answer>, JobError>) {
        match ended {
            Ok(answers) => {
                if answers.len() != orders.len() {
                    self.round.fault(format!("{} tasks brought {} answers", orders.len(), answers.len()));
                }
                for (order, answer) in orders.iter().zip(answers) {
                    self.round.judge(order, extra(order), &Ok(answer), false);
                }
            }
            Err(JobError { index, error }) => match usize::try_from(index).ok().and_then(|index| orders.get(index)) {
                Some(order) => self.round.judge(order, extra(order), &Err(error), false),
                None => self.round.fault(format!("{} tasks, and number {index} failed: {error}", orders.len())),
            },
        }
    }

    pub(super) fn map(&mut self, call: CallBuilder<'_>, later: bool) {
        let orders = self.orders(false);
        let table = self.round.table.clone();
        let extra = |order: &Order| looked_up(&table, order.id);
        match (self.random.one_in(2), later) {
            (true, true) => self.first_failure(&orders, |_| 0, call.map_async(work, &orders).get()),
            (true, false) => self.first_failure(&orders, |_| 0, call.map(work, &orders)),
            (false, later) => {
                let tuples = orders.iter().map(|order| (order, &table));
                let ended = match later {
                    true => call.starmap_async(work_with_a_table, tuples).get(),
                    false => call.starmap(work_with_a_table, tuples),
                };
                self.first_failure(&orders, extra, ended);
            }
        }
    }

    pub(super) fn try_map(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(true);
        self.first_failure(&orders, |_| 0, call.try_map(work_or_fail, &orders));
    }

    pub(super) fn outcomes(&mut self, call: CallBuilder<'_>, form: Form, tell: &Sender<u64>) {
        let orders = self.orders(false);
        let table = self.round.table.clone();
        let outcomes = match form {
            Form::Starmap => call.starmap_outcomes(work_with_a_table, orders.iter().map(|order| (order, &table))),
            Form::Telling => call.starmap_outcomes(work_and_tell, orders.iter().map(|order| (order, tell))),
            _ => call.map_outcomes(work, &orders),
        };
        if outcomes.len() != orders.len() {
            self.round.fault(format!("{} tasks have {} outcomes", orders.len(), outcomes.len()));
        }
        for (order, outcome) in orders.iter().zip(outcomes) {
            let extra = match form {
                Form::Starmap => looked_up(&table, order.id),
                // It was heard, because somebody listens as long as the round lasts.
                Form::Telling => 1,
                _ => 0,
            };
            self.round.judge(order, extra, &outcome, false);
        }
    }

    pub(super) fn imap(&mut self, call: CallBuilder<'_>, tried: bool) {
        let orders = self.orders(tried);
        let outcomes: Vec<Result<Answer, TaskError>> = match tried {
            true => call.try_imap(work_or_fail, &orders).collect(),
            false => call.imap(work, &orders).collect(),
        };
        self.is_whole(orders.len(), outcomes.len(), outcomes.last().and_then(|last| last.as_ref().err()));
        for (order, outcome) in orders.iter().zip(outcomes) {
            self.round.judge(order, 0, &outcome, false);
        }
    }

    /// A stream is short only where the pool had an end or a loop of deaths, and then says so last.
    fn is_whole(&self, orders: usize, outcomes: usize, last: Option<&TaskError>) {
        let cut = match last {
            Some(TaskError::Pool(_)) => true,
            Some(TaskError::PoolClosed { .. } | TaskError::Cancelled { .. }) => self.round.is_over(),
            _ => false,
        };
        if outcomes > orders || (outcomes < orders && !cut) {
            self.round.fault(format!("a stream of {orders} tasks brought {outcomes}, and {last:?} last"));
        }
    }

    pub(super) fn imap_unordered(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(false);
        let outcomes: Vec<(u64, Result<Answer, TaskError>)> = call.imap_unordered(work, &orders).collect();
        self.is_whole(orders.len(), outcomes.len(), outcomes.iter().rev().find_map(|(_, last)| last.as_ref().err()));
        for (index, outcome) in &outcomes {
            match usize::try_from(*index).ok().and_then(|index| orders.get(index)) {
                Some(order) => self.round.judge(order, 0, outcome, false),
                None => self.round.fault(format!("{} tasks, and one with the index {index}", orders.len())),
            }
        }
    }

    pub(super) fn half_read(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(false);
        let read = self.random.below(orders.len() as u64) as usize;
        if self.random.one_in(2) {
            for (order, outcome) in orders.iter().zip(call.imap(work, &orders).take(read)) {
                self.round.judge(order, 0, &outcome, false);
            }
            return;
        }
        for (index, outcome) in call.imap_unordered(work, &orders).take(read) {
            self.round.judge(&orders[index as usize], 0, &outcome, false);
        }
    }

    pub(super) fn cancels(&mut self, call: CallBuilder<'_>) {
        // Another thread stops them, while this one waits for them.
        let by_another = self.id.is_multiple_of(2);
        if by_another {
            self.round.count(Part::Calls, "of these that cancel, by another thread");
        }
        let orders = self.orders(false);
        let pending: Vec<(&Order, Pending<Answer>)> =
            orders.iter().map(|order| (order, call.apply_async(work, (order,)))).collect();
        let ways: Vec<u64> = pending.iter().map(|_| self.random.below(8)).collect();
        let stop = |handle: &Pending<Answer>, way| match way {
            0 => {
                self.round.aborted.store(true, Ordering::Relaxed);
                (handle.abort(), "aborts")
            }
            1..4 => (handle.cancel(), "cancels"),
            _ => (false, ""),
        };
        let stop_all = || pending.iter().zip(&ways).map(|((_, handle), way)| stop(handle, *way)).collect::<Vec<_>>();
        let stopped = thread::scope(|scope| {
            let stopper = by_another.then(|| scope.spawn(stop_all));
            if by_another {
                pending.iter().for_each(|(_, handle)| handle.wait());
            }
            match stopper.map(ScopedJoinHandle::join) {
                None => stop_all(),
                Some(Ok(stopped)) => stopped,
                Some(Err(panic)) => resume_unwind(panic),
            }
        });
        for ((order, handle), (stopped, how)) in pending.into_iter().zip(stopped) {
            let outcome = handle.get();
            if stopped {
                self.round.count(Part::Strikes, how);
            }
            // A pool that ends meanwhile cancels what has begun, too, and says that it was the pool.
            let by_handle = matches!(&outcome, Err(TaskError::Cancelled { reason }) if reason == BY_HANDLE);
            if stopped && how == "cancels" && by_handle {
                self.round.never_begun(order);
                continue;
            }
            if stopped && !matches!(outcome, Err(TaskError::Cancelled { .. })) {
                self.round.fault(format!("task {} was stopped ({how}) and ended as {outcome:?}", order.id));
            }
            self.round.judge(order, 0, &outcome, stopped);
        }
    }

    pub(super) fn detached(&mut self, call: CallBuilder<'_>) {
        for order in self.orders(false) {
            drop(call.apply_async(work, (&order,)));
        }
    }

    pub(super) fn captured(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(false);
        match self.random.below(3) {
            0 => {
                for order in &orders {
                    self.round.judge_captured(order, &call.apply_captured(work_and_speak, (order,)));
                }
            }
            1 => {
                let captured = call.map_captured(work_and_speak, &orders);
                if captured.len() != orders.len() {
                    self.round.fault(format!("{} tasks have {} outcomes", orders.len(), captured.len()));
                }
                for (order, captured) in orders.iter().zip(captured) {
                    self.round.judge_captured(order, &captured);
                }
            }
            _ => {
                let captured: Vec<_> = call.imap_captured(work_and_speak, &orders).collect();
                let last = captured.iter().rev().find_map(|(_, last)| last.outcome.as_ref().err());
                self.is_whole(orders.len(), captured.len(), last);
                for (index, captured) in &captured {
                    match usize::try_from(*index).ok().and_then(|index| orders.get(index)) {
                        Some(order) => self.round.judge_captured(order, captured),
                        None => self.round.fault(format!("{} tasks, and one with the index {index}", orders.len())),
                    }
                }
            }
        }
    }
}

/// Waits with a limit, again and again.
fn patient(mut handle: Pending<Answer>) -> Result<Answer, TaskError> {
    loop {
        match handle.get_timeout(Duration::from_millis(3)) {
            Ok(outcome) => return outcome,
            Err((again, _)) => handle = again,
        }
    }
}
