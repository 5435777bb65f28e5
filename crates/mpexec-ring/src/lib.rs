//! Crate ring.
