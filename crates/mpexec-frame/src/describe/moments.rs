//! Mean and standard deviation, of exact sums: of the numbers and of their squares, without any rounding. So they do not depend on the
//! order of the numbers or on how a table is cut, and a mean that is far from zero costs no digit.
//!
//! A float64 is a whole number of 53 bits times a power of two. Those with the same power are summed up first, and then shifted to where
//! they belong in a number that is as long as it takes (some 2,200 bits, and 4,300 for squares).

use serde::{Deserialize, Serialize};

use super::big::{Big, Near};
use crate::select::Number;

/// The sums of some numbers and of their squares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moments {
    count: u64,
    /// What is counted in: 1, or of float64 the least of them.
    floats: bool,
    /// Those above zero, and those below.
    above: Big,
    below: Big,
    squares: Big,
    /// Whether some are infinite, above zero and below.
    infinite: [bool; 2],
}

/// The power of two of the least float64 above zero.
const LEAST: i32 = -1074;

/// The numbers with one power of two: so many bits of a square and of a count fit into 128 bits.
#[derive(Clone, Copy, Default)]
struct Alike {
    sum: i128,
    squares: u128,
}

/// So many numbers at most are summed up before they are shifted.
const AT_ONCE: usize = 1 << 20;

/// As many powers of two there are.
const POWERS: usize = 1 << 11;

impl Moments {
    /// Those of float64.
    pub(super) fn of_floats(numbers: &[Number]) -> Moments {
        let mut done = Moments { floats: true, count: numbers.len() as u64, ..Moments::default() };
        let mut powers = vec![Alike::default(); POWERS];
        for numbers in numbers.chunks(AT_ONCE) {
            for number in numbers {
                let bits = number.next_to.to_bits();
                let power = (bits >> 52) as usize & (POWERS - 1);
                // Of those with the least power the highest bit is not left out.
                let whole = (bits & ((1 << 52) - 1)) | u64::from(power > 0) << 52;
                let negative = bits >> 63 == 1;
                if power == POWERS - 1 {
                    done.infinite[usize::from(negative)] = true;
                    continue;
                }
                powers[power].sum += if negative { -i128::from(whole) } else { whole.into() };
                powers[power].squares += u128::from(whole) * u128::from(whole);
            }
            for (power, alike) in powers.iter_mut().enumerate().filter(|(_, alike)| alike.squares > 0) {
                let shift = power.saturating_sub(1);
                let Alike { sum, squares } = std::mem::take(alike);
                done.side(sum).add_shifted(sum.unsigned_abs(), shift);
                done.squares.add_shifted(squares, 2 * shift);
            }
        }
        done
    }

    /// Those of whole numbers of at most 64 bits.
    pub(super) fn of_wholes(numbers: &[Number]) -> Moments {
        let mut done = Moments { count: numbers.len() as u64, ..Moments::default() };
        let (mut sum, mut squares, mut carried) = (0, 0u128, 0u64);
        for number in numbers {
            let whole = number.as_whole();
            sum += whole;
            let (more, over) = squares.overflowing_add(whole.unsigned_abs() * whole.unsigned_abs());
            (squares, carried) = (more, carried + u64::from(over));
        }
        done.side(sum).add_shifted(sum.unsigned_abs(), 0);
        done.squares.add_shifted(squares, 0);
        done.squares.add_shifted(carried.into(), 128);
        done
    }

    fn side(&mut self, sum: i128) -> &mut Big {
        if sum < 0 { &mut self.below } else { &mut self.above }
    }

    pub(super) fn add(&mut self, more: &Moments) {
        self.count += more.count;
        self.floats |= more.floats;
        self.above.add(&more.above);
        self.below.add(&more.below);
        self.squares.add(&more.squares);
        self.infinite = [0, 1].map(|at| self.infinite[at] || more.infinite[at]);
    }

    /// The mean of float64 or whole numbers; `None` of none.
    pub(super) fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let (sum, negative) = self.above.apart(&self.below);
        Some(match self.infinite {
            [false, false] => {
                let mean = sum.divided(&[self.count]).float(self.unit());
                if negative { -mean } else { mean }
            }
            [true, false] => f64::INFINITY,
            [false, true] => f64::NEG_INFINITY,
            [true, true] => f64::NAN,
        })
    }

    /// The sum of whole numbers, of which there are not so many that it would have more bits.
    pub(super) fn whole(&self) -> i128 {
        let (sum, negative) = self.above.apart(&self.below);
        if negative { -(sum.low() as i128) } else { sum.low() as i128 }
    }

    /// The standard deviation of a sample; `None` of less than two numbers.
    pub(super) fn deviation(&self) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        if self.infinite != [false, false] {
            return Some(f64::NAN);
        }
        let mut count = Big::default();
        count.add_shifted(self.count.into(), 0);
        let (sum, _) = self.above.apart(&self.below);
        // The sum of all distances' squares, so many times as there are numbers.
        let (apart, _) = self.squares.times(&count).apart(&sum.times(&sum));
        Some(apart.divided(&[self.count, self.count - 1]).root(2 * self.unit()))
    }

    /// The power of two that is counted in.
    fn unit(&self) -> i32 {
        if self.floats { LEAST } else { 0 }
    }
}

impl Near {
    /// The float64 next to it, times this power of two.
    fn float(self, unit: i32) -> f64 {
        shifted(self.bits as f64, self.exponent + unit)
    }

    /// The root, times that of this power of two.
    fn root(self, unit: i32) -> f64 {
        let exponent = self.exponent + unit;
        let odd = exponent.rem_euclid(2);
        // Not of the number itself, which may be beyond what float64 has.
        shifted(shifted(self.bits as f64, odd).sqrt(), (exponent - odd) / 2)
    }
}

/// A number times a power of two.
fn shifted(mut number: f64, mut exponent: i32) -> f64 {
    const STEP: i32 = 1000;
    while exponent != 0 && number != 0.0 && number.is_finite() {
        let step = exponent.clamp(-STEP, STEP);
        number *= 2f64.powi(step);
        exponent -= step;
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: impl IntoIterator<Item = f64>) -> Vec<Number> {
        numbers.into_iter().map(Number::from).collect()
    }

    #[test]
    fn a_mean_far_from_zero_costs_no_digit() {
        // Every second one is so much more: the deviation is half of that, times √(n/(n-1)).
        let near = |far: f64, step: f64| numbers((0..1_000).map(|at| far + f64::from(at % 2) * step));
        let more = (1_000f64 / 999.0).sqrt() / 2.0;
        for (far, step) in [(0.0, 1.0), (1e15, 0.25), (-1e15, 0.25), (1e300, 2f64.powi(950)), (1e8, 2f64.powi(-24))] {
            let found = Moments::of_floats(&near(far, step));
            assert_eq!(found.mean(), Some(far + step / 2.0), "{far}");
            assert_eq!(found.deviation(), Some(more * step), "{far}");
        }
        let wholes = |first: i128| (0..1_000).map(|at| Number::whole(first + at % 2)).collect::<Vec<_>>();
        for first in [0, i128::from(i64::MIN), i128::from(u64::MAX) - 1] {
            let found = Moments::of_wholes(&wholes(first));
            assert_eq!((found.whole(), found.deviation()), (1_000 * first + 500, Some(more)), "{first}");
        }
    }

    #[test]
    fn sums_are_the_same_in_any_order_and_however_they_are_cut() {
        let mut seed = 7u64;
        let mut all = numbers((0..3_000).map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from_bits(seed)
        }));
        all.retain(|number| number.next_to.is_finite());
        let whole = Moments::of_floats(&all);
        all.reverse();
        for each in [1, 7, 1_000] {
            let mut sum = Moments::default();
            all.chunks(each).for_each(|chunk| sum.add(&Moments::of_floats(chunk)));
            assert_eq!((sum.mean(), sum.deviation()), (whole.mean(), whole.deviation()), "{each}");
        }
    }

    #[test]
    fn the_least_and_the_greatest_numbers_are_summed_up_as_well() {
        let of = |all: &[f64]| {
            let found = Moments::of_floats(&numbers(all.iter().copied()));
            (found.mean(), found.deviation())
        };
        let least = f64::from_bits(1);
        assert_eq!(of(&[least, least * 3.0]).0, Some(least * 2.0));
        assert_eq!(of(&[f64::MAX, f64::MAX]), (Some(f64::MAX), Some(0.0)));
        assert_eq!(of(&[-1e308, 1e308]), (Some(0.0), Some(1e308 * 2f64.sqrt())));
        assert_eq!(of(&[0.1, 0.1, 0.1]), (Some(0.1), Some(0.0)));
        assert_eq!((of(&[]), of(&[7.0])), ((None, None), (Some(7.0), None)));
        assert_eq!(of(&[f64::INFINITY, 1.0]).0, Some(f64::INFINITY));
        assert!(of(&[f64::INFINITY, 1.0]).1.is_some_and(f64::is_nan));
        assert!(of(&[f64::INFINITY, f64::NEG_INFINITY]).0.is_some_and(f64::is_nan));
    }
}
