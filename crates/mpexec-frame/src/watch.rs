//! How far the work on a frame is, for whoever wants to hear it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;

/// How far the work on a frame is. It is done in steps, and each tells its beginning first.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prices.csv");
/// # std::fs::write(&path, "a,b\n1,2\n3,4\n")?;
/// use std::cell::RefCell;
/// use mpexec_core::{Pool, Workers};
/// use mpexec_frame::{Event, FrameFile, Workplace, describe};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let heard = RefCell::new(Vec::new());
/// let hear = |event| heard.borrow_mut().push(event);
/// let place = Workplace::from(&pool).watched(&hear);
/// let file = FrameFile::open(&path)?;
/// describe(place, || file.chunks(place, 65_536))?;
/// let wanted = [Event::Looks { bytes: 8 }, Event::Looked { bytes: 8 }, Event::Walks, Event::Walked { rows: 2, bytes: 8 }];
/// assert_eq!(*heard.borrow(), wanted);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The cells of texts are to be looked at, which are so long: what they are says what the columns hold.
    Looks {
        /// The bytes of all of them.
        bytes: u64,
    },
    /// So many of these bytes were.
    Looked {
        /// How many more.
        bytes: u64,
    },
    /// All chunks are to be walked through, once.
    Walks,
    /// One of them was.
    Walked {
        /// The rows of the chunk; of a function over chunks, those that it gave for it.
        rows: u64,
        /// How many bytes it has in its file, if it is a part of a text or an array.
        bytes: u64,
    },
    /// So many columns are to be worked on, one by one.
    Columns {
        /// How many.
        columns: u64,
    },
    /// One of them was.
    Column {
        /// The rows that came of it.
        rows: u64,
    },
}

/// Who hears it, if somebody does.
#[derive(Clone, Copy, Default)]
pub(crate) struct Watch<'a>(Option<&'a dyn Fn(Event)>);

impl<'a> Watch<'a> {
    pub(crate) fn by(hears: &'a dyn Fn(Event)) -> Watch<'a> {
        Watch(Some(hears))
    }

    pub(crate) fn tell(self, event: Event) {
        if let Some(hears) = self.0 {
            hears(event);
        }
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(if self.0.is_some() { "Watch(somebody)" } else { "Watch(nobody)" })
    }
}

/// How long the chunks are that are on their way, the next to come back first.
#[derive(Debug, Default)]
pub(crate) struct OnTheWay(RefCell<VecDeque<u64>>);

impl OnTheWay {
    pub(crate) fn sent(&self, bytes: u64) {
        self.0.borrow_mut().push_back(bytes);
    }

    pub(crate) fn came(&self) -> u64 {
        self.0.borrow_mut().pop_front().unwrap_or_default()
    }
}
