//! The threads that call: each form, with orders by chance, and each outcome judged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mpexec_core::{CallBuilder, JobError, Pending, Pool, Sender, TaskError};

use crate::order::{Answer, Deed, Order, pattern};
use crate::random::Random;
use crate::round::Round;
use crate::tally::Part;
use crate::work::{looked_up, work, work_and_tell, work_or_fail, work_with_a_table};

/// How often the callbacks of one call came: with a value, with an error.
type Callbacks = Arc<[AtomicU32; 2]>;

/// What a task ends as says so when its handle cancelled it.
const BY_HANDLE: &str = "by its handle";

/// One thread.
#[derive(Debug)]
pub(crate) struct Caller {
    round: Arc<Round>,
    random: Random,
    /// Of the next order.
    id: u64,
    callbacks: Vec<(u64, Callbacks)>,
}

/// What a caller does next.
#[derive(Clone, Copy)]
enum Form {
    Apply,
    ApplyMany,
    Map,
    MapOutcomes,
    Starmap,
    TryMap,
    TryImap,
    MapAsync,
    Imap,
    ImapUnordered,
    HalfRead,
    Cancels,
    Detached,
    Telling,
}

const FORMS: [(Form, &str); 14] = [
    (Form::Apply, "apply, try_apply"),
    (Form::ApplyMany, "apply_async with callbacks"),
    (Form::Map, "map"),
    (Form::MapOutcomes, "map_outcomes"),
    (Form::Starmap, "starmap_outcomes with Shared"),
    (Form::TryMap, "try_map"),
    (Form::TryImap, "try_imap"),
    (Form::MapAsync, "map_async, starmap_async"),
    (Form::Imap, "imap"),
    (Form::ImapUnordered, "imap_unordered"),
    (Form::HalfRead, "imap or imap_unordered, half read"),
    (Form::Cancels, "apply_async, cancel or abort"),
    (Form::Detached, "apply_async, handle dropped"),
    (Form::Telling, "starmap_outcomes with a channel"),
];

impl Caller {
    pub(crate) fn new(round: Arc<Round>, random: Random, thread: u64) -> Caller {
        Caller { round, random, id: thread << 32, callbacks: Vec::new() }
    }

    /// Calls some times.
    pub(crate) fn call(mut self, pool: &Pool, tell: &Sender<u64>) -> Caller {
        for _ in 0..self.random.between(2, 12) {
            let (form, word) = self.random.of_these(&FORMS);
            self.round.count(Part::Calls, word);
            let chunk = self.random.one_in(4).then(|| self.random.between(1, 80) as usize);
            let call = chunk.map_or_else(|| pool.call(), |chunk| pool.call().chunk_size(chunk));
            match form {
                Form::Apply => self.apply(call),
                Form::ApplyMany => self.apply_many(call),
                Form::Map | Form::MapAsync => self.map(call, matches!(form, Form::MapAsync)),
                Form::MapOutcomes | Form::Starmap | Form::Telling => self.outcomes(call, form, tell),
                Form::TryMap => self.try_map(call),
                Form::Imap | Form::TryImap => self.imap(call, matches!(form, Form::TryImap)),
                Form::ImapUnordered => self.imap_unordered(call),
                Form::HalfRead => self.half_read(call),
                Form::Cancels => self.cancels(call),
                Form::Detached => self.detached(call),
            }
        }
        self
    }

    fn deed(&mut self, may_fail: bool, share: u64) -> Deed {
        let settings = &self.round.settings;
        let (calm, lies, limited) = (settings.calm, settings.lies, settings.limit.is_some());
        let random = &mut self.random;
        if !random.one_in(share) {
            return if random.one_in(20) { Deed::Spins(random.between(1, 3_000) as u32) } else { Deed::Computes };
        }
        if may_fail && random.one_in(2) {
            return Deed::Fails;
        }
        if calm || random.one_in(2) {
            return random.of_these(&[Deed::Panics, Deed::Unencodable]);
        }
        if lies && random.one_in(2) {
            return random.of_these(&[Deed::Scribbles(0), Deed::Scribbles(1), Deed::Scribbles(0xff), Deed::Babbles]);
        }
        if limited && random.one_in(12) {
            return Deed::Hangs;
        }
        let code = random.of_these(&[0, 1, 42]);
        random.of_these(&[Deed::Aborts, Deed::Exits(code), Deed::Faults, Deed::Overflows, Deed::Killed])
    }

    fn length(&mut self, tasks: u64) -> u64 {
        let random = &mut self.random;
        match random.below(200) {
            0 if tasks <= 8 => random.between(1 << 20, 5 << 20),
            0..8 if tasks <= 40 => random.between(1 << 14, 1 << 19),
            0..20 => random.between(1_000, 1 << 14),
            _ => random.below(300),
        }
    }

    fn orders(&mut self, may_fail: bool) -> Vec<Order> {
        let most = self.random.of_these(&[1, 8, 40, 200, 200, 1_500]);
        let tasks = self.random.between(1, most);
        self.some_orders(tasks, may_fail, 40.max(tasks / 2))
    }

    fn some_orders(&mut self, tasks: u64, may_fail: bool, share: u64) -> Vec<Order> {
        let orders: Vec<Order> = (0..tasks)
            .map(|_| {
                self.id += 1;
                let (bytes, answer) = (self.length(tasks), self.length(tasks));
                let bytes = pattern(self.id, usize::try_from(bytes).expect("some megabytes"));
                Order { id: self.id, deed: self.deed(may_fail, share), answer: answer as u32, bytes }
            })
            .collect();
        self.round.issue(&orders);
        orders
    }

    fn one_order(&mut self, may_fail: bool) -> Order {
        let mut orders = self.some_orders(1, may_fail, 6);
        orders.pop().expect("one was asked for")
    }

    fn apply(&mut self, call: CallBuilder<'_>) {
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

    fn apply_many(&mut self, call: CallBuilder<'_>) {
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

    fn map(&mut self, call: CallBuilder<'_>, later: bool) {
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

    fn try_map(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(true);
        self.first_failure(&orders, |_| 0, call.try_map(work_or_fail, &orders));
    }

    fn outcomes(&mut self, call: CallBuilder<'_>, form: Form, tell: &Sender<u64>) {
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

    fn imap(&mut self, call: CallBuilder<'_>, tried: bool) {
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

    fn imap_unordered(&mut self, call: CallBuilder<'_>) {
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

    fn half_read(&mut self, call: CallBuilder<'_>) {
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

    fn cancels(&mut self, call: CallBuilder<'_>) {
        let orders = self.orders(false);
        let pending: Vec<(&Order, Pending<Answer>)> =
            orders.iter().map(|order| (order, call.apply_async(work, (order,)))).collect();
        let mut stopped = Vec::new();
        for (_, handle) in &pending {
            stopped.push(match self.random.below(8) {
                0 => (handle.abort(), "aborts"),
                1..4 => (handle.cancel(), "cancels"),
                _ => (false, ""),
            });
        }
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

    fn detached(&mut self, call: CallBuilder<'_>) {
        for order in self.orders(false) {
            drop(call.apply_async(work, (&order,)));
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
