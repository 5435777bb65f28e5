//! Cells held against bounds as the text that they are, without being made numbers of: two numbers with as many digits behind the
//! point compare as their digits do, and the digits of a cell are the bytes of one word.

use std::ops::RangeInclusive;

use crate::CellBounds;

/// As many digits fit into the 53 bits of a float64, whatever they are.
const EXACT_DIGITS: usize = 15;

/// What stands for a point and for a sign where digits stand as 0 to 9.
const POINT: u8 = b'.' ^ 0x30;
const MINUS: u8 = b'-' ^ 0x30;

/// Makes a type for cells of at most as many bytes as a word has.
macro_rules! keys {
    ($name:ident, $word:ty) => {
        /// For each number of digits behind the point the first word in range, and how many follow.
        #[derive(Clone, Debug)]
        pub(super) struct $name {
            positive: [($word, $word); size_of::<$word>()],
            negative: [($word, $word); size_of::<$word>()],
        }

        impl $name {
            const BYTES: usize = size_of::<$word>();
            /// One in each byte.
            const EACH: $word = <$word>::MAX / 0xff;

            pub(super) fn new(bounds: &CellBounds) -> $name {
                let spans: [_; Self::BYTES] = std::array::from_fn(|places| {
                    let digits = if places == 0 { Self::BYTES } else { EXACT_DIGITS.min(Self::BYTES - 1) };
                    bounds.decimals(digits as u32, places as u32)
                });
                let keys = |numbers: &dyn Fn(&RangeInclusive<i64>) -> (i64, i64)| {
                    std::array::from_fn(|places| match numbers(&spans[places]) {
                        (least, most) if least.max(0) <= most => {
                            let least = Self::key(least.max(0), places);
                            (least, Self::key(most, places) - least)
                        }
                        // No text has this word.
                        _ => (<$word>::MAX, 0),
                    })
                };
                $name {
                    positive: keys(&|span| (*span.start(), *span.end())),
                    negative: keys(&|span| (-span.end(), -span.start())),
                }
            }

            /// The word of a number with so many digits behind the point: the last digit is the lowest byte.
            fn key(mut number: i64, places: usize) -> $word {
                (0..Self::BYTES).fold(0, |key, byte| {
                    if places > 0 && byte == places {
                        return key | <$word>::from(POINT) << (8 * byte);
                    }
                    let digit = (number % 10) as $word;
                    number /= 10;
                    key | digit << (8 * byte)
                })
            }

            /// Whether the number that the first `length` bytes of `text` are, at least one, is in range; `None` if it is written
            /// otherwise than as digits with a minus before and a point between them. How long it is decides nothing, as a
            /// processor that guesses lengths is wrong more often than not.
            #[inline(always)]
            pub(super) fn holds(&self, text: [u8; size_of::<$word>()], length: usize) -> Option<bool> {
                let begin = <$word>::BITS - 8 * length as u32;
                // Zeros stand before the first digit, and what is behind the cell is dropped.
                let mut digits = (<$word>::from_le_bytes(text) ^ (Self::EACH * 0x30)) << begin;
                // The high bit of each byte that is no digit.
                let mut others = (((digits & (Self::EACH * 0x7f)) + Self::EACH * 0x76) | digits) & (Self::EACH * 0x80);
                let (mut first, mut places, mut keys) = (begin, 0, &self.positive);
                if others != 0 {
                    if (digits >> begin) as u8 == MINUS {
                        (first, keys) = (begin + 8, &self.negative);
                        digits &= !(0xff << begin);
                        others &= others - 1;
                        if first == <$word>::BITS {
                            return None;
                        }
                    }
                    if others != 0 {
                        let point = others.trailing_zeros() & !7;
                        places = Self::BYTES - 1 - (point / 8) as usize;
                        let alone = others & (others - 1) == 0;
                        if !alone || (digits >> point) as u8 != POINT || point == first || places == 0 {
                            return None;
                        }
                    }
                }
                let (least, more) = keys[places];
                Some(digits.swap_bytes().wrapping_sub(least) <= more)
            }
        }
    };
}

keys!(Short, u64);
keys!(Long, u128);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: [(&str, &str); 8] = [
        ("4", "8"),
        ("-12.5", "0.3"),
        ("0", "0"),
        ("-0.0", "1e300"),
        ("nan", "3"),
        ("-inf", "nan"),
        ("8.25", "8.75"),
        ("-99999999999999999", "0.1"),
    ];

    proptest! {
        #[test]
        fn a_word_says_what_its_text_says(
            text in prop_oneof!["-?[0-9]{1,7}\\.?[0-9]{0,7}", "[-+.e0-9 ]{1,16}", "-?[0-9]\\.[0-9]{1,13}", "-?(0\\.3|12\\.50{0,8}|0\\.30{0,8}|8|4)"],
            behind in "[,\n0-9.-]{16}",
            bounds in prop::sample::select(&BOUNDS[..]),
        ) {
            let bounds = CellBounds::parse(bounds.0, bounds.1).unwrap();
            let whole = text.clone() + &behind;
            let plainly = bounds.holds(text.as_bytes());
            let long = Long::new(&bounds).holds(*whole.as_bytes().first_chunk().unwrap(), text.len());
            prop_assert!(long.is_none() || long == plainly, "{}: {:?}, {:?}", text, long, plainly);
            if text.len() <= 8 {
                let short = Short::new(&bounds).holds(*whole.as_bytes().first_chunk().unwrap(), text.len());
                prop_assert_eq!(short, long);
            }
            // What is written plainly is never left to others.
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let (before, behind) = digits.split_once('.').unwrap_or((digits, "0"));
            let plain = [before, behind].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert_eq!(long.is_some(), plain);
        }
    }
}
