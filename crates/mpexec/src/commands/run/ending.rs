//! How commands that run are ended before their time: all are asked to end, and who does not is killed after a moment, or with the workers when the grace is over.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use mpexec::tasks::{CommandEnd, UNTIL_KILLED};
use mpexec_core::{Receiver, Sender, channel};

use super::Commands;
use crate::failure::Failure;
use crate::flow::{Flow, Next};

/// What asks commands to end.
pub(super) struct Ending {
    /// When it is gone, each worker hears it.
    sender: Mutex<Option<Sender<()>>>,
    flow: OnceLock<Arc<Flow<CommandEnd, Commands>>>,
}

impl Ending {
    /// With what workers listen to.
    ///
    /// # Errors
    /// A [`Failure`] if there can be no further descriptor.
    pub(super) fn new() -> Result<(Arc<Ending>, Receiver<()>), Failure> {
        let (sender, receiver) =
            channel().map_err(|error| Failure::pool(format!("a channel to the workers cannot be made: {error}")))?;
        Ok((Arc::new(Ending { sender: Mutex::new(Some(sender)), flow: OnceLock::new() }), receiver))
    }

    /// These are the commands.
    pub(super) fn of(&self, flow: &Arc<Flow<CommandEnd, Commands>>) {
        // There is one flow, so the place is free.
        let _ = self.flow.set(Arc::clone(flow));
    }

    /// Asks all commands to end.
    pub(super) fn ask(&self) {
        if let Some(flow) = self.flow.get() {
            // First, so that none begins that would not hear it.
            flow.stop(Next::Finish);
        }
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The same on a thread of its own; and who has not ended is killed.
    pub(super) fn begin(self: &Arc<Self>) -> Next {
        if self.sender.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Next::Finish;
        }
        let ending = Arc::clone(self);
        let asking = std::thread::Builder::new().name("mpexec-halt".into()).spawn(move || {
            ending.ask();
            if let Some(flow) = ending.flow.get().filter(|flow| !flow.is_over_within(UNTIL_KILLED)) {
                flow.stop(Next::Kill);
            }
        });
        if asking.is_ok() { Next::Finish } else { Next::Kill }
    }
}
