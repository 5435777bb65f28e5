//! Other pools of processes. No other crate of the project compiles them.

pub(crate) mod procspawn;
pub(crate) mod python;
