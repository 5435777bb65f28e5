//! What a record looks like in the ring and where it may lie: pure arithmetic on positions.
//!
//! A position is a count of bytes since the ring was made and only grows; its offset is the
//! position modulo the capacity. A record is a header of 16 bytes and a payload, padded to 16, and
//! lies within one lap.

/// Records start at multiples of this, so payloads do too.
pub(crate) const ALIGN: u64 = 16;
/// Bytes of a record's header.
pub(crate) const HEADER: u64 = 16;
/// Kinds are below this bit; it marks a record that continues the group of the record before it.
pub(crate) const CONTINUED: u32 = 1 << 31;

/// `len` rounded up to [`ALIGN`].
#[inline]
pub(crate) const fn padded(len: u64) -> u64 {
    (len + (ALIGN - 1)) & !(ALIGN - 1)
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Payload bytes.
    pub(crate) len: u32,
    /// 0: nothing here, go on at the next lap.
    pub(crate) kind: u32,
    /// Whatever the sender says.
    pub(crate) tag: u64,
}

impl Header {
    /// Says that the rest of the lap is empty.
    pub(crate) const PAD: Header = Header { len: 0, kind: 0, tag: 0 };

    /// The two words as they are stored.
    #[inline]
    pub(crate) const fn words(self) -> [u64; 2] {
        [self.len as u64 | (self.kind as u64) << 32, self.tag]
    }

    /// The header in two words that were copied out of the ring.
    #[inline]
    pub(crate) const fn from_words([first, tag]: [u64; 2]) -> Header {
        Header { len: first as u32, kind: (first >> 32) as u32, tag }
    }
}

/// Bytes of a ring, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity(u64);

impl Capacity {
    /// The smallest ring: a quarter of it must hold a record worth the name.
    pub(crate) const MIN: u64 = 4096;
    /// The largest: the length of a record is 32 bits.
    pub(crate) const MAX: u64 = 1 << 31;

    /// `None` if it is not a power of two between [`Self::MIN`] and [`Self::MAX`].
    pub(crate) fn new(bytes: u64) -> Option<Capacity> {
        (bytes.is_power_of_two() && (Self::MIN..=Self::MAX).contains(&bytes)).then_some(Capacity(bytes))
    }

    /// In bytes.
    #[inline]
    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }

    /// Where `position` lies.
    #[inline]
    pub(crate) const fn offset(self, position: u64) -> u64 {
        position & (self.0 - 1)
    }

    /// The end of the lap that `position` lies in.
    #[inline]
    pub(crate) const fn lap_end(self, position: u64) -> u64 {
        position - self.offset(position) + self.0
    }

    /// The longest payload that is sure to fit into an empty ring wherever its head stands.
    #[inline]
    pub(crate) const fn max_record(self) -> usize {
        (self.0 / 4) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_from_its_words() {
        for header in
            [Header::PAD, Header { len: u32::MAX, kind: 1, tag: u64::MAX }, Header { len: 0, kind: u32::MAX, tag: 7 }]
        {
            assert_eq!(Header::from_words(header.words()), header);
        }
    }

    #[test]
    fn only_powers_of_two_in_range_are_capacities() {
        for bad in [0, 1, 2048, 4095, 4097, 6000, 1 << 32, u64::MAX] {
            assert_eq!(Capacity::new(bad), None, "{bad}");
        }
        for good in [4096, 8192, 4 << 20, 1 << 31] {
            assert_eq!(Capacity::new(good).map(Capacity::bytes), Some(good));
        }
    }

    #[test]
    fn laps_and_offsets_agree() {
        let capacity = Capacity::new(4096).unwrap();
        assert_eq!(capacity.offset(4096 * 3), 0);
        assert_eq!(capacity.lap_end(4096 * 3), 4096 * 4);
        assert_eq!(capacity.lap_end(4096 * 3 + 4095), 4096 * 4);
        assert_eq!([padded(0), padded(1), padded(16), padded(17)], [0, 16, 16, 32]);
    }
}
