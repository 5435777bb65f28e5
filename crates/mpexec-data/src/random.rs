//! The random numbers of NumPy's `RandomState(seed).randint(low, high, size)`, the same to the last bit.
//!
//! Tutorials begin with that line, so a file made here and an array made there must agree. It is the Mersenne Twister
//! MT19937, seeded by one number, and masked rejection: draw as many bits as the widest number needs until one fits.

use thiserror::Error;

const N: usize = 624;
const M: usize = 397;

/// The numbers handed on at once: 64 KiB of them.
const CHUNK: u64 = 8192;

/// A generator whose sequence is that of `numpy.random.RandomState(seed)`.
///
/// ```
/// use mpexec_data::LegacyRandom;
/// let mut row = [0; 5];
/// LegacyRandom::new(100).fill(0, 10, &mut row)?;
/// assert_eq!(row, [8, 8, 3, 7, 7]);
/// # Ok::<(), mpexec_data::EmptyRange>(())
/// ```
#[derive(Clone, Debug)]
pub struct LegacyRandom {
    state: [u32; N],
    next: usize,
}

/// The furthest end of a range: the greatest number is one less.
const END: i128 = 1 << 63;

/// The lowest number is not below the end of the range, or the end is beyond all numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no range of 64-bit numbers begins with {low} and ends before {high}")]
#[expect(missing_docs, reason = "the names say all there is to say")]
pub struct EmptyRange {
    pub low: i64,
    pub high: i128,
}

/// Generates `rows` times `cols` numbers of `low..high` from `seed` and hands them to `sink` in order, row after row,
/// in chunks of at most 64 KiB that need not end with a row. They are what `RandomState(seed).randint(low, high,
/// size=[rows, cols])` makes.
///
/// # Errors
/// [`EmptyRange`], as `E`, if `low >= high` or `high` is above 2^63, and the first error of `sink`, which ends it.
///
/// ```
/// let mut numbers = Vec::new();
/// mpexec_data::generate(2, 5, 0, 10, 100, |chunk| {
///     numbers.extend_from_slice(chunk);
///     Ok::<(), mpexec_data::EmptyRange>(())
/// })?;
/// assert_eq!(numbers, [8, 8, 3, 7, 7, 0, 4, 2, 5, 2]);
/// # Ok::<(), mpexec_data::EmptyRange>(())
/// ```
pub fn generate<E: From<EmptyRange>>(
    rows: u64,
    cols: u64,
    low: i64,
    high: i128,
    seed: u32,
    mut sink: impl FnMut(&[i64]) -> Result<(), E>,
) -> Result<(), E> {
    let mut random = LegacyRandom::new(seed);
    random.fill(low, high, &mut [])?;
    let mut missing = u128::from(rows) * u128::from(cols);
    let mut chunk = vec![0; missing.min(CHUNK.into()) as usize];
    while missing > 0 {
        let now = &mut chunk[..missing.min(CHUNK.into()) as usize];
        random.fill(low, high, now)?;
        sink(now)?;
        missing -= now.len() as u128;
    }
    Ok(())
}

impl LegacyRandom {
    /// Seeds as `RandomState(seed)` does for a whole number of 32 bits.
    pub fn new(seed: u32) -> LegacyRandom {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        LegacyRandom { state, next: N }
    }

    /// Fills `out` with numbers of `low..high`, as `randint(low, high, size=len)` does next. The end of the range may be
    /// 2^63, one more than the greatest number.
    ///
    /// # Errors
    /// [`EmptyRange`] if `low >= high`, or if the range ends where no number of 64 bits is.
    pub fn fill(&mut self, low: i64, high: i128, out: &mut [i64]) -> Result<(), EmptyRange> {
        if high <= i128::from(low) || high > END {
            return Err(EmptyRange { low, high });
        }
        // The greatest number less the least one: both fit into 64 bits, so the difference does.
        let span = (high - 1 - i128::from(low)) as u64;
        match u32::try_from(span) {
            // No number is drawn where there is no choice.
            Ok(0) => out.fill(low),
            Ok(span) => {
                let mask = u32::MAX >> span.leading_zeros();
                out.fill_with(|| low.wrapping_add_unsigned(self.below(span, mask)));
            }
            Err(_) => {
                let mask = u64::MAX >> span.leading_zeros();
                out.fill_with(|| low.wrapping_add_unsigned(self.below_wide(span, mask)));
            }
        }
        Ok(())
    }

    fn below(&mut self, span: u32, mask: u32) -> u64 {
        loop {
            let drawn = self.next_u32() & mask;
            if drawn <= span {
                return drawn.into();
            }
        }
    }

    fn below_wide(&mut self, span: u64, mask: u64) -> u64 {
        loop {
            // The upper half is drawn first.
            let (upper, lower) = (u64::from(self.next_u32()), u64::from(self.next_u32()));
            let drawn = (upper << 32 | lower) & mask;
            if drawn <= span {
                return drawn;
            }
        }
    }

    fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }
}
