//! Plain memory in place of a mapping, so that Miri can watch the code that runs over it.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;

use super::Map;

/// One page, written through shared pointers as mapped memory is.
#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; 4096]>);

/// Zeroed pages that live as long as the last [`Map`] of them.
pub(crate) struct Pages(Box<[Page]>);

// SAFETY: the pages are reached only through the pointers of `Map`, whose users order their
// accesses.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pages of the heap", self.0.len())
    }
}

impl Map {
    /// `N` maps of the same `len` bytes, a multiple of the page size.
    pub(crate) fn of_heap<const N: usize>(len: usize) -> [Map; N] {
        let pages = (0..len / 4096).map(|_| Page(UnsafeCell::new([0; 4096]))).collect();
        let pages = Arc::new(Pages(pages));
        [(); N].map(|()| {
            let start = NonNull::new(pages.0.as_ptr().cast_mut().cast::<u8>()).expect("a box has an address");
            Map { start, len, heap: Some(Arc::clone(&pages)) }
        })
    }
}
