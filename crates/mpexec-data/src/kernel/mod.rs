//! From bytes of numbers to counts of rows, in two steps that know nothing of each other.
//!
//! First every number becomes one bit: in range or not. That step depends on the kind of number and its byte order and
//! on nothing else. Then the bits of each row are counted, which depends on the number of columns and on nothing else.
//! So ten kinds in two orders and any shape need one test per width of number, and each step runs on whole registers.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
mod rows;

use crate::Layout;
use crate::bounds::Interval;

/// The most numbers tested at once: their bits and counts stay in the first cache.
pub(crate) const BLOCK: usize = 8192;

/// Bytes for the bits of a block, and some more, so that the last rows can be loaded as a whole register.
pub(crate) const BIT_BYTES: usize = BLOCK / 8 + 16;

/// The question asked of every number of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Test {
    /// Nothing is in range.
    Never,
    W8 {
        lo: u8,
        span: u8,
    },
    W16 {
        lo: u16,
        span: u16,
    },
    W32 {
        lo: u32,
        span: u32,
    },
    W64 {
        lo: u64,
        span: u64,
    },
    F32 {
        lo: f32,
        hi: f32,
    },
    F64 {
        lo: f64,
        hi: f64,
    },
}

/// A test, the byte order of the file and the instructions this processor has, chosen once per range of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    test: Test,
    /// Whether the file's byte order is not little-endian.
    swap: bool,
    fast: bool,
}

/// Does the work with all instructions that this processor has. `work` is to be a function that is always inlined: a closure may
/// stay apart, and is compiled for every processor then.
pub(crate) fn with_all_instructions<A, T>(work: impl FnOnce(A) -> T, with: A) -> T {
    #[cfg(target_arch = "x86_64")]
    if avx2::has_bits() {
        return avx2::compiled(work, with);
    }
    work(with)
}

impl Kernel {
    pub(crate) fn new(layout: &Layout, interval: Interval) -> Kernel {
        let test = match (interval, layout.dtype.size()) {
            (Interval::Empty, _) => Test::Never,
            (Interval::F32 { lo, hi }, _) => Test::F32 { lo, hi },
            (Interval::F64 { lo, hi }, _) => Test::F64 { lo, hi },
            (Interval::Whole { lo, span }, 1) => Test::W8 { lo: lo as u8, span: span as u8 },
            (Interval::Whole { lo, span }, 2) => Test::W16 { lo: lo as u16, span: span as u16 },
            (Interval::Whole { lo, span }, 4) => Test::W32 { lo: lo as u32, span: span as u32 },
            (Interval::Whole { lo, span }, _) => Test::W64 { lo, span },
        };
        Kernel { test, swap: layout.big_endian, fast: fast() }
    }

    /// The same without any instructions beyond the target's own.
    #[cfg(test)]
    pub(crate) fn portable(self) -> Kernel {
        Kernel { fast: false, ..self }
    }

    /// Tests at most [`BLOCK`] numbers: bit `i` of `bits` says whether number `i` is in range. The bits behind the last
    /// number, up to a whole byte, are zero.
    pub(crate) fn mask(&self, numbers: &[u8], bits: &mut [u8; BIT_BYTES]) {
        #[cfg(target_arch = "x86_64")]
        if self.fast {
            return avx2::mask(self.test, self.swap, numbers, bits);
        }
        portable::mask(self.test, self.swap, numbers, bits);
    }

    /// Counts whole rows of `cols` numbers, 1 to [`BLOCK`] of them in all, into one byte each, or two beyond 255
    /// columns.
    pub(crate) fn count_rows(&self, numbers: &[u8], cols: usize, bits: &mut [u8; BIT_BYTES], out: &mut [u8]) {
        self.mask(numbers, bits);
        #[cfg(target_arch = "x86_64")]
        if self.fast {
            return avx2::count_bits(bits, cols, out);
        }
        rows::count_bits(bits, cols, out);
    }

    /// Adds bit `i` to the byte `out[i]`.
    pub(crate) fn add_bits(&self, bits: &[u8; BIT_BYTES], out: &mut [u8]) {
        rows::add_bits(bits, out);
    }

    /// How many of the first `numbers` bits are set.
    pub(crate) fn ones(&self, bits: &[u8; BIT_BYTES], numbers: usize) -> u64 {
        rows::ones(bits, 0, numbers)
    }
}

/// Adds to `found[i]` how often the byte `i` occurs. All of them are below `bins`.
pub(crate) fn histogram(counts: &[u8], bins: usize, found: &mut [u64; 256]) {
    #[cfg(target_arch = "x86_64")]
    if fast() {
        return avx2::histogram(counts, bins, found);
    }
    rows::histogram(counts, bins, found);
}

fn fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::supported();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[cfg(test)]
mod tests;
