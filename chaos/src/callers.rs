//! The threads that call: which form comes next, and with which orders.

mod forms;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use mpexec_core::{Pool, Sender};

use crate::order::{Deed, Order, pattern};
use crate::random::Random;
use crate::round::Round;
use crate::tally::Part;

/// How often the callbacks of one call came: with a value, with an error.
type Callbacks = Arc<[AtomicU32; 2]>;

/// One thread.
#[derive(Debug)]
pub(crate) struct Caller {
    round: Arc<Round>,
    random: Random,
    /// Of the next order.
    id: u64,
    /// The call at hand may run each of its tasks once at most.
    once: bool,
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
    Captured,
}

const FORMS: [(Form, &str); 15] = [
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
    (Form::Captured, "apply_, map_, imap_captured"),
];

impl Caller {
    pub(crate) fn new(round: Arc<Round>, random: Random, thread: u64) -> Caller {
        Caller { round, random, id: thread << 32, once: false, callbacks: Vec::new() }
    }

    /// Calls some times.
    pub(crate) fn call(mut self, pool: &Pool, tell: &Sender<u64>) -> Caller {
        for _ in 0..self.random.between(2, 12) {
            let (form, word) = self.random.of_these(&FORMS);
            if matches!(form, Form::Captured) && !self.round.settings.captures {
                continue;
            }
            self.round.count(Part::Calls, word);
            self.once = self.random.one_in(5);
            let chunk = self.random.one_in(4).then(|| self.random.between(1, 80) as usize);
            let call = chunk.map_or_else(|| pool.call(), |chunk| pool.call().chunk_size(chunk));
            let call = if self.once { call.at_most_once() } else { call };
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
                Form::Captured => self.captured(call),
            }
        }
        self
    }

    fn deed(&mut self, may_fail: bool, share: u64) -> Deed {
        let settings = &self.round.settings;
        let (calm, lies) = (settings.calm, settings.lies);
        // What takes more than it may, where there is a limit.
        let mut endless = Vec::new();
        endless.extend(settings.limit.map(|_| Deed::Hangs));
        endless.extend(settings.limit.or(settings.cpu_limit).map(|_| Deed::Burns));
        endless.extend(settings.memory_limit.map(|_| Deed::Swells));
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
        if !endless.is_empty() && random.one_in(3) {
            return random.of_these(&endless);
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
        self.round.issue(&orders, self.once);
        orders
    }

    fn one_order(&mut self, may_fail: bool) -> Order {
        let mut orders = self.some_orders(1, may_fail, 6);
        orders.pop().expect("one was asked for")
    }
}
