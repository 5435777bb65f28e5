//! Copies of many bytes, in pieces.
//!
//! From some length on `memcpy` leaves the copying to one instruction of the processor (`rep movsb`; the GNU C library from 2 to 8 KiB on, until the second cache is full).
//! On an AMD EPYC that copies 3 GB a second where the target lies a few bytes further within its page than the source, as a vector behind the length of a message does,
//! and 40 to 90 otherwise. Copied piece by piece, each shorter than that, it is 29 to 94 wherever they lie. `cargo run --release -p mpexec-wire --example copies` shows it.

/// A piece, in bytes: the instruction is used for none so short.
const PIECE: usize = 2048;

/// From here on the second caches are full, and a copy is none for that instruction any more; then the library knows better.
const MANY: usize = 4 << 20;

/// Copies all of `from` to `to`, which is as long.
///
/// ```
/// let mut to = [0_u32; 3];
/// mpexec_wire::copy(&mut to, &[1, 2, 3]);
/// assert_eq!(to, [1, 2, 3]);
/// ```
///
/// # Panics
/// If one is longer than the other.
#[inline]
pub fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    if is_short(from) {
        to.copy_from_slice(from);
    } else {
        copy_in_pieces(to, from);
    }
}

/// Puts a copy of `from` behind what is in `to`.
///
/// ```
/// let mut to = vec![1_u8];
/// mpexec_wire::append(&mut to, &[2, 3]);
/// assert_eq!(to, [1, 2, 3]);
/// ```
#[inline]
pub fn append<T: Copy>(to: &mut Vec<T>, from: &[T]) {
    if is_short(from) {
        to.extend_from_slice(from);
    } else {
        append_in_pieces(to, from);
    }
}

/// A copy of `bytes`, in a vector that is no longer.
///
/// ```
/// assert_eq!(mpexec_wire::copied(&[1_u8, 2]), [1, 2]);
/// ```
#[inline]
pub fn copied<T: Copy>(from: &[T]) -> Vec<T> {
    let mut to = Vec::with_capacity(from.len());
    append(&mut to, from);
    to
}

#[inline]
fn is_short<T>(what: &[T]) -> bool {
    size_of_val(what) <= PIECE
}

/// Elements of a piece.
fn piece<T>(what: &[T]) -> usize {
    if size_of_val(what) > MANY { what.len() } else { (PIECE / size_of::<T>().max(1)).max(1) }
}

#[inline(never)]
fn copy_in_pieces<T: Copy>(to: &mut [T], from: &[T]) {
    assert_eq!(to.len(), from.len(), "both are as long");
    let piece = piece(from);
    to.chunks_mut(piece).zip(from.chunks(piece)).for_each(|(to, from)| to.copy_from_slice(from));
}

#[inline(never)]
fn append_in_pieces<T: Copy>(to: &mut Vec<T>, from: &[T]) {
    to.reserve(from.len());
    from.chunks(piece(from)).for_each(|piece| to.extend_from_slice(piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_whole_whatever_its_length() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7, MANY, MANY + 1] {
            let from: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut to = vec![0; length];
            copy(&mut to, &from);
            assert!(to == from, "{length}");
            append(&mut to, &from);
            assert!(to[..length] == from && to[length..] == from, "{length}");
            let again = copied(&from);
            assert!(again == from && again.capacity() == length, "{length}");
        }
        let rows: Vec<[u64; 400]> = (0..9).map(|row| [row; 400]).collect();
        assert_eq!(copied(&rows), rows, "each longer than a piece");
    }

    #[test]
    #[should_panic(expected = "both are as long")]
    fn what_does_not_fit_is_not_copied() {
        copy(&mut [0; PIECE], &[0; PIECE + 1]);
    }
}
