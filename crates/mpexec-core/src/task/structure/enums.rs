//! An enum: which variant to show this time, and what is kept of it.

use super::trace::{Body, Format, Shape, Trace, Variant};

/// A variant that was chosen.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    enumeration: usize,
    pub variant: usize,
    /// The enum was not met before in this round.
    new: bool,
    /// It is there for its value only.
    pub small: bool,
}

/// What was the case before a variant was looked into.
pub(super) struct Before {
    busy: bool,
    unseen: bool,
    steps: usize,
}

fn with_variants<R>(trace: &Trace, enumeration: usize, change: impl FnOnce(&mut [Variant]) -> R) -> R {
    match &mut trace.containers.borrow_mut()[enumeration].body {
        Body::Enum(variants) => change(variants),
        Body::Struct(..) => change(&mut []),
    }
}

/// One that nobody has seen; else, once a round, one with more inside; else the cheapest, so that a recursion has an end.
fn choose(variants: &[Variant], new: bool) -> Option<usize> {
    let find = |wanted: &dyn Fn(&Variant) -> bool| variants.iter().position(|it| !it.busy && wanted(it));
    let cheapest = || {
        let priced = variants.iter().enumerate().filter_map(|(place, it)| Some((it.price?, place)));
        priced.min().map(|(_, place)| place)
    };
    find(&|it| !it.seen)
        .or_else(|| if new { find(&|it| it.open) } else { None })
        .or_else(cheapest)
        .or_else(|| find(&|_| true))
}

impl Choice {
    /// `None`: every variant holds this very enum, as far as is known.
    pub(super) fn make(trace: &Trace, enumeration: usize, new: bool) -> Option<Choice> {
        with_variants(trace, enumeration, |variants| {
            let variant = choose(variants, new)?;
            let seen = std::mem::replace(&mut variants[variant].seen, true);
            Some(Choice { enumeration, variant, new, small: seen && !new })
        })
    }

    pub(super) fn begin(self, trace: &Trace) -> Before {
        let busy = with_variants(trace, self.enumeration, |all| std::mem::replace(&mut all[self.variant].busy, true));
        Before { busy, unseen: trace.unseen.replace(false), steps: trace.steps.get() }
    }

    pub(super) fn end(self, trace: &Trace, before: &Before, given: bool) {
        let inside = trace.unseen.get();
        let price = trace.steps.get() - before.steps;
        let left = with_variants(trace, self.enumeration, |all| {
            let chosen = &mut all[self.variant];
            chosen.busy = before.busy;
            if !before.busy {
                chosen.open = inside || (!given && trace.another_offer.get());
            }
            if given {
                chosen.price = Some(chosen.price.map_or(price, |known| known.min(price)));
            }
            // Inside of itself an enum says nothing of this: it would keep the variant open through which it was met.
            self.new && all.iter().any(|it| !it.seen || it.open)
        });
        trace.unseen.set(before.unseen || inside || left);
    }

    /// Takes out what is known of the variant, while it is looked into.
    pub(super) fn take(self, trace: &Trace, shape: Shape, count: usize) -> Vec<Format> {
        let mut formats = with_variants(trace, self.enumeration, |all| {
            all[self.variant].shape = Some(shape);
            std::mem::take(&mut all[self.variant].formats)
        });
        formats.resize(count, Format::Unknown);
        formats
    }

    /// Puts it back. Inside, the same variant may have been shown for its value only: what was seen here is more.
    pub(super) fn put(self, trace: &Trace, formats: Vec<Format>) {
        with_variants(trace, self.enumeration, |all| all[self.variant].formats = formats);
    }
}
