//! The receiving side: where a value that is decoded now finds what came along for it.
//!
//! The thread that runs a worker's tasks has its worker's shelf, open while the arguments of a task or the context are
//! decoded and shut while the function runs: bytes that come from elsewhere take nothing from there.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::{Buffer, packets};

/// Where attachments lie, by what the bytes call them.
pub(crate) trait Source {
    /// A descriptor for the one value that names it.
    fn once(&self, number: u64) -> Option<OwnedFd>;
    /// A buffer of so many bytes; `None` when there is none of this number.
    ///
    /// # Errors
    /// What came under this number is no such buffer.
    fn kept(&self, number: u64, length: u64) -> Option<Result<Arc<Buffer>, String>>;
}

thread_local! {
    static SOURCE: RefCell<Option<Rc<dyn Source>>> = const { RefCell::new(None) };
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// From now on this thread decodes the tasks of a worker whose attachments lie there. It is shut.
pub(crate) fn set_shelf(shelf: Rc<dyn Source>) {
    SOURCE.set(Some(shelf));
    OPEN.set(false);
}

/// What is decoded now comes from the coordinator, or no longer does.
pub(crate) fn set_open(open: bool) {
    OPEN.set(open);
}

/// Decodes something else that comes from the coordinator.
pub(crate) fn while_open<R>(decode: impl FnOnce() -> R) -> R {
    let _restore = Shut(OPEN.replace(true));
    decode()
}

struct Shut(bool);
impl Drop for Shut {
    fn drop(&mut self) {
        OPEN.set(self.0);
    }
}

/// Decodes a message whose attachments came with it.
pub(crate) fn with_source<R>(source: Rc<dyn Source>, decode: impl FnOnce() -> R) -> R {
    struct Restore(Option<Rc<dyn Source>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SOURCE.set(self.0.take());
        }
    }
    let _restore = Restore(SOURCE.replace(Some(source)));
    while_open(decode)
}

fn source() -> Option<Rc<dyn Source>> {
    // A clone: what is asked may wait, and its drop may run code that asks again.
    if OPEN.get() { SOURCE.with_borrow(Clone::clone) } else { None }
}

/// As [`with_source`], where the values only have to be there: what they are made of is being looked at.
pub(crate) fn while_tracing<R>(trace: impl FnOnce() -> R) -> R {
    with_source(Rc::new(Samples), trace)
}

struct Samples;

impl Source for Samples {
    fn once(&self, _number: u64) -> Option<OwnedFd> {
        Some(packets::pair(None).ok()?.0)
    }

    fn kept(&self, _number: u64, _length: u64) -> Option<Result<Arc<Buffer>, String>> {
        Some(Buffer::copy_of(&[]).map_err(|error| error.to_string()))
    }
}

/// Why a value gets nothing.
fn missing(what: &str) -> String {
    format!(
        "{what} can only be decoded where it came as an argument, in a context or in a message of a channel, and from \
         there once"
    )
}

/// The descriptor that belongs to a value.
///
/// # Errors
/// There is none, in a text for the user; `what` the value is.
pub(crate) fn once(number: u64, what: &str) -> Result<OwnedFd, String> {
    source().and_then(|source| source.once(number)).ok_or_else(|| missing(what))
}

/// The buffer that belongs to a value.
///
/// # Errors
/// There is none, or it is not of this length; in a text for the user.
pub(crate) fn kept(number: u64, length: u64, what: &str) -> Result<Arc<Buffer>, String> {
    source().and_then(|source| source.kept(number, length)).ok_or_else(|| missing(what))?
}
