//! The test of every number with AVX2, and the counting of bits with the instructions that come with it.
//!
//! Written by hand because no compiler turns comparisons into a mask of bits by itself. One of the crate's two files
//! with `unsafe`: for calls of functions that need AVX2 (which [`supported`] has checked) and for unaligned loads.
#![expect(unsafe_code, reason = "vector loads, and calls of functions that need AVX2")]

use std::arch::x86_64::*;

use super::{BIT_BYTES, Test, portable, rows};

/// Whether this processor has what the functions of this file need. The standard library keeps the answer.
pub(super) fn supported() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// See [`Kernel::mask`](super::Kernel::mask). Panics where AVX2 is missing.
pub(super) fn mask(test: Test, swap: bool, numbers: &[u8], bits: &mut [u8; BIT_BYTES]) {
    assert!(supported());
    // SAFETY: `mask_groups` needs nothing but the instructions that were just found to be there.
    let done = unsafe { mask_groups(test, swap, numbers, bits) };
    portable::mask(test, swap, &numbers[done.bytes..], &mut bits[done.bits..]);
}

/// See [`with_all_instructions`](super::with_all_instructions). Panics where they are missing.
pub(super) fn compiled<A, T>(work: impl FnOnce(A) -> T, with: A) -> T {
    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
    fn inner<A, T>(work: impl FnOnce(A) -> T, with: A) -> T {
        work(with)
    }
    assert!(has_bits());
    // SAFETY: `inner` needs nothing but the instructions that were just found to be there.
    unsafe { inner(work, with) }
}

/// Whether [`compiled`] can be called.
pub(super) fn has_bits() -> bool {
    supported()
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}

/// See [`rows::count_bits`].
pub(super) fn count_bits(bits: &[u8; BIT_BYTES], cols: usize, out: &mut [u8]) {
    #[target_feature(enable = "avx2,popcnt")]
    fn inner(bits: &[u8; BIT_BYTES], cols: usize, out: &mut [u8]) {
        let done = if cols <= 8 { count_narrow(bits, cols, out) } else { 0 };
        rows::count_bits(&bits[done / 8 * cols..], cols, &mut out[done..]);
    }
    assert!(supported());
    // SAFETY: `inner` needs nothing but the instructions that were just found to be there.
    unsafe { inner(bits, cols, out) }
}

/// Counts rows of at most 8 bits, 32 rows at a time, and returns how many rows that were.
#[target_feature(enable = "avx2")]
fn count_narrow(bits: &[u8; BIT_BYTES], cols: usize, out: &mut [u8]) -> usize {
    // Eight rows are `cols` whole bytes. Row `i` of them begins in byte `i * cols / 8` and ends in the next at the
    // latest: that pair of bytes goes to lane `i` of 16 bits, is shifted up so far that the row's first bit is bit 8,
    // and down again. A multiplication shifts each lane by a distance of its own.
    let (mut pairs, mut shifts) = ([0; 32], [0; 32]);
    for lane in 0..16 {
        let at = lane % 8 * cols;
        pairs[2 * lane] = (at / 8) as u8;
        pairs[2 * lane + 1] = (at / 8 + 1) as u8;
        shifts[2 * lane..][..2].copy_from_slice(&(256u16 >> (at % 8)).to_le_bytes());
    }
    let (pairs, shifts) = (load(&pairs), load(&shifts));
    let keep = _mm256_set1_epi8((0xffu8 >> (8 - cols)) as i8);
    let nibble = _mm256_set1_epi8(0x0f);
    let ones = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    );
    let eight_rows = |group: usize| load_half(bits[group * cols..].first_chunk().expect("bits have room behind them"));
    let sixteen_rows = |first: usize, second: usize| {
        let both = _mm256_set_m128i(eight_rows(second), eight_rows(first));
        _mm256_srli_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(both, pairs), shifts), 8)
    };
    let (groups, _) = out.as_chunks_mut::<32>();
    for (at, counts) in groups.iter_mut().enumerate() {
        // Packing takes halves in turn, so these halves come out in order.
        let (even, odd) = (sixteen_rows(4 * at, 4 * at + 2), sixteen_rows(4 * at + 1, 4 * at + 3));
        let rows = _mm256_and_si256(_mm256_packus_epi16(even, odd), keep);
        let low = _mm256_shuffle_epi8(ones, _mm256_and_si256(rows, nibble));
        let high = _mm256_shuffle_epi8(ones, _mm256_and_si256(_mm256_srli_epi16(rows, 4), nibble));
        store(_mm256_add_epi8(low, high), counts);
    }
    groups.len() * 32
}

/// See [`rows::histogram`].
pub(super) fn histogram(counts: &[u8], bins: usize, found: &mut [u64; 256]) {
    #[target_feature(enable = "avx2,popcnt")]
    fn inner(counts: &[u8], bins: usize, found: &mut [u64; 256]) {
        let done = if bins <= 16 { histogram_narrow(counts, &mut found[..bins]) } else { 0 };
        rows::histogram(&counts[done..], bins, found);
    }
    assert!(supported());
    // SAFETY: `inner` needs nothing but the instructions that were just found to be there.
    unsafe { inner(counts, bins, found) }
}

/// Compares every byte with every possible count, and returns how many bytes that were.
#[target_feature(enable = "avx2")]
fn histogram_narrow(counts: &[u8], found: &mut [u64]) -> usize {
    let (vectors, _) = counts.as_chunks::<32>();
    // After 255 vectors a lane of the sum could overflow; and so many are still in the first cache for the next count.
    for chunk in vectors.chunks(255) {
        for (count, found) in (0u8..).zip(&mut *found) {
            let wanted = _mm256_set1_epi8(count as i8);
            let mut sums = _mm256_setzero_si256();
            for vector in chunk {
                sums = _mm256_sub_epi8(sums, _mm256_cmpeq_epi8(load(vector), wanted));
            }
            let mut lanes = [0; 32];
            store(_mm256_sad_epu8(sums, _mm256_setzero_si256()), &mut lanes);
            *found += lanes.as_chunks::<8>().0.iter().map(|lane| u64::from_le_bytes(*lane)).sum::<u64>();
        }
    }
    vectors.len() * 32
}

/// How far the vector code came: whole groups of 64 numbers.
struct Done {
    bytes: usize,
    bits: usize,
}

/// Applies `$test` to every vector of a group of 64 numbers; `$lanes` of them are in each of the masks that it returns.
macro_rules! groups {
    ($numbers:expr, $bits:expr, $size:literal, $lanes:literal, $test:expr) => {{
        let (groups, _) = $numbers.as_chunks::<{ 64 * $size }>();
        for (group, bits) in groups.iter().zip($bits.as_chunks_mut::<8>().0) {
            prefetch(group);
            let mut word = 0u64;
            for (at, vectors) in group.as_chunks::<{ $lanes * $size }>().0.iter().enumerate() {
                word |= $test(vectors.as_chunks::<32>().0) << (at * $lanes);
            }
            *bits = word.to_le_bytes();
        }
        Done { bytes: groups.len() * 64 * $size, bits: groups.len() * 8 }
    }};
}

#[target_feature(enable = "avx2,popcnt")]
fn mask_groups(test: Test, swap: bool, numbers: &[u8], bits: &mut [u8; BIT_BYTES]) -> Done {
    // Subtracting `lo` with its top bit flipped leaves the distance from `lo` with its top bit flipped, so that the
    // signed comparison, the only one there is, orders distances as unsigned numbers.
    match (test, swap) {
        (Test::Never, _) => Done { bytes: 0, bits: 0 },
        (Test::W8 { lo, span }, _) => {
            let (lo, span) = (_mm256_set1_epi8((lo ^ 1 << 7) as i8), _mm256_set1_epi8((span ^ 1 << 7) as i8));
            groups!(numbers, bits, 1, 32, |v: &[[u8; 32]]| {
                let out = _mm256_cmpgt_epi8(_mm256_sub_epi8(load(&v[0]), lo), span);
                u64::from(!_mm256_movemask_epi8(out) as u32)
            })
        }
        (Test::W16 { lo, span }, swap) => {
            let (lo, span) = (_mm256_set1_epi16((lo ^ 1 << 15) as i16), _mm256_set1_epi16((span ^ 1 << 15) as i16));
            let order = byte_order(2, swap);
            groups!(numbers, bits, 2, 32, |v: &[[u8; 32]]| {
                let low = _mm256_sub_epi16(_mm256_shuffle_epi8(load(&v[0]), order), lo);
                let high = _mm256_sub_epi16(_mm256_shuffle_epi8(load(&v[1]), order), lo);
                let out = _mm256_packs_epi16(_mm256_cmpgt_epi16(low, span), _mm256_cmpgt_epi16(high, span));
                // Packing works on each half of a register; this puts the quarters in order.
                u64::from(!_mm256_movemask_epi8(_mm256_permute4x64_epi64(out, 0b11_01_10_00)) as u32)
            })
        }
        (Test::W32 { lo, span }, false) => {
            let (lo, span) = (_mm256_set1_epi32((lo ^ 1 << 31) as i32), _mm256_set1_epi32((span ^ 1 << 31) as i32));
            groups!(numbers, bits, 4, 8, |v: &[[u8; 32]]| w32(load(&v[0]), lo, span))
        }
        (Test::W32 { lo, span }, true) => {
            let (lo, span) = (_mm256_set1_epi32((lo ^ 1 << 31) as i32), _mm256_set1_epi32((span ^ 1 << 31) as i32));
            let order = byte_order(4, true);
            groups!(numbers, bits, 4, 8, |v: &[[u8; 32]]| w32(_mm256_shuffle_epi8(load(&v[0]), order), lo, span))
        }
        (Test::W64 { lo, span }, false) => {
            let (lo, span) = (_mm256_set1_epi64x((lo ^ 1 << 63) as i64), _mm256_set1_epi64x((span ^ 1 << 63) as i64));
            groups!(numbers, bits, 8, 4, |v: &[[u8; 32]]| w64(load(&v[0]), lo, span))
        }
        (Test::W64 { lo, span }, true) => {
            let (lo, span) = (_mm256_set1_epi64x((lo ^ 1 << 63) as i64), _mm256_set1_epi64x((span ^ 1 << 63) as i64));
            let order = byte_order(8, true);
            groups!(numbers, bits, 8, 4, |v: &[[u8; 32]]| w64(_mm256_shuffle_epi8(load(&v[0]), order), lo, span))
        }
        (Test::F32 { lo, hi }, swap) => {
            let (lo, hi, order) = (_mm256_set1_ps(lo), _mm256_set1_ps(hi), byte_order(4, swap));
            groups!(numbers, bits, 4, 8, |v: &[[u8; 32]]| {
                let x = _mm256_castsi256_ps(_mm256_shuffle_epi8(load(&v[0]), order));
                let held = _mm256_and_ps(_mm256_cmp_ps(x, lo, _CMP_GE_OQ), _mm256_cmp_ps(x, hi, _CMP_LE_OQ));
                u64::from(_mm256_movemask_ps(held) as u32)
            })
        }
        (Test::F64 { lo, hi }, swap) => {
            let (lo, hi, order) = (_mm256_set1_pd(lo), _mm256_set1_pd(hi), byte_order(8, swap));
            groups!(numbers, bits, 8, 4, |v: &[[u8; 32]]| {
                let x = _mm256_castsi256_pd(_mm256_shuffle_epi8(load(&v[0]), order));
                let held = _mm256_and_pd(_mm256_cmp_pd(x, lo, _CMP_GE_OQ), _mm256_cmp_pd(x, hi, _CMP_LE_OQ));
                u64::from(_mm256_movemask_pd(held) as u32)
            })
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn w32(x: __m256i, lo: __m256i, span: __m256i) -> u64 {
    let out = _mm256_cmpgt_epi32(_mm256_sub_epi32(x, lo), span);
    u64::from(!_mm256_movemask_ps(_mm256_castsi256_ps(out)) as u32 & 0xff)
}

#[inline]
#[target_feature(enable = "avx2")]
fn w64(x: __m256i, lo: __m256i, span: __m256i) -> u64 {
    let out = _mm256_cmpgt_epi64(_mm256_sub_epi64(x, lo), span);
    u64::from(!_mm256_movemask_pd(_mm256_castsi256_pd(out)) as u32 & 0xf)
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: the reference is to 32 readable bytes, and this load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Asks for the memory a page ahead of `group`: the processor's own prefetching stops at the end of every page, and
/// rests while bits are counted. Measured: 6 to 9 % of the whole.
#[inline]
#[target_feature(enable = "avx2")]
fn prefetch(group: &[u8]) {
    const AHEAD: usize = 4096;
    for line in (0..group.len()).step_by(64) {
        // It may name any address, also one that is not mapped.
        _mm_prefetch::<_MM_HINT_T0>(group.as_ptr().wrapping_add(AHEAD + line).cast());
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load_half(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the reference is to 16 readable bytes, and this load asks for no alignment.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(vector: __m256i, bytes: &mut [u8; 32]) {
    // SAFETY: the reference is to 32 writable bytes, and this store asks for no alignment.
    unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) }
}

/// The shuffle that reverses the bytes of each number of `size` bytes, or that changes nothing.
#[target_feature(enable = "avx2")]
fn byte_order(size: u8, swap: bool) -> __m256i {
    let mut order = [0; 32];
    for (place, at) in order.iter_mut().zip(0u8..) {
        // A shuffle looks no further than its own half of the register.
        let at = at % 16;
        *place = if swap { at / size * size + (size - 1 - at % size) } else { at };
    }
    load(&order)
}
