//! `cargo xtask chaos`: builds the soak and runs it for so long.
//!
//! What it takes is its own affair (`chaos/src/main.rs`): all arguments are handed on.

use std::process::ExitCode;

use clap::Args;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;

const RUN: [&str; 5] = ["run", "--release", "-p", "mpexec-chaos", "--"];

/// Random calls and random faults against the pool, and whether each task told the truth (`-- --help` for more)
#[derive(Args)]
pub(crate) struct Arguments {
    /// For the soak: --minutes MINUTES, --seed NUMBER, --round NUMBER
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    handed_on: Vec<String>,
}

/// Runs it; failure if anything was wrong or left behind.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let mut soak = place.cargo(&RUN);
    Ok(match show(&place, soak.args(&arguments.handed_on)) {
        Outcome::Ok => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn whatever_is_said_is_handed_on_as_it_is() {
        let said = ["--minutes", "0.5", "--seed=7", "--round", "3", "--yet-unknown"];
        let line = Line::try_parse_from(["chaos"].into_iter().chain(said)).map(|line| line.arguments.handed_on);
        assert_eq!(line.unwrap(), said);
    }
}
