//! Where a text has one of four bytes, 64 bytes at a time: one bit for each byte, the lowest for the first.
//!
//! Cells are found by these bits, so that where one begins does not wait until the one before it is read.

use wide::u8x16;

/// So many bytes are looked at together.
pub(super) const BLOCK: usize = 64;

/// A bit for each byte of the block that is one of `bytes`.
#[inline(always)]
pub(super) fn marks(block: &[u8; BLOCK], bytes: [u8; 4]) -> u64 {
    let [first, second, third, fourth] = bytes.map(u8x16::splat);
    let (groups, _) = block.as_chunks::<16>();
    groups.iter().rev().fold(0, |marks, group| {
        let group = u8x16::new(*group);
        let found = group.simd_eq(first) | group.simd_eq(second) | (group.simd_eq(third) | group.simd_eq(fourth));
        marks << 16 | u64::from(found.to_bitmask())
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_bit_is_what_its_byte_says(
            block in prop::array::uniform32(prop::sample::select(&b",\n\r\"0\x0b\x8c\xacx"[..])),
            more in prop::array::uniform32(any::<u8>()),
            delimiter in prop::sample::select(&b",;\t\x80\xff"[..]),
        ) {
            let bytes = [delimiter, b'\n', b'\r', b'"'];
            let block: [u8; BLOCK] = [block, more].concat().try_into().unwrap();
            let plain = (0..BLOCK).fold(0, |marks, at| marks | u64::from(bytes.contains(&block[at])) << at);
            prop_assert_eq!(marks(&block, bytes), plain);
        }
    }
}
