//! What the tests of the command line share: the programs, the processes they become, and files for them to read.
//!
//! Nothing here waits for a time to pass. Processes are held by descriptors that tell when they end, and every wait has a
//! limit after which the test fails instead of hanging.

pub(crate) mod examples;
pub(crate) mod files;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod terminal;
mod told;
