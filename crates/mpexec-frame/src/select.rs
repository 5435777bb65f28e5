//! Order statistics of any number of values, exactly and in bounded memory: the values are walked until few enough are left that may be
//! the ones that are looked for, and then these are collected.
//!
//! A float64 has a key of 64 bits with the same order, and what a whole number of 64 bits has more than the float64 next to it comes behind them
//! as sixteen more. The first walk counts how many keys begin with each sixteen bits, so it is
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
    least_rest: i16,
    greatest_rest: i16,
}

/// How many keys have each of the next sixteen bits, by what they begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(BTreeMap<(u64, u16), Alike>);

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
    Found(Number),
}

/// A number: the float64 next to it, and what it has more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Number {
    pub(crate) next_to: f64,
    rest: i16,
}

/// Numbers in any order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    next_to: Vec<f64>,
    /// None if all of them are 0.
    rests: Vec<i16>,
}

/// As many bits have all keys without their rests.
const ALL: u32 = u64::BITS;

impl From<f64> for Number {
    fn from(number: f64) -> Number {
        Number { next_to: number, rest: 0 }
    }
}

impl Number {
    /// A whole number of at most 64 bits.
    pub(crate) fn whole(number: i128) -> Number {
        let next_to = number as f64;
        // At most 1,024 apart.
        Number { next_to, rest: (number - next_to as i128) as i16 }
    }

    /// The whole number that it is.
    pub(crate) fn as_whole(self) -> i128 {
        self.next_to as i128 + i128::from(self.rest)
    }

    pub(crate) fn min(self, other: Number) -> Number {
        std::cmp::min_by_key(self, other, |number| number.order())
    }

    pub(crate) fn max(self, other: Number) -> Number {
        std::cmp::max_by_key(self, other, |number| number.order())
    }

    fn order(self) -> (u64, i16) {
        (key(self.next_to), self.rest)
    }

    /// The sixteen bits behind so many.
    fn next_bits(self, bits: u32) -> u16 {
        if bits == ALL { (self.rest as u16) ^ (1 << 15) } else { beginning(key(self.next_to), bits + BITS) as u16 }
    }
}

impl Numbers {
    pub(crate) fn extend(&mut self, more: Numbers) {
        if !self.rests.is_empty() || !more.rests.is_empty() {
            self.rests.resize(self.next_to.len(), 0);
            self.rests.extend(&more.rests);
        }
        self.next_to.extend(more.next_to);
        if !self.rests.is_empty() {
            self.rests.resize(self.next_to.len(), 0);
        }
    }

    fn sorted(mut self) -> Vec<Number> {
        self.rests.resize(self.next_to.len(), 0);
        let numbers = self.next_to.into_iter().zip(self.rests).map(|(next_to, rest)| Number { next_to, rest });
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable_by_key(|number| number.order());
        numbers
    }
}

impl FromIterator<Number> for Numbers {
    fn from_iter<I: IntoIterator<Item = Number>>(numbers: I) -> Numbers {
        let (next_to, mut rests): (Vec<_>, Vec<_>) =
            numbers.into_iter().map(|number| (number.next_to, number.rest)).unzip();
        if rests.iter().all(|rest| *rest == 0) {
            rests = Vec::new();
        }
        Numbers { next_to, rests }
    }
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
    pub(crate) fn collect(&self, numbers: impl IntoIterator<Item = Number>) -> Numbers {
        numbers.into_iter().filter(|number| self.place(key(number.next_to)).is_some()).collect()
    }

    /// Counts the numbers that may be wanted by sixteen more of their bits.
    pub(crate) fn count(&self, numbers: impl IntoIterator<Item = Number>) -> Counts {
        // A place for each sixteen bits behind each beginning.
        let mut places = vec![NONE; self.known.len() << BITS];
        for number in numbers {
            if let Some(at) = self.place(key(number.next_to)) {
                places[(at << BITS) | usize::from(number.next_bits(self.bits))].take(number);
            }
        }
        let mut counts = BTreeMap::new();
        for (known, places) in self.known.iter().zip(places.chunks(1 << BITS)) {
            let seen = (0..=u16::MAX).zip(places).filter(|(_, alike)| alike.count > 0);
            counts.extend(seen.map(|(next, &alike)| ((*known, next), alike)));
        }
        Counts(counts)
    }
}

const NONE: Alike = Alike { count: 0, least: 0, greatest: 0, least_rest: 0, greatest_rest: 0 };

impl Alike {
    fn take(&mut self, number: Number) {
        let (key, rest) = number.order();
        self.add(Alike { count: 1, least: key, greatest: key, least_rest: rest, greatest_rest: rest });
    }

    /// The number that all of them are.
    fn only(&self) -> Option<Number> {
        let only = self.least == self.greatest && self.least_rest == self.greatest_rest;
        only.then(|| Number { next_to: number(self.least), rest: self.least_rest })
    }

    fn add(&mut self, more: Alike) {
        if self.count == 0 {
            *self = more;
        } else {
            self.count += more.count;
            self.least = self.least.min(more.least);
            self.greatest = self.greatest.max(more.greatest);
            self.least_rest = self.least_rest.min(more.least_rest);
            self.greatest_rest = self.greatest_rest.max(more.greatest_rest);
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
            for (&(_, next), alike) in counts.0.range((beginning, 0)..=(beginning, u16::MAX)) {
                if place < alike.count {
                    let beginning = (beginning << BITS) | u64::from(next);
                    let among = Place::Among { beginning, place, count: alike.count };
                    *known = alike.only().map_or(among, Place::Found);
                    break;
                }
                place -= alike.count;
            }
        }
        self.bits += BITS;
    }

    /// All numbers that may be wanted are here, in any order.
    pub(crate) fn find(&mut self, numbers: Numbers) {
        let numbers = numbers.sorted();
        for known in &mut self.places {
            let Place::Among { beginning: begins, place, .. } = *known else { continue };
            let before = numbers.partition_point(|number| beginning(key(number.next_to), self.bits) < begins);
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
    pub(crate) fn numbers(&self) -> Vec<Number> {
        let number = |place: &Place| match *place {
            Place::Found(number) => number,
            Place::Among { .. } => Number::from(f64::NAN),
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
            self.0.entry(beginning).or_insert(NONE).add(alike);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<Number> {
        let mut seed = 1u64;
        let number = |at| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match at % 5 {
                0 => Number::from((seed >> 60) as f64),
                1 => Number::from(-((seed >> 40) as f64) / 7.0),
                2 => Number::from(f64::from_bits(seed & !(0x7ff << 52))),
                // Of those with one float64 next to them there are some.
                3 => Number::whole(i128::from(i64::MIN) + i128::from(seed >> 52)),
                _ => Number::from([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY][(seed >> 62) as usize]),
            }
        };
        (0..500).map(number).collect()
    }

    /// The numbers at all places, if more than `most` are never collected, and how many walks that took.
    fn selected(most: u64) -> (Vec<Number>, u32) {
        let numbers = numbers();
        let mut wanted = Wanted::places(0..500, 500);
        let mut walks = 0;
        while let Some((beginnings, count)) = wanted.open() {
            walks += 1;
            if count <= most {
                let mut collected = Numbers::default();
                numbers.chunks(77).for_each(|chunk| collected.extend(beginnings.collect(chunk.iter().copied())));
                wanted.find(collected);
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
        sorted.sort_by_key(|number| number.order());
        let orders = |numbers: &[Number]| numbers.iter().map(|number| number.order()).collect::<Vec<_>>();
        for (most, walks) in [(500, 1), (490, 2), (0, 5)] {
            let (found, took) = selected(most);
            assert!(orders(&found) == orders(&sorted), "at most {most} are collected");
            assert_eq!(took, walks, "at most {most} are collected");
        }
    }

    #[test]
    fn whole_numbers_of_64_bits_stay_what_they_are_and_in_their_order() {
        let ends = [i128::from(i64::MIN), -(1 << 53), 0, 1 << 53, i128::from(i64::MAX), i128::from(u64::MAX)];
        let near = ends.iter().flat_map(|end| (-3000..3000).map(move |apart| end + apart));
        let wholes: Vec<_> = near.filter(|whole| (ends[0]..=ends[5]).contains(whole)).collect();
        for pair in wholes.windows(2) {
            let [one, other] = [pair[0], pair[1]].map(Number::whole);
            assert_eq!(one.as_whole(), pair[0]);
            assert_eq!(one.order() < other.order(), pair[0] < pair[1], "{pair:?}");
            assert!(one.next_to != other.next_to || (one.next_bits(ALL) < other.next_bits(ALL)) == (pair[0] < pair[1]));
        }
    }

    #[test]
    fn what_begins_alike_and_is_equal_is_found_without_another_walk() {
        let mut wanted = Wanted::places([0, 2], 3);
        wanted.narrow(&Beginnings::all().count([7.0, 3.0, 7.0].map(Number::from)));
        assert_eq!((wanted.open(), wanted.numbers()), (None, [3.0, 7.0].map(Number::from).to_vec()));
    }
}
