//! Huge pages for memory that is about to be filled whole: the kernel clears 2 MiB at once then instead of 4 KiB, of which a result
//! of 64 MiB needs 16,384.
#![expect(unsafe_code, reason = "advice about memory")]

use std::ops::Range;

use rustix::mm::{Advice, madvise};

const PAGE: usize = 4096;

/// Less than that seldom has one whole huge page in it.
const LEAST: usize = 4 << 20;

/// Advises huge pages for this memory, if it is large. Where there are none, nothing changes.
#[inline]
pub(crate) fn advise(memory: Range<*const u8>) {
    if memory.end.addr() - memory.start.addr() >= LEAST {
        advise_large(memory);
    }
}

#[cold]
fn advise_large(memory: Range<*const u8>) {
    let begin = memory.start.map_addr(|address| address.next_multiple_of(PAGE));
    let length = (memory.end.addr() - begin.addr()) / PAGE * PAGE;
    // A kernel without huge pages says so, and fills the memory page by page.
    // SAFETY: this advice changes no byte of the memory and does not unmap it, whoever has it.
    _ = unsafe { madvise(begin.cast_mut().cast(), length, Advice::LinuxHugepage) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel has noted of the mapping in which this address lies.
    fn flags(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let ends = range.and_then(|(from, to)| {
                Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
            });
            match (ends, line.strip_prefix("VmFlags:")) {
                (Some(ends), _) => inside = ends.contains(&address),
                (None, Some(flags)) if inside => return flags.to_owned(),
                _ => {}
            }
        }
        String::new()
    }

    #[test]
    fn large_memory_is_advised_and_small_is_left_alone() {
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            eprintln!("skipped: this kernel has no huge pages");
            return;
        }
        // Longer than what the allocator would take from a mapping that it has already.
        let large = Vec::<u8>::with_capacity(64 << 20);
        let small = Vec::<u8>::with_capacity(LEAST - 1);
        for (vector, advised) in [(&large, true), (&small, false)] {
            let begin = vector.as_ptr();
            advise(begin..begin.wrapping_add(vector.capacity()));
            let flags = flags(begin.addr() + vector.capacity() / 2);
            assert_eq!(flags.split(' ').any(|flag| flag == "hg"), advised, "{flags}");
        }
    }
}
