//! The program `mpexec`: what was typed (`args.rs`), what it means (`plan.rs`), the command (`commands/`).
//!
//! Errors are printed here and nowhere else, and the exit codes stand in `exit.rs`. The program ends with `exit` and not by
//! returning: once the result is out, there is nothing to wait for, and workers die with their coordinator.
mod args;
mod closest;
mod cluster;
mod commands;
mod console;
mod early;
mod engines;
mod exit;
mod failure;
mod flow;
mod given;
mod input;
mod interrupt;
mod journal;
mod keeping;
mod numbers;
mod pause;
mod pieces;
mod plan;
mod print;
mod printer;
mod processors;
mod progress;
mod report;
mod signals;
mod sink;
mod stage;
mod status;
mod stdout;
mod tally;
mod timestamp;
mod walk;
mod wanted;
mod workforce;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue};
use clap::{ColorChoice, CommandFactory, FromArgMatches};
use mpexec::limits;
use mpexec_runs::Share;

use crate::args::{Arguments, When};
use crate::console::Console;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Running;
use crate::keeping::{Typed, Who};
use crate::plan::{Plan, Surroundings};

/// Another worker program than the one beside this one.
const WORKER_VARIABLE: &str = "MPEXEC_WORKER_PROGRAM";

/// In place of `--log-format`.
const LOG_VARIABLE: &str = "MPEXEC_LOG_FORMAT";

/// In place of `--color`.
const COLOUR_VARIABLE: &str = "MPEXEC_COLOR";

fn main() {
    // In a worker this never returns, so nothing may stand before it.
    let registered = mpexec::register();
    mpexec_core::init();

    // From here on a signal ends the program with its code, whatever it is at.
    let running = Running::start();
    limits::report_file_size();
    let words: Vec<_> = std::env::args_os().collect();
    console::choose_colours(colour_of_usage(&words));
    let mut console = Arc::new(Console::early(wants_json(&words)));
    let mut element = false;
    let done = registered.map_err(Failure::from).and_then(|()| {
        let Some(arguments) = read_arguments(&words)? else { return Ok(()) };
        let Typed { arguments, again, share } = keeping::typed_again(arguments)?;
        element = share.is_some();
        console = Arc::new(Console::new(&arguments.common));
        running.grants(arguments.common.grace);
        let wanted = arguments.common.journal();
        let plan = Plan::new(arguments, surroundings(again.unwrap_or_else(|| words.clone()), share))?;
        running.journal().open(&wanted, &words)?;
        commands::run(&plan, &console, &running)
    });
    let done = if element { done.map_err(Failure::of_share) } else { done };
    let (mut exit, why) = told(done.map_err(|failure| running.explain(failure)), &console);
    if let Err(failure) = running.close_journal(exit, why) {
        let (code, _) = told(Err(failure), &console);
        if exit == Exit::Done {
            exit = code;
        }
    }
    running.summarise(exit);
    std::process::exit(exit.code().into());
}

/// Says why it ended, and gives the code, with the same in words.
fn told(done: Result<(), Failure>, console: &Console) -> (Exit, Option<String>) {
    let Err(failure) = done else { return (Exit::Done, None) };
    let why = match &failure {
        Failure::Error { line, exit } => {
            console.error(line, exit.code());
            line.clone()
        }
        Failure::Refused { line } => {
            console.error(line, failure.exit().code());
            line.clone()
        }
        Failure::ShareDone => return (Exit::Done, None),
        Failure::ReaderLeft => "whoever read the output had read enough".to_owned(),
        Failure::Asked(signal) => signal.participle().to_owned(),
    };
    (failure.exit(), Some(why))
}

/// Reads the command line; `None` if only help or the version was wanted, which is printed here. Errors of usage end the
/// program here: clap prints them best.
fn read_arguments(words: &[OsString]) -> Result<Option<Arguments>, Failure> {
    let command = without_empty_variables(Arguments::command()).color(clap_colour(colour_of_usage(words)));
    let matches = command.try_get_matches_from(words);
    match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => Ok(Some(arguments)),
        Err(error) if error.use_stderr() && wants_json(words) => {
            let error = naming_variables(error);
            let text = error.render().to_string();
            let text = text.trim();
            Console::early(true).error(text.strip_prefix("error: ").unwrap_or(text), Exit::Usage.code());
            std::process::exit(Exit::Usage.code().into())
        }
        Err(error) if error.use_stderr() => {
            // Standard error may be closed; there is nowhere left to say so.
            let _ = naming_variables(error).print();
            std::process::exit(Exit::Usage.code().into())
        }
        Err(asked_for) => print::text(&asked_for.render().ansi().to_string()).map(|()| None),
    }
}

/// A variable that is set to nothing, as scripts do, is one that is not set.
fn without_empty_variables(mut command: clap::Command) -> clap::Command {
    let empty =
        |argument: &&clap::Arg| argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let names: Vec<_> = command.get_arguments().filter(empty).map(|argument| argument.get_id().clone()).collect();
    for name in names {
        command = command.mut_arg(name, |argument| argument.env(None::<&str>));
    }
    command
}

/// The same error, which names a variable where the value is that of one and not of an option that nobody typed.
fn naming_variables(mut error: clap::Error) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (option, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let mut command = Arguments::command();
    command.build();
    let variable = command
        .get_arguments()
        .filter(|argument| argument.to_string() == option)
        .filter_map(clap::Arg::get_env)
        .find(|variable| std::env::var_os(variable).is_some_and(|said| said == *value));
    if let Some(variable) = variable {
        let named = variable.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(named));
    }
    error
}

fn clap_colour(when: When) -> ColorChoice {
    match when {
        When::Auto => ColorChoice::Auto,
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
    }
}

/// `--color` as it was typed, for what is printed before anybody has read the command line.
fn colour_of_usage(words: &[OsString]) -> When {
    let mut words = words.iter().map(|word| word.to_string_lossy());
    let mut choice = named(&std::env::var(COLOUR_VARIABLE).unwrap_or_default()).unwrap_or(When::Auto);
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color=") {
            Some(value) => value.to_owned(),
            None if word == "--color" => words.next().unwrap_or_default().into_owned(),
            None => continue,
        };
        choice = named(&value).unwrap_or(choice);
    }
    choice
}

/// Whether `--log-format json` was typed, or its variable says so.
fn wants_json(words: &[OsString]) -> bool {
    let typed = |at: usize, word: &OsString| match word.to_string_lossy().strip_prefix("--log-format") {
        Some("") => words.get(at + 1).map(|value| value.to_string_lossy().into_owned()),
        Some(value) => value.strip_prefix('=').map(str::to_owned),
        None => None,
    };
    let typed = words.iter().enumerate().filter_map(|(at, word)| typed(at, word)).next_back();
    typed.or_else(|| std::env::var(LOG_VARIABLE).ok()).is_some_and(|value| value == "json")
}

fn named(choice: &str) -> Option<When> {
    match choice {
        "always" => Some(When::Always),
        "never" => Some(When::Never),
        _ => None,
    }
}

fn surroundings(words: Vec<OsString>, share: Option<Share>) -> Surroundings {
    let (variable, beside) = (std::env::var_os(WORKER_VARIABLE), beside());
    Surroundings { variable, beside, words, who: share.map(Who::Share).unwrap_or_default() }
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
        assert_eq!(choice("mpexec --color never nonsense"), When::Never);
        assert_eq!(choice("mpexec nonsense --color=always"), When::Always);
        assert_eq!(choice("mpexec nonsense"), When::Auto);
    }
}
