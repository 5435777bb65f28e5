//! Which tasks of a job want which descriptors along, until they have their outcomes.
//!
//! By index, and as ranges: a hundred thousand tasks that name one shared buffer are a few entries here. What is of one
//! task alone is let go with that task's outcome, so that whoever reads from a channel hears that it has ended.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::carry::Attachment;

/// Attachments of consecutive tasks: each of the `count` tasks from `first` on wants all of them.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub first: u64,
    pub count: u64,
    pub attachments: Vec<Attachment>,
}

impl Wanted {
    /// Whether a task with these is one more of the same: only buffers, the same ones.
    pub(crate) fn is_of(&self, more: &[Attachment]) -> bool {
        let same = |(one, other): (&Attachment, &Attachment)| {
            matches!((one, other), (Attachment::Kept(_), Attachment::Kept(_))) && one.number() == other.number()
        };
        self.attachments.len() == more.len() && self.attachments.iter().zip(more).all(same)
    }
}

#[derive(Debug)]
struct Range {
    count: u64,
    /// Tasks without an outcome.
    open: u64,
    attachments: Vec<Attachment>,
}

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Attachments(BTreeMap<u64, Range>);

impl Attachments {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Indices of a job never come twice, so ranges never meet.
    pub(crate) fn add(&mut self, wanted: Wanted) {
        let Wanted { first, count, attachments } = wanted;
        self.0.insert(first, Range { count, open: count, attachments });
    }

    /// Where the ranges begin that have some of the `count` tasks from `first` on.
    fn touched(&self, first: u64, count: u64) -> impl Iterator<Item = (u64, &Range)> {
        let end = first.saturating_add(count);
        let before = self.0.range(..=first).next_back().map_or(first, |(start, _)| *start);
        self.0
            .range((Bound::Included(before), Bound::Excluded(end.max(before))))
            .filter(move |(start, range)| **start + range.count > first)
            .map(|(start, range)| (*start, range))
    }

    /// What the `count` tasks from `first` on want along.
    pub(crate) fn of(&self, first: u64, count: u64) -> impl Iterator<Item = &Attachment> {
        self.touched(first, count).flat_map(|(_, range)| &range.attachments)
    }

    /// The `count` tasks from `first` on have their outcomes: what nobody wants any more comes back.
    pub(crate) fn settled(&mut self, first: u64, count: u64) -> Vec<Attachment> {
        let touched = self.touched(first, count).map(|(start, range)| {
            let (from, to) = (start.max(first), (start + range.count).min(first + count));
            (start, to.saturating_sub(from))
        });
        let touched: Vec<(u64, u64)> = touched.collect();
        let mut over = Vec::new();
        for (start, settled) in touched {
            if let Some(range) = self.0.get_mut(&start) {
                range.open = range.open.saturating_sub(settled);
                if range.open == 0 {
                    over.extend(self.0.remove(&start).into_iter().flat_map(|range| range.attachments));
                }
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::carry::Buffer;
    use crate::carry::packets::ChannelEnd;

    fn kept() -> Attachment {
        Attachment::Kept(Buffer::copy_of(b"x").unwrap())
    }

    fn once() -> Attachment {
        Attachment::once(ChannelEnd::of_senders(std::fs::File::open("/dev/null").unwrap().into()))
    }

    fn numbers<'a>(all: impl IntoIterator<Item = &'a Attachment>) -> Vec<u64> {
        all.into_iter().map(Attachment::number).collect()
    }

    #[test]
    fn a_range_lasts_until_the_last_of_its_tasks_has_its_outcome() {
        let (mut all, shared, own) = (Attachments::default(), kept(), once());
        let (shared_number, own_number) = (shared.number(), own.number());
        all.add(Wanted { first: 10, count: 5, attachments: vec![shared] });
        all.add(Wanted { first: 15, count: 1, attachments: vec![own] });
        assert_eq!(numbers(all.of(0, 10)), [0; 0]);
        assert_eq!(numbers(all.of(0, 11)), [shared_number]);
        assert_eq!(numbers(all.of(14, 1)), [shared_number]);
        assert_eq!(numbers(all.of(14, 2)), [shared_number, own_number]);
        assert_eq!(numbers(all.of(15, 100)), [own_number]);
        assert_eq!(numbers(all.of(16, 100)), [0; 0]);
        assert_eq!(numbers(&all.settled(12, 2)), [0; 0]);
        assert_eq!(numbers(&all.settled(15, 1)), [own_number]);
        assert_eq!(numbers(&all.settled(5, 7)), [0; 0]);
        assert_eq!(numbers(&all.settled(14, 1)), [shared_number]);
        assert!(all.is_empty());
    }

    #[test]
    fn only_tasks_that_name_the_same_buffers_share_a_range() {
        let (one, other, own) = (kept(), kept(), once());
        let range = Wanted { first: 0, count: 1, attachments: vec![one.clone()] };
        assert!(range.is_of(std::slice::from_ref(&one)));
        assert!(!range.is_of(std::slice::from_ref(&other)) && !range.is_of(&[]) && !range.is_of(&[one, other]));
        let range = Wanted { first: 0, count: 1, attachments: vec![own.clone()] };
        assert!(!range.is_of(&[own]));
    }
}
