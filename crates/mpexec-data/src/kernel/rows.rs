//! From bits to counts: how many of each row's bits are set.
//!
//! The functions are inlined into `avx2.rs` too, where the same lines compile to the instructions that count bits.

/// Counts the bits of consecutive rows of `cols` bits, into one byte each, or two (little-endian) beyond 255 columns.
/// Behind the bits of the last row lie seven bytes at least.
#[inline(always)]
pub(super) fn count_bits(bits: &[u8], cols: usize, out: &mut [u8]) {
    match cols {
        1..=8 => narrow(bits, cols, out),
        9..=57 => {
            let keep = u64::MAX >> (64 - cols);
            for (row, count) in out.iter_mut().enumerate() {
                let at = row * cols;
                *count = ((word(bits, at / 8) >> (at % 8)) & keep).count_ones() as u8;
            }
        }
        58..=255 => {
            for (row, count) in out.iter_mut().enumerate() {
                *count = ones(bits, row * cols, cols) as u8;
            }
        }
        _ => {
            let (pairs, _) = out.as_chunks_mut::<2>();
            for (row, count) in pairs.iter_mut().enumerate() {
                *count = (ones(bits, row * cols, cols) as u16).to_le_bytes();
            }
        }
    }
}

/// Eight rows of at most eight bits are at most one word, and begin at a byte.
#[inline(always)]
fn narrow(bits: &[u8], cols: usize, out: &mut [u8]) {
    let keep = u8::MAX >> (8 - cols);
    for (group, counts) in out.chunks_mut(8).enumerate() {
        let word = word(bits, group * cols);
        let mut rows = [0; 8];
        for (at, row) in rows.iter_mut().enumerate() {
            *row = (word >> (at * cols)) as u8 & keep;
        }
        counts.copy_from_slice(&ones_of_each(rows)[..counts.len()]);
    }
}

/// The set bits of each of eight bytes: sums of pairs of bits, of pairs of those, and of halves, in all bytes at once.
#[inline(always)]
fn ones_of_each(bytes: [u8; 8]) -> [u8; 8] {
    let bits = u64::from_le_bytes(bytes);
    let pairs = bits - ((bits >> 1) & 0x5555_5555_5555_5555);
    let fours = (pairs & 0x3333_3333_3333_3333) + ((pairs >> 2) & 0x3333_3333_3333_3333);
    ((fours + (fours >> 4)) & 0x0f0f_0f0f_0f0f_0f0f).to_le_bytes()
}

#[inline(always)]
fn word(bits: &[u8], byte: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bits[byte..byte + 8]);
    u64::from_le_bytes(word)
}

/// How many of `count` bits from bit `from` on are set.
#[inline(always)]
pub(super) fn ones(bits: &[u8], from: usize, count: usize) -> u64 {
    let (mut at, end) = (from, from + count);
    let mut ones = 0;
    // 56 bits from any bit on lie within one word that begins at a byte.
    while at + 56 <= end {
        ones += ((word(bits, at / 8) >> (at % 8)) & (u64::MAX >> 8)).count_ones();
        at += 56;
    }
    if at < end {
        ones += ((word(bits, at / 8) >> (at % 8)) & (u64::MAX >> (64 - (end - at)))).count_ones();
    }
    ones.into()
}

/// Adds bit `i` to the byte `out[i]`.
#[inline(always)]
pub(super) fn add_bits(bits: &[u8], out: &mut [u8]) {
    let (eights, last) = out.as_chunks_mut::<8>();
    let spread = |byte: u8| {
        // Each bit to a byte of its own, then any non-zero byte to 1.
        let alone = (u64::from(byte) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
        ((alone + 0x7f7f_7f7f_7f7f_7f7f) >> 7) & 0x0101_0101_0101_0101
    };
    for (eight, &byte) in eights.iter_mut().zip(bits) {
        *eight = u64::from_le_bytes(*eight).wrapping_add(spread(byte)).to_le_bytes();
    }
    let flags = spread(bits[eights.len()]).to_le_bytes();
    for (count, flag) in last.iter_mut().zip(flags) {
        *count += flag;
    }
}

/// Adds to `found[i]` how often the byte `i` occurs. All of them are below `bins`.
#[inline(always)]
pub(super) fn histogram(counts: &[u8], bins: usize, found: &mut [u64; 256]) {
    if bins <= 16 {
        // Comparing whole registers with every possible count is cheaper than a table in memory, of which one entry
        // would wait for the last.
        for chunk in counts.chunks(255) {
            for (count, found) in found[..bins].iter_mut().enumerate() {
                *found += u64::from(chunk.iter().map(|&byte| u8::from(byte == count as u8)).sum::<u8>());
            }
        }
        return;
    }
    let mut tables = [[0u32; 256]; 4];
    // No table overflows: a chunk is far shorter than 2^32.
    for chunk in counts.chunks(1 << 30) {
        let (fours, last) = chunk.as_chunks::<4>();
        for four in fours {
            for (table, &byte) in tables.iter_mut().zip(four) {
                table[usize::from(byte)] += 1;
            }
        }
        for &byte in last {
            tables[0][usize::from(byte)] += 1;
        }
        for table in &mut tables {
            for (found, count) in found.iter_mut().zip(table) {
                *found += u64::from(std::mem::take(count));
            }
        }
    }
}
