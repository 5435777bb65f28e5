//! Rows without quotes, cut and counted in one walk: most rows of numbers are such, and this is several times as fast as
//! cutting first and reading then.
//!
//! What is not as plain as that (quotes, lone carriage returns, cells that are no numbers, rows with too many or too few fields,
//! the end of the text) is left to the reader of all rows, which then says what is wrong if something is.

use crate::CellBounds;

/// Counts plain rows.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    delimiter: u8,
    /// For each field, whether it counts.
    fields: Vec<bool>,
}

/// As many digits fit into the 53 bits of a float64, whatever they are.
const EXACT_DIGITS: usize = 15;

/// As many fit into 63 bits.
const SAFE_DIGITS: usize = 18;

/// Powers of ten that a float64 holds exactly.
const TENS: [f64; EXACT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl Plain {
    /// For rows of so many fields, of which these count; `None` if the delimiter is what numbers or line ends are made of.
    pub(super) fn new(delimiter: u8, fields: usize, columns: &[usize]) -> Option<Plain> {
        if fields == 0 || delimiter.is_ascii_digit() || matches!(delimiter, b'.' | b'-' | b'+' | b'"' | b'\r' | b'\n') {
            return None;
        }
        let mut wanted = vec![false; fields];
        columns.iter().for_each(|&column| wanted[column] = true);
        Some(Plain { delimiter, fields: wanted })
    }

    /// The numbers in range of the row that begins at `at`, and where the next begins; `None` if it is not plain, or does not end in
    /// `text`, in which there are no quotes.
    #[inline]
    pub(super) fn count(&self, text: &[u8], mut at: usize, bounds: &CellBounds) -> Option<(u64, usize)> {
        // Empty lines are no rows.
        while matches!(text.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        let mut count = 0;
        let last = self.fields.len() - 1;
        for (column, &wanted) in self.fields.iter().enumerate() {
            if wanted {
                let (held, end) = self.cell(text, at, bounds)?;
                count += u64::from(held);
                at = end;
            } else {
                at = self.end_of_cell(text, at)?;
            }
            match *text.get(at)? {
                b'\n' if column == last => at += 1,
                b'\r' if column == last && text.get(at + 1) == Some(&b'\n') => at += 2,
                byte if byte == self.delimiter && column < last => at += 1,
                _ => return None,
            }
        }
        Some((count, at))
    }

    /// Whether the number that begins at `begin` is in range, and where its cell ends.
    #[inline(always)]
    fn cell(&self, text: &[u8], begin: usize, bounds: &CellBounds) -> Option<(bool, usize)> {
        if let Some(held) = self.short(text, begin, false, bounds) {
            return Some(held);
        }
        // The sign is looked at only here, so that where the next cell begins does not wait for it.
        match text.get(begin)? {
            b'-' => self.short(text, begin + 1, true, bounds).or_else(|| self.long(text, begin, bounds)),
            _ => self.long(text, begin, bounds),
        }
    }

    /// The same for a number of at most seven bytes behind its sign, which is read as one word: how long it is decides nothing, as
    /// a processor that guesses lengths is wrong more often than not.
    #[inline(always)]
    fn short(&self, text: &[u8], begin: usize, negative: bool, bounds: &CellBounds) -> Option<(bool, usize)> {
        let word = u64::from_le_bytes(*text.get(begin..)?.first_chunk()?);
        let digits = word ^ (EACH * 0x30);
        // The high bit of each byte that is no digit.
        let others = (((digits & (EACH * 0x7f)) + EACH * 0x76) | digits) & (EACH * 0x80);
        let whole = others.trailing_zeros() / 8;
        if others == 0 || whole == 0 {
            return None;
        }
        let byte = |at: u32| (word >> (8 * at)) as u8;
        let (held, end) = if byte(whole) == b'.' {
            let others = others & (others - 1);
            if others == 0 {
                return None;
            }
            let end = others.trailing_zeros() / 8;
            let before = (1 << (8 * whole)) - 1;
            // The digits without the point.
            let digits = (digits & before) | ((digits >> 8) & !before);
            // Two numbers that are exact give the float64 next to their quotient, which is what reading the text gives.
            let number = value(digits, end - 1) as f64 / TENS[(end - 1 - whole) as usize];
            (bounds.holds_float(if negative { -number } else { number }), end)
        } else {
            let number = value(digits, whole).cast_signed();
            (bounds.holds_signed(if negative { -number } else { number }), whole)
        };
        self.ends(byte(end)).then_some((held, begin + end as usize))
    }

    /// The same for any other cell.
    #[inline(never)]
    fn long(&self, text: &[u8], begin: usize, bounds: &CellBounds) -> Option<(bool, usize)> {
        let negative = *text.get(begin)? == b'-';
        let mut at = begin + usize::from(negative);
        let (mut digits, from) = (0, at);
        digits = more_digits(text, &mut at, digits);
        let whole = at - from;
        let mut held = None;
        if text.get(at) == Some(&b'.') {
            at += 1;
            let from = at;
            digits = more_digits(text, &mut at, digits);
            let behind = at - from;
            if (1..=EXACT_DIGITS).contains(&(whole + behind)) {
                let number = digits as f64 / TENS[behind];
                held = Some(bounds.holds_float(if negative { -number } else { number }));
            }
        } else if (1..=SAFE_DIGITS).contains(&whole) {
            let number = digits.cast_signed();
            held = Some(bounds.holds_signed(if negative { -number } else { number }));
        }
        let end = *text.get(at)?;
        match held {
            Some(held) if self.ends(end) => Some((held, at)),
            _ => {
                let end = self.end_of_cell(text, begin)?;
                Some((bounds.holds(&text[begin..end])?, end))
            }
        }
    }

    /// Whether a cell ends with this byte.
    #[inline(always)]
    fn ends(&self, byte: u8) -> bool {
        (byte == self.delimiter) | (byte == b'\n') | (byte == b'\r')
    }

    #[inline]
    fn end_of_cell(&self, text: &[u8], begin: usize) -> Option<usize> {
        text[begin..].iter().position(|&byte| self.ends(byte)).map(|length| begin + length)
    }
}

/// One in each byte of a word.
const EACH: u64 = 0x0101_0101_0101_0101;

/// The number of which the first `count` bytes, 1 to 8, are the digits: two, then four, then all eight of them are put together.
#[inline(always)]
fn value(digits: u64, count: u32) -> u64 {
    // Zeros before the first digit; what is behind the last is dropped.
    let digits = digits << (64 - 8 * count);
    let pairs = (digits.wrapping_mul((10 << 8) | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul((100 << 16) | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul((10_000 << 32) | 1) >> 32
}

/// Reads digits behind those that were read; too many of them give nonsense, and the caller sees how many there were.
#[inline(always)]
fn more_digits(text: &[u8], at: &mut usize, mut digits: u64) -> u64 {
    while let Some(digit) = text.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        digits = digits.wrapping_mul(10).wrapping_add(digit.into());
        *at += 1;
    }
    digits
}
