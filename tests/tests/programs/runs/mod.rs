//! Work in a run folder: killed, resumed, changed, damaged.

mod answers;
mod disk;
mod each;
mod elsewhere;
mod faults;
mod foreign;
mod killed;
mod odd_names;
mod queue;
mod replaced;
mod resumed;
mod shards;
mod struck;
