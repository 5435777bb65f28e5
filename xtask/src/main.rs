//! The project's own commands: `cargo xtask <command>`.
//!
//! They are a program and not scripts, so that they run wherever Rust does. Each command is a file of its own and one line
//! of [`Command`]; it depends on little, because everybody who types `cargo xtask` waits until it is built.
#![forbid(unsafe_code)]

mod bench;
mod chaos;
mod cluster;
mod demo;
mod dist;
mod fuzz;
mod place;
mod public_api;
mod python;
mod report;
mod run;
mod sanitize;
mod scale;
mod steps;
mod tests_cmd;
mod tools;
mod transcript;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own commands", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Chaos(chaos::Arguments),
    Cluster(cluster::Arguments),
    Demo(demo::Arguments),
    Dist(dist::Arguments),
    Fuzz(fuzz::Arguments),
    Sanitize(sanitize::Arguments),
    Scale(scale::Arguments),
    Test(tests_cmd::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
        Command::Cluster(arguments) => cluster::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Dist(arguments) => dist::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Sanitize(arguments) => sanitize::run(&arguments),
        Command::Scale(arguments) => scale::run(&arguments),
        Command::Test(arguments) => tests_cmd::run(&arguments),
    }
}
