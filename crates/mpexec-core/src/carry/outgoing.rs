//! The sending side: what the values that are encoded now want to have along.

use std::cell::RefCell;

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

#[derive(Debug)]
struct Collector {
    naming: Naming,
    attachments: Vec<Attachment>,
}

thread_local! {
    static COLLECTOR: RefCell<Option<Collector>> = const { RefCell::new(None) };
}

/// Encodes, and collects what the values want to have along.
pub(crate) fn collect<R>(naming: Naming, encode: impl FnOnce() -> R) -> (R, Vec<Attachment>) {
    // A `Serialize` may call a pool itself: then one encoding runs within another. And it may panic.
    struct Restore(Option<Collector>);
    impl Drop for Restore {
        fn drop(&mut self) {
            COLLECTOR.set(self.0.take());
        }
    }
    let fresh = Collector { naming, attachments: Vec::new() };
    let restore = Restore(COLLECTOR.replace(Some(fresh)));
    let encoded = encode();
    let collected = COLLECTOR.take().map(|collector| collector.attachments);
    drop(restore);
    (encoded, collected.unwrap_or_default())
}

/// Takes a value's attachment along; how its bytes are to name it. `None`: nothing that could take it is being encoded.
pub(crate) fn attach(attachment: impl FnOnce() -> Attachment) -> Option<u64> {
    COLLECTOR.with_borrow_mut(|collector| {
        let Collector { naming, attachments } = collector.as_mut()?;
        let attachment = attachment();
        let number = attachment.number();
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
    use std::sync::Arc;

    use super::*;

    fn some() -> Attachment {
        Attachment::once(Arc::new(std::fs::File::open("/dev/null").unwrap().into()))
    }

    #[test]
    fn what_is_attached_goes_to_the_innermost_encoding_and_nowhere_outside_of_one() {
        assert_eq!(attach(some), None);
        let ((), outer) = collect(Naming::Place, || {
            assert_eq!(attach(some), Some(0));
            let (named, inner) = collect(Naming::Number, || attach(some));
            assert_eq!(inner.iter().map(Attachment::number).collect::<Vec<_>>(), [named.unwrap()]);
            assert_eq!(attach(some), Some(1));
        });
        assert_eq!(outer.len(), 2);
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
