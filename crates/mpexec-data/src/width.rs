//! The smallest unsigned type that holds the count of a row. Twenty million counts of five columns are 20 MB and not
//! 160, which is what crosses to the coordinator or goes to the disk.

use crate::DType;

/// The type of one count: the smallest unsigned one that holds the number of columns. Counts are little-endian.
///
/// ```
/// use mpexec_data::{CountWidth, DType};
/// let width = CountWidth::for_columns(5);
/// assert_eq!((width, width.bytes(), width.dtype()), (CountWidth::U8, 1, DType::U8));
/// assert_eq!(CountWidth::U16.read(&[1, 0, 0, 1]).collect::<Vec<_>>(), [1, 256]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name says all there is to say")]
pub enum CountWidth {
    U8,
    U16,
    U32,
    U64,
}

impl CountWidth {
    /// The type for rows of `cols` numbers.
    pub const fn for_columns(cols: u64) -> CountWidth {
        match cols {
            0..=0xff => CountWidth::U8,
            0x100..=0xffff => CountWidth::U16,
            0x1_0000..=0xffff_ffff => CountWidth::U32,
            _ => CountWidth::U64,
        }
    }

    /// The bytes of one count: 1, 2, 4 or 8.
    pub const fn bytes(self) -> usize {
        match self {
            CountWidth::U8 => 1,
            CountWidth::U16 => 2,
            CountWidth::U32 => 4,
            CountWidth::U64 => 8,
        }
    }

    /// The kind of number, for the header of a `.npy` file of counts.
    pub const fn dtype(self) -> DType {
        match self {
            CountWidth::U8 => DType::U8,
            CountWidth::U16 => DType::U16,
            CountWidth::U32 => DType::U32,
            CountWidth::U64 => DType::U64,
        }
    }

    /// Reads counts as they are written by [`count_range_into`](crate::count_range_into); an incomplete last one is
    /// left out.
    pub fn read(self, counts: &[u8]) -> impl Iterator<Item = u64> + '_ {
        counts.chunks_exact(self.bytes()).map(read_one)
    }

    /// Writes one count to the beginning of `place`.
    #[inline]
    pub(crate) fn write(self, count: u64, place: &mut [u8]) {
        place[..self.bytes()].copy_from_slice(&count.to_le_bytes()[..self.bytes()]);
    }
}

/// Reads a little-endian number of at most 8 bytes.
#[inline]
pub(crate) fn read_one(bytes: &[u8]) -> u64 {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_type_that_holds_the_columns_is_taken() {
        use CountWidth::*;
        for (cols, width) in
            [(0, U8), (255, U8), (256, U16), (65_535, U16), (65_536, U32), (u32::MAX.into(), U32), (1 << 32, U64)]
        {
            assert_eq!(CountWidth::for_columns(cols), width, "{cols}");
            let mut place = [0xff; 8];
            width.write(cols, &mut place);
            assert_eq!(width.read(&place[..width.bytes()]).next(), Some(cols), "{cols}");
        }
    }
}
