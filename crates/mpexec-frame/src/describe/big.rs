//! Natural numbers of any length: as much of them as exact sums need.

use serde::{Deserialize, Serialize};

/// A natural number: 64 bits after another, the lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Big(Vec<u64>);

/// What a quotient is, as near as 64 bits tell: so many times a power of two. Any bit behind them is in the last one, so that
/// rounding it rounds the quotient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Near {
    /// Zero, or its highest bit is set.
    pub(super) bits: u64,
    pub(super) exponent: i32,
}

/// Behind the point a quotient has so many times 64 bits, more than two divisors take away.
const FRACTION: usize = 4;

impl Big {
    /// Adds `number` times two to the power of `shift`.
    pub(super) fn add_shifted(&mut self, number: u128, shift: usize) {
        let (at, bits) = (shift / 64, shift % 64);
        let high = if bits == 0 { 0 } else { (number >> 64) as u64 >> (64 - bits) };
        let low = number << bits;
        self.add_at(at, &[low as u64, (low >> 64) as u64, high]);
    }

    pub(super) fn add(&mut self, more: &Big) {
        self.add_at(0, &more.0);
    }

    /// Adds these, the first of which is the one at `at`.
    fn add_at(&mut self, at: usize, limbs: &[u64]) {
        let used = limbs.iter().rposition(|&limb| limb != 0).map_or(0, |last| last + 1);
        if self.0.len() < at + used && used > 0 {
            self.0.resize(at + used, 0);
        }
        let mut carry = false;
        for place in 0.. {
            let limb = limbs[..used].get(place).copied().unwrap_or_default();
            if place >= used && !carry {
                break;
            }
            let Some(mine) = self.0.get_mut(at + place) else {
                self.0.push(1);
                break;
            };
            let (sum, over) = mine.overflowing_add(limb);
            let (sum, again) = sum.overflowing_add(carry.into());
            (*mine, carry) = (sum, over || again);
        }
    }

    /// How far apart they are, and whether `other` is the greater one.
    pub(super) fn apart(&self, other: &Big) -> (Big, bool) {
        let limb = |big: &Big, at: usize| big.0.get(at).copied().unwrap_or_default();
        let length = self.0.len().max(other.0.len());
        let differs = (0..length).rev().find(|&at| limb(self, at) != limb(other, at));
        let less = differs.is_some_and(|at| limb(self, at) < limb(other, at));
        let (great, small) = if less { (other, self) } else { (self, other) };
        let mut borrow = false;
        let limbs = (0..length).map(|at| {
            let (rest, under) = limb(great, at).overflowing_sub(limb(small, at));
            let (rest, again) = rest.overflowing_sub(borrow.into());
            borrow = under || again;
            rest
        });
        (Big(limbs.collect()), less)
    }

    pub(super) fn times(&self, other: &Big) -> Big {
        let mut product = Big::default();
        for (at, &mine) in self.0.iter().enumerate().filter(|(_, limb)| **limb != 0) {
            for (place, &theirs) in other.0.iter().enumerate().filter(|(_, limb)| **limb != 0) {
                product.add_shifted(u128::from(mine) * u128::from(theirs), 64 * (at + place));
            }
        }
        product
    }

    /// The number, if it has no more bits.
    pub(super) fn low(&self) -> u128 {
        let limb = |at| u128::from(self.0.get(at).copied().unwrap_or_default());
        limb(0) | limb(1) << 64
    }

    /// Divided by at most two numbers, none of which is 0.
    pub(super) fn divided(&self, by: &[u64]) -> Near {
        let mut quotient = [&[0; FRACTION][..], &self.0].concat();
        let mut more = false;
        for &by in by {
            let mut rest = 0;
            for limb in quotient.iter_mut().rev() {
                let all = u128::from(rest) << 64 | u128::from(*limb);
                *limb = (all / u128::from(by)) as u64;
                rest = (all % u128::from(by)) as u64;
            }
            more |= rest != 0;
        }
        let Some(highest) = quotient.iter().rposition(|&limb| limb != 0) else {
            return Near { bits: more.into(), exponent: 0 };
        };
        let below = |places: usize| highest.checked_sub(places).map_or(0, |at| quotient[at]);
        let free = quotient[highest].leading_zeros();
        let two = (u128::from(quotient[highest]) << 64 | u128::from(below(1))) << free;
        more |= two as u64 != 0 || quotient[..highest.saturating_sub(1)].iter().any(|&limb| limb != 0);
        let exponent = 64 * (highest as i32 - FRACTION as i32) - free as i32;
        Near { bits: (two >> 64) as u64 | u64::from(more), exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(number: u128, shift: usize) -> Big {
        let mut big = Big::default();
        big.add_shifted(number, shift);
        big
    }

    #[test]
    fn sums_carry_and_differences_borrow_over_all_places() {
        for shift in [0, 1, 63, 64, 100, 128] {
            let mut sum = big(u128::MAX, shift);
            sum.add_shifted(1, shift);
            let power = big(1, shift + 128);
            assert_eq!(sum.apart(&power).0.divided(&[]).bits, 0, "{shift}");
            let one = big(1, shift);
            assert_eq!(power.apart(&one), one.apart(&power).0.apart(&Big::default()), "{shift}");
            assert!(one.apart(&power).1 && !power.apart(&one).1);
            let mut back = power.apart(&one).0;
            back.add(&one);
            assert_eq!(back.apart(&power).0.divided(&[]).bits, 0, "{shift}");
        }
    }

    #[test]
    fn products_and_quotients_are_exact_as_far_as_they_are_told() {
        let (a, b) = (0xfedc_ba98_7654_3210_0123_4567_89ab_cdef_u128, 0xffff_0001_ffff_ffff_u64);
        let product = big(a, 70).times(&big(b.into(), 3));
        assert_eq!(product.divided(&[b, 1]), big(a, 73).divided(&[]));
        assert_eq!(big(12, 0).times(&big(5, 0)).low(), 60);
        assert_eq!(big(60, 0).divided(&[4, 5]), Near { bits: 3 << 62, exponent: -62 });
        // A third: the last of the 64 bits says that more of them follow.
        assert_eq!(big(1, 0).divided(&[3]), Near { bits: 0xaaaa_aaaa_aaaa_aaab, exponent: -65 });
        assert_eq!(big(1, 0).divided(&[u64::MAX, u64::MAX]).exponent, -191);
        assert_eq!(Big::default().divided(&[7]), Near { bits: 0, exponent: 0 });
    }
}
