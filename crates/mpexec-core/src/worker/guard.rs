//! The guard thread of a worker: it sits in a read on the control socket, takes in what comes there, and ends the
//! worker's whole group when the socket ends, which is the coordinator's death.

use std::io;

use mpexec_wire::{FrameKind, ParcelRef};

use crate::link::LinkError;
use crate::link::control::Reader;
use crate::link::parcels::Parcels;
use crate::os::death;

/// Starts the guard. `data` gets every frame that is neither a parcel nor the guard's own business.
pub(crate) fn start(
    mut socket: Reader,
    parcels: Parcels,
    mut data: impl FnMut(FrameKind, &[u8]) -> Result<(), LinkError> + Send + 'static,
) -> io::Result<()> {
    let guard = move || {
        death::wake_with_parent();
        loop {
            let taken = socket.next(|kind, payload, mut attached| match kind {
                FrameKind::Parcel => {
                    let named = ParcelRef::read(payload).map_err(LinkError::broken)?;
                    let parcel =
                        attached.pop().ok_or_else(|| LinkError::broken("a parcel came without its descriptor"))?;
                    parcels.put(named.parcel, parcel);
                    Ok(())
                }
                other => data(other, payload),
            });
            let went_on = match taken {
                Ok(Some(())) => Ok(true),
                Ok(None) => socket.fill(),
                Err(error) => Err(error),
            };
            if went_on.is_err() {
                death::kill_own_group();
            }
        }
    };
    std::thread::Builder::new().name("mpexec-guard".into()).stack_size(128 << 10).spawn(guard)?;
    Ok(())
}
