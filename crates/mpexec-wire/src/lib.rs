//! Crate wire.
