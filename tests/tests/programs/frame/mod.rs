//! Tables through `mpexec frame`, beside pandas where it is there.

mod against_pandas;
mod described;
mod files;
mod together;
