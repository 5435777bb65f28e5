//! Memory that the allocator is about to give out, from pages that are there: the kernel makes many at once for a fraction of what a fault for each of them costs.
#![expect(unsafe_code, reason = "advice about memory")]

use rustix::mm::{Advice, madvise};

const PAGE: usize = 4096;

/// Takes so much from the allocator, has its pages made, and gives it back; what is asked for next, in pieces, is cut from there. Where the
/// allocator does otherwise, or the kernel knows of no such advice (before Linux 5.14), nothing is lost but a moment.
pub(crate) fn next(bytes: usize) {
    let memory = Vec::<u8>::with_capacity(bytes);
    let begin = memory.as_ptr().map_addr(|address| address / PAGE * PAGE);
    let length = memory.as_ptr().addr() + memory.capacity() - begin.addr();
    // SAFETY: this advice makes pages as a write would, and changes no byte of them, whoever has what else lies in the first and the last; the range
    // is mapped, as the allocator has just given out a part of each of its pages.
    _ = unsafe { madvise(begin.cast_mut().cast(), length, Advice::LinuxPopulateWrite) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_allocator_gave_out_before_is_unchanged() {
        let kept: Vec<Vec<u8>> = (0..100).map(|number| vec![number; 1000]).collect();
        next(256 << 10);
        assert!((0..).zip(&kept).all(|(number, bytes)| *bytes == vec![number; 1000]));
    }
}
