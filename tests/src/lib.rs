//! What the whole-program tests and the tests of the house's rules share, and a library of tasks to call.
//!
//! A rule that only stands in a document is broken by the first person in a hurry. So the rules are code here: [`house`]
//! reads the project's sources, and the test `house` fails with the file, the line and the reason.
#![forbid(unsafe_code)]

pub mod house;
pub mod tasks;
