//! The sending side: what the values that are encoded now want to have along.

use std::cell::{Cell, RefCell};

use super::Attachment;

/// What is said of a value that is encoded where nothing can go along.
pub(crate) const NOT_HERE: &str = "can only be encoded as an argument of a task or a Process, in a pool's context, or in a \
     message of a channel, because a descriptor goes along; the result of a task takes none: send it through a channel";

/// How the bytes name an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// By its number: the receiver has a shelf of them.
    Number,
    /// By its place among those of the same message.
    Place,
}

thread_local! {
    /// What is encoded now may have attachments, named so. Apart from these, because nearly nothing has any: a look at it costs
    /// a load.
    static NAMING: Cell<Option<Naming>> = const { Cell::new(None) };
    /// There are some.
    static ANY: Cell<bool> = const { Cell::new(false) };
    static ATTACHMENTS: RefCell<Vec<Attachment>> = const { RefCell::new(Vec::new()) };
}

/// Those collected so far, if there are any; none are left.
#[inline]
fn take() -> Option<Vec<Attachment>> {
    ANY.get().then(take_some)
}

#[cold]
fn take_some() -> Vec<Attachment> {
    ANY.set(false);
    ATTACHMENTS.take()
}

#[cold]
fn put_back(attachments: Vec<Attachment>) {
    ATTACHMENTS.set(attachments);
    ANY.set(true);
}

/// Encodes, and collects what the values want to have along, if they want anything.
#[inline]
pub(crate) fn collect<R>(naming: Naming, encode: impl FnOnce() -> R) -> (R, Option<Vec<Attachment>>) {
    // A `Serialize` may call a pool itself: then one encoding runs within another. And it may panic.
    struct Restore(Option<Naming>, Option<Vec<Attachment>>);
    impl Drop for Restore {
        #[inline]
        fn drop(&mut self) {
            NAMING.set(self.0);
            drop(take());
            if let Some(outer) = self.1.take() {
                put_back(outer);
            }
        }
    }
    let restore = Restore(NAMING.replace(Some(naming)), take());
    let encoded = encode();
    let collected = take();
    drop(restore);
    (encoded, collected)
}

/// Takes a value's attachment along; how its bytes are to name it. `None`: nothing that could take it is being encoded.
pub(crate) fn attach(attachment: impl FnOnce() -> Attachment) -> Option<u64> {
    let naming = NAMING.get()?;
    let attachment = attachment();
    let number = attachment.number();
    ANY.set(true);
    ATTACHMENTS.with_borrow_mut(|attachments| {
        // A buffer that is named twice comes once.
        let place = attachments.iter().position(|other| other.number() == number).unwrap_or(attachments.len());
        if place == attachments.len() {
            attachments.push(attachment);
        }
        Some(match naming {
            Naming::Number => number,
            Naming::Place => place as u64,
        })
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::carry::packets::ChannelEnd;

    fn some() -> Attachment {
        Attachment::once(ChannelEnd::of_senders(std::fs::File::open("/dev/null").unwrap().into()))
    }

    #[test]
    fn what_is_attached_goes_to_the_innermost_encoding_and_nowhere_outside_of_one() {
        assert_eq!(attach(some), None);
        let ((), outer) = collect(Naming::Place, || {
            assert_eq!(attach(some), Some(0));
            let (named, inner) = collect(Naming::Number, || attach(some));
            assert_eq!(inner.unwrap().iter().map(Attachment::number).collect::<Vec<_>>(), [named.unwrap()]);
            assert_eq!(attach(some), Some(1));
        });
        assert_eq!(outer.unwrap().len(), 2);
        assert_eq!(attach(some), None);
    }

    #[test]
    fn an_encoding_that_panics_leaves_nothing_behind() {
        let encoding = || {
            collect(Naming::Number, || {
                attach(some);
                panic!("as a Serialize may");
            })
        };
        assert!(std::panic::catch_unwind(encoding).is_err());
        assert_eq!(attach(some), None);
    }
}
