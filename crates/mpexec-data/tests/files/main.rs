//! The library as its users see it: files, tables, counts, outputs.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod array_columns;
mod columnar;
mod common;
mod counting;
mod csv;
mod faults;
mod json;
mod numpy_bounds;
mod numpy_files;
mod numpy_random;
mod output;
mod streams;
mod tutorial;
mod writers;
