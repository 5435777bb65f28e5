//! Where in this program a task's code lies: the worker's and the caller's view of the executable's text.

pub(crate) use crate::os::processors::count as processors;
pub(crate) use crate::os::text::{address_at, offset_of};
