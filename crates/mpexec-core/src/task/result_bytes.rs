//! The bytes of a result, as its worker has encoded them.

use std::fmt;
use std::ops::Deref;

use mpexec_ring::Parcel;

/// A shorter parcel is copied: for each that is kept the system has a mapping, of which it gives a process some ten thousand.
const SHORTEST_PARCEL: usize = 1 << 20;

/// What a worker has sent as the result of a task; a long one lies where it came.
pub struct ResultBytes(Place);

enum Place {
    Here(Vec<u8>),
    /// Sealed: no worker can write it.
    Parcel(Parcel),
}

impl ResultBytes {
    pub(super) fn of(parcel: Parcel) -> ResultBytes {
        let short = parcel.len() < SHORTEST_PARCEL;
        ResultBytes(if short { Place::Here(mpexec_wire::copied(&parcel)) } else { Place::Parcel(parcel) })
    }

    /// The vector, if it is one.
    pub fn into_vec(self) -> Option<Vec<u8>> {
        match self.0 {
            Place::Here(bytes) => Some(bytes),
            Place::Parcel(_) => None,
        }
    }
}

impl From<Vec<u8>> for ResultBytes {
    fn from(bytes: Vec<u8>) -> ResultBytes {
        ResultBytes(Place::Here(bytes))
    }
}

impl Deref for ResultBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Here(bytes) => bytes,
            Place::Parcel(parcel) => parcel,
        }
    }
}

impl fmt::Debug for ResultBytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.len())
    }
}
