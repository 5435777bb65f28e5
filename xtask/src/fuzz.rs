//! `cargo xtask fuzz`: runs the fuzz targets of `fuzz/`, each for so long.
//!
//! The fuzzer needs a nightly toolchain and cargo-fuzz, which this command installs where it can. What a target finds is left
//! in `fuzz/artifacts`, and what it has learned in `fuzz/corpus`. It begins with what it learned before and with `fuzz/seeds`.

use std::process::ExitCode;

use clap::Args;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;
use crate::tools;

/// The targets, as they are named in `fuzz/Cargo.toml`.
const TARGETS: [&str; 9] = ["frames", "messages", "records", "tasks", "packets", "results", "npy", "csv", "json"];

/// Feed made-up bytes to every decoder: frames, messages, records, task and result rings, packets and files
#[derive(Args)]
pub(crate) struct Arguments {
    /// Which targets; all if none is named
    #[arg(value_name = "TARGET", value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    targets: Vec<String>,
    /// How long each is run
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets; failure if one of them found something.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = Place::find();
    let fuzz = tools::cargo_fuzz(&place).map_err(anyhow::Error::msg)?;
    let asked: Vec<&str> = arguments.targets.iter().map(String::as_str).collect();
    let mut clean = true;
    for target in if asked.is_empty() { TARGETS.to_vec() } else { asked } {
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        std::fs::create_dir_all(place.root.join(&corpus))?;
        let mut rustup = place.command("rustup");
        rustup.args(["run", "nightly"]).arg(&fuzz).args(["fuzz", "run", target]).args([&corpus, &seeds]).arg("--");
        rustup.arg(format!("-max_total_time={}", arguments.seconds)).args([
            "-max_len=8192",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]);
        clean &= show(&place, rustup.env("CARGO_TARGET_DIR", place.target.join("fuzz"))) == Outcome::Ok;
    }
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
