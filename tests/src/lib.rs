//! Shared by the whole-program tests.
