//! The program `mpexec`: what was typed (`args.rs`), what it means (`plan.rs`), the command (`commands/`).
//!
//! Errors are printed here and nowhere else, and the exit codes stand in `exit.rs`. The program ends with `exit` and not by
//! returning: once the result is out, there is nothing to wait for, and workers die with their coordinator.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod console;
mod exit;
mod failure;
mod interrupt;
mod numbers;
mod pieces;
mod plan;
mod print;
mod processors;
mod progress;
mod report;
mod signals;
mod sink;
mod stage;
mod tally;
mod workforce;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use crate::args::Arguments;
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::plan::{Plan, Surroundings};

/// Another worker program than the one beside this one.
const WORKER_VARIABLE: &str = "MPEXEC_WORKER_PROGRAM";

fn main() {
    // In a worker this never returns, so nothing may stand before it.
    let registered = mpexec::register();
    mpexec_core::init();

    let arguments = read_arguments();
    console::choose_colours(arguments.common.color);
    let console = Arc::new(Console::new(&arguments.common));
    let done = registered
        .map_err(Failure::from)
        .and_then(|()| Plan::new(arguments, surroundings()))
        .and_then(|plan| commands::run(&plan, &console));
    let exit = match done {
        Ok(()) => Exit::Done,
        Err(failure) => {
            if let Failure::Error { line, .. } = &failure {
                console.error(line);
            }
            failure.exit()
        }
    };
    std::process::exit(exit.code().into());
}

/// Reads the command line; help, version and errors of usage end the program here, with the codes of the table.
fn read_arguments() -> Arguments {
    let words: Vec<_> = std::env::args_os().collect();
    let command = Arguments::command().color(colour_of_usage(&words));
    let matches = command.try_get_matches_from(words);
    matches.and_then(|matches| Arguments::from_arg_matches(&matches)).unwrap_or_else(|error| {
        // A reader of the help that left is no error.
        let _ = error.print();
        let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
        std::process::exit(exit.code().into())
    })
}

/// The colour of what clap itself prints, which it does before anybody has read `--color`.
fn colour_of_usage(words: &[std::ffi::OsString]) -> ColorChoice {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    let mut choice = ColorChoice::Auto;
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color=") {
            Some(value) => value.to_owned(),
            None if word == "--color" => words.next().unwrap_or_default().into_owned(),
            None => continue,
        };
        match value.as_str() {
            "always" => choice = ColorChoice::Always,
            "never" => choice = ColorChoice::Never,
            _ => {}
        }
    }
    choice
}

fn surroundings() -> Surroundings {
    Surroundings { variable: std::env::var_os(WORKER_VARIABLE), beside: beside() }
}

/// The worker program that was installed with this one.
fn beside() -> Option<PathBuf> {
    let name = format!("mpexec-worker{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(OsStr::new(&name));
    path.is_file().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_put_together_without_contradiction() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn colours_of_usage_errors_follow_the_option_too() {
        let choice = |line: &str| colour_of_usage(&line.split(' ').map(Into::into).collect::<Vec<_>>());
        assert_eq!(choice("mpexec --color never nonsense"), ColorChoice::Never);
        assert_eq!(choice("mpexec nonsense --color=always"), ColorChoice::Always);
        assert_eq!(choice("mpexec nonsense"), ColorChoice::Auto);
    }
}
