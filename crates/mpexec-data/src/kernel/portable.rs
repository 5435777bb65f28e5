//! The test of every number, written so that a compiler makes vector code of it for any processor.

use super::Test;

/// See [`Kernel::mask`](super::Kernel::mask).
pub(super) fn mask(test: Test, swap: bool, numbers: &[u8], bits: &mut [u8]) {
    match (test, swap) {
        (Test::Never, _) => bits.fill(0),
        (Test::W8 { lo, span }, _) => each(numbers, bits, |b| u8::from_le_bytes(b).wrapping_sub(lo) <= span),
        (Test::W16 { lo, span }, false) => each(numbers, bits, |b| u16::from_le_bytes(b).wrapping_sub(lo) <= span),
        (Test::W16 { lo, span }, true) => each(numbers, bits, |b| u16::from_be_bytes(b).wrapping_sub(lo) <= span),
        (Test::W32 { lo, span }, false) => each(numbers, bits, |b| u32::from_le_bytes(b).wrapping_sub(lo) <= span),
        (Test::W32 { lo, span }, true) => each(numbers, bits, |b| u32::from_be_bytes(b).wrapping_sub(lo) <= span),
        (Test::W64 { lo, span }, false) => each(numbers, bits, |b| u64::from_le_bytes(b).wrapping_sub(lo) <= span),
        (Test::W64 { lo, span }, true) => each(numbers, bits, |b| u64::from_be_bytes(b).wrapping_sub(lo) <= span),
        (Test::F32 { lo, hi }, false) => each(numbers, bits, |b| within(f32::from_le_bytes(b), lo, hi)),
        (Test::F32 { lo, hi }, true) => each(numbers, bits, |b| within(f32::from_be_bytes(b), lo, hi)),
        (Test::F64 { lo, hi }, false) => each(numbers, bits, |b| within(f64::from_le_bytes(b), lo, hi)),
        (Test::F64 { lo, hi }, true) => each(numbers, bits, |b| within(f64::from_be_bytes(b), lo, hi)),
    }
}

/// False for `nan`. Both comparisons are made, because a branch would keep the loop scalar.
#[inline(always)]
fn within<T: PartialOrd>(x: T, lo: T, hi: T) -> bool {
    (x >= lo) & (x <= hi)
}

#[inline(always)]
fn each<const N: usize>(numbers: &[u8], bits: &mut [u8], holds: impl Fn([u8; N]) -> bool) {
    let (numbers, _) = numbers.as_chunks::<N>();
    for (group, bits) in numbers.chunks(64).zip(bits.chunks_mut(8)) {
        let mut flags = [0; 64];
        // Two loops instead of one, because a compiler makes vector code of the first only if it stands alone.
        match group.as_array::<64>() {
            Some(group) => (0..64).for_each(|at| flags[at] = u8::from(holds(group[at]))),
            None => group.iter().zip(&mut flags).for_each(|(&number, flag)| *flag = u8::from(holds(number))),
        }
        for (eight, byte) in flags.as_chunks::<8>().0[..group.len().div_ceil(8)].iter().zip(bits) {
            *byte = pack(*eight);
        }
    }
}

/// Eight bytes of 0 or 1 into the bits of one: each lands in the top byte of the product, at its own place.
#[inline(always)]
fn pack(flags: [u8; 8]) -> u8 {
    (u64::from_le_bytes(flags).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
}
