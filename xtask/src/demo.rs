//! `cargo xtask demo`: builds the tutorial as a release and runs it.
//!
//! The tutorial is an example of the library and no part of this program, because its workers are the same program
//! started again, and because everybody who types `cargo xtask` would have to wait until the pool is built.

use std::process::ExitCode;

use clap::Args;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;

const BUILD: [&str; 6] = ["build", "--release", "--package", "mpexec-core", "--example", "tutorial"];
const RUN: [&str; 8] = ["run", "--quiet", "--release", "--package", "mpexec-core", "--example", "tutorial", "--"];

/// Go through the tutorial, form by form, each checked and timed beside the plain loop
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many rows the tutorial's matrix has
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    rows: usize,
    /// How many workers a pool has: auto, or a number
    #[arg(long, value_name = "auto|N", default_value = "auto")]
    workers: String,
}

/// Runs the tutorial; failure if one of its answers was wrong.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    if show(&place, &mut place.cargo(&BUILD)) != Outcome::Ok {
        anyhow::bail!("the tutorial does not build");
    }
    let mut tutorial = place.cargo(&RUN);
    tutorial.arg("--rows").arg(arguments.rows.to_string()).arg("--workers").arg(&arguments.workers);
    // Its own code is handed on: 1 for a wrong answer, 2 for a wrong argument.
    let code = tutorial.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
