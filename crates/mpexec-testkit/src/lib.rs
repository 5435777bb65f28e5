//! What the tests of mpexec share. Nobody else uses it, and it is not published.
//!
//! | module | what is there |
//! |---|---|
//! | `watchdog` | a hang becomes a failure with names |
//! | [`census`], [`processes`] | what this process has and which processes there are, as the kernel lists them |
//! | `scratch` | paths of a test's own, and gates through which tasks go when the test says so |
//! | `pace` | what is judged by time is judged again with longer times |
//! | `patience` | for how long a test waits for what comes |
//! | `pools` | pools to test with |
//! | `skipped` | what a test says that cannot be run here |
//! | `ways`, `thread` | how a process can end itself, and how a thread of it can |
//! | [`socket`], [`ring`] | a worker's own socket and result ring, to write nonsense to |
//! | [`faults`] | every kind of failure and every moment for it; a worker strikes on command |
//! | [`table`] | what each kind at each moment comes to, and the document that says so |

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

pub mod census;
mod ended;
pub mod faults;
mod pace;
mod patience;
mod pools;
pub mod processes;
pub mod ring;
mod scratch;
mod skipped;
pub mod socket;
pub mod table;
mod thread;
mod watchdog;
mod ways;

pub use pace::at_some_pace;
pub(crate) use patience::LOOK;
pub use patience::hangs;
pub use pools::{LINKS, builder, pool};
pub use scratch::{Scratch, forever, open, pass, spin};
pub use skipped::skipped;
pub use thread::end_this_thread;
pub use watchdog::{Watchdog, wait_until};
pub use ways::{WAYS, Way};
