//! Order statistics of any number of values, exactly and in bounded memory: the values are walked four times, and each walk finds
//! sixteen more bits of those that are looked for.
//!
//! A float64 has a key of 64 bits with the same order. The first walk counts how many keys begin with each sixteen bits, so it is
//! known with which bits the wanted one begins, and how many with the same beginning come before it; and so on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The walks that are needed.
pub(crate) const WALKS: u32 = 4;
const BITS: u32 = 16;

/// How many keys have each of the next sixteen bits, by what they begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts(BTreeMap<u64, u64>);

/// The places in order that are looked for, and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// The bits that were found so far, and the place among the keys that begin so.
    found: Vec<(u64, u64)>,
    /// Walks done.
    walks: u32,
}

/// A key with the order of the numbers; of the two zeros the negative one comes first.
fn key(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn number(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

impl Wanted {
    /// These places, from 0 on.
    pub(crate) fn places(places: impl IntoIterator<Item = u64>) -> Wanted {
        Wanted { found: places.into_iter().map(|place| (0, place)).collect(), walks: 0 }
    }

    /// Counts the numbers that may be wanted.
    pub(crate) fn count(&self, numbers: impl IntoIterator<Item = f64>, counts: &mut Counts) {
        let shift = 64 - BITS * (self.walks + 1);
        let mut known: Vec<u64> = self.found.iter().map(|&(found, _)| found).collect();
        known.sort_unstable();
        known.dedup();
        // A place for each sixteen bits behind each beginning.
        let mut places = vec![0u32; known.len() << BITS];
        for number in numbers {
            let beginning = key(number) >> shift;
            if let Some(at) = known.iter().position(|&found| found == beginning >> BITS) {
                places[(at << BITS) | usize::from(beginning as u16)] += 1;
            }
        }
        for (known, places) in known.iter().zip(places.chunks(1 << BITS)) {
            for (next, &count) in (0..).zip(places).filter(|&(_, &count)| count > 0) {
                *counts.0.entry((known << BITS) | next).or_default() += u64::from(count);
            }
        }
    }

    /// All numbers were counted: sixteen more bits are known.
    pub(crate) fn narrow(&mut self, counts: &Counts) {
        for (found, place) in &mut self.found {
            let beginnings = counts.0.range(*found << BITS..=(*found << BITS) | u64::from(u16::MAX));
            for (beginning, count) in beginnings {
                if *place < *count {
                    *found = *beginning;
                    break;
                }
                *place -= count;
            }
        }
        self.walks += 1;
    }

    /// The numbers, after all walks.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        self.found.iter().map(|&(found, _)| number(found)).collect()
    }
}

impl Counts {
    pub(crate) fn add(&mut self, more: Counts) {
        for (beginning, count) in more.0 {
            *self.0.entry(beginning).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_at_all_places_are_those_of_sorting() {
        let mut seed = 1u64;
        let mut numbers: Vec<f64> = (0..500)
            .map(|at| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                match at % 4 {
                    0 => (seed >> 60) as f64,
                    1 => -((seed >> 40) as f64) / 7.0,
                    2 => f64::from_bits(seed & !(0x7ff << 52)),
                    _ => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY][(seed >> 62) as usize],
                }
            })
            .collect();
        let mut wanted = Wanted::places(0..500);
        for _ in 0..WALKS {
            let mut counts = Counts::default();
            for chunk in numbers.chunks(77) {
                let mut of_chunk = Counts::default();
                wanted.count(chunk.iter().copied(), &mut of_chunk);
                counts.add(of_chunk);
            }
            wanted.narrow(&counts);
        }
        numbers.sort_by(f64::total_cmp);
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&wanted.numbers()), bits(&numbers));
    }
}
