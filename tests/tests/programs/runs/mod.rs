//! Work in a run folder: killed, resumed, changed, damaged.

mod faults;
mod killed;
mod resumed;
