//! `cargo xtask chaos`: builds the soak and runs it for so long.

use std::process::ExitCode;

use clap::Args;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;

/// Random calls and random faults against the pool, and whether each task told the truth
#[derive(Args)]
pub(crate) struct Arguments {
    /// How long, in minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 1.0)]
    minutes: f64,
    /// What all chance follows from [default: another one each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Play only this round, again and again
    #[arg(long, value_name = "NUMBER")]
    round: Option<u64>,
}

/// Runs it; failure if anything was wrong or left behind.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let mut cargo = place.cargo(&["run", "--release", "-p", "mpexec-chaos", "--"]);
    cargo.arg(format!("--minutes={}", arguments.minutes));
    cargo.args(arguments.seed.map(|seed| format!("--seed={seed}")));
    cargo.args(arguments.round.map(|round| format!("--round={round}")));
    Ok(if show(&place, &mut cargo) == Outcome::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
