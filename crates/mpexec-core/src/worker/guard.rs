//! The guard thread of a worker: it sits in a read on the control socket, takes in what comes there, and ends the
//! worker's whole group when the socket ends, which is the coordinator's death. A worker that is to outlive its coordinator is told
//! instead.

use std::io;
use std::sync::mpsc::{RecvError, channel};

use mpexec_wire::{Forgotten, FrameKind, ParcelRef};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::link::LinkError;
use crate::link::control::Reader;
use crate::link::parcels::Parcels;
use crate::os::death;

/// Called when the coordinator is gone, in place of ending the worker: it outlives its coordinator.
pub(crate) type Ending = Box<dyn FnOnce() + Send>;

/// Starts the guard and waits until it stands. `data` gets every frame that is neither about parcels nor the guard's own business.
pub(crate) fn start(
    mut socket: Reader,
    parcels: Parcels,
    mut data: impl FnMut(FrameKind, &[u8]) -> Result<(), LinkError> + Send + 'static,
    ending: Option<Ending>,
) -> io::Result<()> {
    let outlives = ending.is_some();
    let mut ending = ending;
    let (asked, has_asked) = channel();
    let guard = move || {
        if ending.is_none() {
            death::wake_with_parent();
        }
        drop(asked);
        loop {
            let taken = socket.next(|kind, payload, mut attached| match kind {
                FrameKind::Parcel => {
                    let named = ParcelRef::read(payload).map_err(LinkError::broken)?;
                    let parcel =
                        attached.pop().ok_or_else(|| LinkError::broken("a parcel came without its descriptor"))?;
                    parcels.put(named.parcel, parcel.trusted());
                    Ok(())
                }
                FrameKind::Forget => {
                    parcels.forget(Forgotten::read(payload).map_err(LinkError::broken)?);
                    Ok(())
                }
                other => data(other, payload),
            });
            let went_on = match taken {
                Ok(Some(())) => Ok(true),
                Ok(None) => socket.fill(),
                Err(error) => Err(error),
            };
            match (went_on, ending) {
                (Ok(_), still) => ending = still,
                (Err(LinkError::Closed), Some(end)) => return end(),
                (Err(LinkError::Closed), None) => death::kill_own_group(),
                (Err(error), _) => {
                    say(&format!("mpexec: worker process {} ends: {error}\n", std::process::id()));
                    death::kill_own_group()
                }
            }
        }
    };
    std::thread::Builder::new().name("mpexec-guard".into()).stack_size(128 << 10).spawn(guard)?;
    // No task runs before: whoever stops this worker while it does must not find it without its guard. Nothing is ever sent.
    let _: Result<(), RecvError> = has_asked.recv();
    if outlives { Ok(()) } else { death::leave_waking_to_the_guard() }
}

/// A line to standard error, if that takes it at once: a task may hold its lock, or have filled it, and this thread must not wait.
fn say(line: &str) {
    let stderr = io::stderr();
    let mut open = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut open, Some(&now)).is_ok() && open[0].revents().contains(PollFlags::OUT) {
        let _ = rustix::io::write(&stderr, line.as_bytes());
    }
}
