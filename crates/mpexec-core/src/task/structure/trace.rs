//! What was found out of a type so far, over several rounds.
//!
//! A round is one call of the type's `Deserialize`. Each struct and each enum is looked into once a round; where it comes again,
//! which it does for ever in a recursive type, it gets the smallest value that there is. A round sees one variant of an enum, and
//! may end early when a type refuses the value it is offered (a date, a path); rounds go on as long as there is a variant nobody
//! has seen or a value nobody has offered.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

/// A value inside so many others is not looked at any more.
pub(super) const DEEPEST: usize = 100;
/// Nor are more values than this in one type.
const STEPS: usize = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Format {
    #[default]
    Unknown,
    Plain(&'static str),
    Group(Group, Vec<Format>),
    Container(usize),
}

/// What stands together without a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Group {
    Option,
    Seq,
    Map,
    Tuple,
}

/// How the parts of a struct or a variant stand together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Unit,
    Tuple,
    Named(&'static [&'static str]),
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Struct(Shape, Vec<Format>),
    Enum(Vec<Variant>),
}

/// A struct or an enum.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub name: &'static str,
    pub body: Body,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Variant {
    pub name: &'static str,
    /// `None`: nothing asked for it yet.
    pub shape: Option<Shape>,
    pub formats: Vec<Format>,
    /// It was looked at, whatever came of it.
    pub seen: bool,
    /// There is more to be seen inside.
    pub open: bool,
    /// It is being looked at now.
    pub busy: bool,
    /// How many steps a value of it took, if there is one.
    pub price: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    pub containers: RefCell<Vec<Container>>,
    /// A type is known by the name of its visitor, which holds the types of its parameters.
    numbers: RefCell<HashMap<&'static str, usize>>,
    entered: RefCell<HashSet<usize>>,
    /// Which of the values to offer the next is, by visitor.
    offers: RefCell<HashMap<&'static str, usize>>,
    /// Another value can be offered in the next round.
    pub another_offer: Cell<bool>,
    /// A variant was passed that nobody has seen, or that has more inside.
    pub unseen: Cell<bool>,
    pub steps: Cell<usize>,
}

impl Trace {
    pub(super) fn begin_round(&self) {
        self.entered.borrow_mut().clear();
        self.another_offer.set(false);
        self.unseen.set(false);
        // A round that panicked has left them so.
        for container in self.containers.borrow_mut().iter_mut() {
            if let Body::Enum(variants) = &mut container.body {
                variants.iter_mut().for_each(|variant| variant.busy = false);
            }
        }
    }

    pub(super) fn another_round(&self) -> bool {
        (self.another_offer.get() || self.unseen.get()) && self.steps.get() < STEPS
    }

    pub(super) fn container(&self, number: usize) -> Container {
        self.containers.borrow()[number].clone()
    }

    /// The number of a type, and whether it is to be looked into: once a round.
    pub(super) fn enter(&self, visitor: &'static str, container: impl FnOnce() -> Container) -> (usize, bool) {
        let mut containers = self.containers.borrow_mut();
        let number = *self.numbers.borrow_mut().entry(visitor).or_insert_with(|| {
            containers.push(container());
            containers.len() - 1
        });
        (number, self.entered.borrow_mut().insert(number))
    }

    /// Counts a step; `false` when it is enough.
    pub(super) fn step(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        self.steps.get() < STEPS
    }

    /// Which of `count` values to offer to a visitor.
    pub(super) fn offer(&self, visitor: &'static str, count: usize) -> usize {
        self.offers.borrow().get(visitor).copied().unwrap_or(0).min(count - 1)
    }

    /// The visitor refused that value.
    pub(super) fn refused(&self, visitor: &'static str, count: usize) {
        let mut offers = self.offers.borrow_mut();
        let next = offers.entry(visitor).or_insert(0);
        if *next + 1 < count {
            *next += 1;
            self.another_offer.set(true);
        }
    }
}
