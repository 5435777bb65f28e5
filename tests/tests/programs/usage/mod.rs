//! The words of the command line, what is shown meanwhile and after, and what goes with the programs.

mod examples;
mod options;
mod papers;
mod report;
mod status;
mod steps;
mod words;
mod workers;
