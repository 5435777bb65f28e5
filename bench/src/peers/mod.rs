//! Other pools of processes, and what people take in place of one. No other crate of the project compiles them.

pub(crate) mod procspawn;
pub(crate) mod python;
pub(crate) mod threads;
