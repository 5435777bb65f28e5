//! `cargo xtask bench`: builds our programs as a release and measures them beside raw references and other pools.
//!
//! The measuring is a crate apart, so that only this command compiles the peers. What it takes is its own affair: all
//! arguments are handed on.

use std::process::ExitCode;

use clap::Args;

use crate::place::Place;
use crate::python;
use crate::report::Outcome;
use crate::run::show;

const BUILD: [&str; 6] = ["build", "--release", "--package", "mpexec-bench", "--package", "mpexec"];
const RUN: [&str; 6] = ["run", "--quiet", "--release", "--package", "mpexec-bench", "--"];

/// Measure the pool beside raw references and other pools (`-- --help` for more)
#[derive(Args)]
pub(crate) struct Arguments {
    /// For the bench: --quick, --only ROW, --json FILE, --baseline FILE, --svg FILE, --list and others
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    handed_on: Vec<String>,
}

/// Builds and runs the bench; failure only if it could not be run. Slow is no failure.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    if show(&place, &mut place.cargo(&BUILD)) != Outcome::Ok {
        anyhow::bail!("the bench does not build");
    }
    let mut bench = place.cargo(&RUN);
    match python::for_bench(&place) {
        Ok((python, missing)) => {
            if let Some(reason) = missing {
                eprintln!("without Python's other pools: {reason}");
            }
            bench.arg("--python").arg(python);
        }
        Err(reason) => eprintln!("without NumPy: {reason}"),
    }
    bench.args(&arguments.handed_on);
    Ok(if bench.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
