//! Order statistics of any number of values, exactly and in bounded memory: the values are walked until few enough are left that may be
//! the ones that are looked for, and then these are collected.
//!
//! A float64 has a key of 64 bits with the same order. The first walk counts how many keys begin with each sixteen bits, so it is
//! known with which bits the wanted one begins, and how many with the same beginning come before it. The next walk looks at those that begin
//! so alone: it collects them, or, if they are too many, finds sixteen more bits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// More bits that are found by a walk.
const BITS: u32 = 16;

/// The keys that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Alike {
    count: u64,
    least: u64,
    greatest: u64,
}

/// How many keys have each of the next sixteen bits, by what they begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(BTreeMap<u64, Alike>);

/// Which keys may be wanted: those that begin so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beginnings {
    /// So many bits are known.
    bits: u32,
    /// What they are, in order and each once.
    known: Vec<u64>,
}

/// The places in order that are looked for, and what is known of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    bits: u32,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// The bits that were found so far, and the place among so many keys that begin so.
    Among {
        beginning: u64,
        place: u64,
        count: u64,
    },
    Found(f64),
}

/// A key with the order of the numbers; of the two zeros the negative one comes first.
fn key(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

/// What a key begins with.
fn beginning(key: u64, bits: u32) -> u64 {
    key.checked_shr(64 - bits).unwrap_or_default()
}

impl Beginnings {
    /// All keys.
    pub(crate) fn all() -> Beginnings {
        Beginnings { bits: 0, known: vec![0] }
    }

    fn place(&self, key: u64) -> Option<usize> {
        let begins = beginning(key, self.bits);
        self.known.iter().position(|&known| known == begins)
    }

    /// Those of the numbers that may be wanted.
    pub(crate) fn collect(&self, numbers: impl IntoIterator<Item = f64>) -> Vec<f64> {
        numbers.into_iter().filter(|&number| self.place(key(number)).is_some()).collect()
    }

    /// Counts the numbers that may be wanted by sixteen more of their bits.
    pub(crate) fn count(&self, numbers: impl IntoIterator<Item = f64>) -> Counts {
        let bits = self.bits + BITS;
        // A place for each sixteen bits behind each beginning.
        let mut places = vec![Alike { count: 0, least: 0, greatest: 0 }; self.known.len() << BITS];
        for number in numbers {
            let key = key(number);
            if let Some(at) = self.place(key) {
                places[(at << BITS) | usize::from(beginning(key, bits) as u16)].take(key);
            }
        }
        let mut counts = BTreeMap::new();
        for (known, places) in self.known.iter().zip(places.chunks(1 << BITS)) {
            let seen = (0..).zip(places).filter(|(_, alike)| alike.count > 0);
            counts.extend(seen.map(|(next, &alike)| ((known << BITS) | next, alike)));
        }
        Counts(counts)
    }
}

impl Alike {
    fn take(&mut self, key: u64) {
        self.add(Alike { count: 1, least: key, greatest: key });
    }

    fn add(&mut self, more: Alike) {
        if self.count == 0 {
            *self = more;
        } else {
            self.count += more.count;
            self.least = self.least.min(more.least);
            self.greatest = self.greatest.max(more.greatest);
        }
    }
}

impl Wanted {
    /// These places, from 0 on, among so many numbers.
    pub(crate) fn places(places: impl IntoIterator<Item = u64>, count: u64) -> Wanted {
        let among = |place| Place::Among { beginning: 0, place, count };
        Wanted { bits: 0, places: places.into_iter().map(among).collect() }
    }

    /// All numbers that may be wanted were counted: sixteen more bits are known, or all of them.
    pub(crate) fn narrow(&mut self, counts: &Counts) {
        for known in &mut self.places {
            let Place::Among { beginning, mut place, .. } = *known else { continue };
            for (&begins, alike) in counts.0.range(beginning << BITS..=(beginning << BITS) | u64::from(u16::MAX)) {
                if place < alike.count {
                    *known = match alike.least == alike.greatest {
                        true => Place::Found(number(alike.least)),
                        false => Place::Among { beginning: begins, place, count: alike.count },
                    };
                    break;
                }
                place -= alike.count;
            }
        }
        self.bits += BITS;
    }

    /// All numbers that may be wanted are here, in any order.
    pub(crate) fn find(&mut self, mut numbers: Vec<f64>) {
        numbers.sort_unstable_by(f64::total_cmp);
        for known in &mut self.places {
            let Place::Among { beginning: begins, place, .. } = *known else { continue };
            let before = numbers.partition_point(|&number| beginning(key(number), self.bits) < begins);
            let found = usize::try_from(place).ok().and_then(|place| numbers.get(before + place));
            *known = found.map_or(*known, |&found| Place::Found(found));
        }
    }

    /// What must be looked at once more, and how many numbers that are; `None`: all is found.
    pub(crate) fn open(&self) -> Option<(Beginnings, u64)> {
        let open: BTreeMap<u64, u64> = self.places.iter().filter_map(|place| place.open()).collect();
        let count = open.values().sum();
        (!open.is_empty()).then(|| (Beginnings { bits: self.bits, known: open.into_keys().collect() }, count))
    }

    /// The numbers, when all are found.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        let number = |place: &Place| match *place {
            Place::Found(number) => number,
            Place::Among { .. } => f64::NAN,
        };
        self.places.iter().map(number).collect()
    }
}

impl Place {
    fn open(&self) -> Option<(u64, u64)> {
        match *self {
            Place::Among { beginning, count, .. } => Some((beginning, count)),
            Place::Found(_) => None,
        }
    }
}

impl Counts {
    pub(crate) fn add(&mut self, more: Counts) {
        for (beginning, alike) in more.0 {
            self.0.entry(beginning).or_insert(Alike { count: 0, least: 0, greatest: 0 }).add(alike);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<f64> {
        let mut seed = 1u64;
        let number = |at| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match at % 4 {
                0 => (seed >> 60) as f64,
                1 => -((seed >> 40) as f64) / 7.0,
                2 => f64::from_bits(seed & !(0x7ff << 52)),
                _ => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY][(seed >> 62) as usize],
            }
        };
        (0..500).map(number).collect()
    }

    /// The numbers at all places, if more than `most` are never collected, and how many walks that took.
    fn selected(most: u64) -> (Vec<f64>, u32) {
        let numbers = numbers();
        let mut wanted = Wanted::places(0..500, 500);
        let mut walks = 0;
        while let Some((beginnings, count)) = wanted.open() {
            walks += 1;
            if count <= most {
                wanted.find(numbers.chunks(77).flat_map(|chunk| beginnings.collect(chunk.iter().copied())).collect());
                continue;
            }
            let mut counts = Counts::default();
            numbers.chunks(77).for_each(|chunk| counts.add(beginnings.count(chunk.iter().copied())));
            wanted.narrow(&counts);
        }
        (wanted.numbers(), walks)
    }

    #[test]
    fn the_numbers_at_all_places_are_those_of_sorting() {
        let mut sorted = numbers();
        sorted.sort_by(f64::total_cmp);
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        for (most, walks) in [(500, 1), (490, 2), (0, 2)] {
            let (found, took) = selected(most);
            assert!(bits(&found) == bits(&sorted), "at most {most} are collected");
            assert_eq!(took, walks, "at most {most} are collected");
        }
    }

    #[test]
    fn what_begins_alike_and_is_equal_is_found_without_another_walk() {
        let mut wanted = Wanted::places([0, 2], 3);
        wanted.narrow(&Beginnings::all().count([7.0, 3.0, 7.0]));
        assert_eq!((wanted.open(), wanted.numbers()), (None, vec![3.0, 7.0]));
    }
}
