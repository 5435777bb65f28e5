//! What was done and what came of it, counted by words.

use std::collections::BTreeMap;
use std::fmt;

/// The parts of the table, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Forms of calls.
    Calls,
    /// What tasks did.
    Deeds,
    /// What was done to workers from outside, and to the pool.
    Strikes,
    /// What the tasks ended as.
    Outcomes,
    /// How pools ended.
    Ends,
}

#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<(Part, String), u64>);

impl Tally {
    pub(crate) fn add(&mut self, part: Part, word: &str, count: u64) {
        *self.0.entry((part, word.to_owned())).or_default() += count;
    }

    pub(crate) fn take_in(&mut self, other: Tally) {
        for ((part, word), count) in other.0 {
            self.add(part, &word, count);
        }
    }

    pub(crate) fn count(&self, part: Part, word: &str) -> u64 {
        self.0.get(&(part, word.to_owned())).copied().unwrap_or(0)
    }

    pub(crate) fn sum(&self, part: Part) -> u64 {
        self.0.iter().filter(|((of, _), _)| *of == part).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = [
            (Part::Calls, "calls"),
            (Part::Deeds, "what tasks were told to do"),
            (Part::Strikes, "what was done to workers and pools"),
            (Part::Outcomes, "what tasks ended as, of those whose outcome was waited for"),
            (Part::Ends, "how pools ended"),
        ];
        for (part, title) in titles {
            writeln!(out, "{title}: {}", self.sum(part))?;
            for ((_, word), count) in self.0.iter().filter(|((of, _), _)| *of == part) {
                writeln!(out, "  {word:<34}{count:>12}")?;
            }
        }
        Ok(())
    }
}
