//! The programs as people run them. All of it is one test program, because each would hold Arrow and Parquet once more: that
//! is sixty megabytes and some seconds of linking for each, and tests that wait would not wait side by side.

mod arrivals;
mod cluster;
mod common;
mod count;
mod documents;
mod endings;
mod examples;
mod failure;
mod frame;
mod given;
mod map;
mod own_worker;
mod run;
mod runs;
mod usage;
