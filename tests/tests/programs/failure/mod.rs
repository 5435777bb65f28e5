//! What happens to a run when something dies, hangs, is stopped or is missing.

mod chaos;
mod death;
mod killing;
mod scarcity;
mod signals;
