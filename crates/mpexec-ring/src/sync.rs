//! The atomics under the protocol, exchanged for loom's when the protocol is model-checked.
//!
//! Cells of the other side are mapped read-only. Only relaxed loads are promised to work on
//! read-only memory, so an acquiring load is a relaxed load and a fence; on x86 the fence costs
//! nothing. ThreadSanitizer sees no fences: for it alone (`cfg(tsan)`, set by `cargo xtask sanitize`) it is an
//! acquiring load.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// An acquiring load that is also sound on read-only memory.
#[inline]
pub(crate) fn acquire(cell: &AtomicU64) -> u64 {
    if cfg!(tsan) {
        return cell.load(Ordering::Acquire);
    }
    let value = cell.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    value
}

/// As [`acquire`], for a futex word.
#[inline]
pub(crate) fn acquire_u32(cell: &AtomicU32) -> u32 {
    if cfg!(tsan) {
        return cell.load(Ordering::Acquire);
    }
    let value = cell.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    value
}
