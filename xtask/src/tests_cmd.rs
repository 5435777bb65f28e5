//! `cargo xtask test`: everything that must hold before a change is taken, in one command.
//!
//! It goes on after a step that failed: who waits some minutes for an answer wants all of it. What a machine cannot check
//! is skipped, and said to be.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::place::Place;
use crate::report::{self, Outcome, Row};
use crate::steps::{STEPS, Step};

/// Check everything: form, lints, documentation, tests, orderings, licences.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Run only these steps, and those that they need
    #[arg(long, value_name = "STEP", value_delimiter = ',', value_parser = PossibleValuesParser::new(STEPS.iter().map(|step| step.name)))]
    only: Vec<String>,
    /// Run only what one wants while writing: form, lints, tests
    #[arg(long, conflicts_with = "only")]
    quick: bool,
    /// Say which steps there are, and run none
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = chosen(arguments);
    if arguments.list {
        for step in chosen {
            println!("{:<12}{}", step.name, step.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let place = Place::find();
    let rows: Vec<Row> = chosen.into_iter().map(|step| one(step, &place)).collect();
    println!("\n{}", report::table(&rows));
    Ok(if report::any_failed(&rows) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen(arguments: &Arguments) -> Vec<&'static Step> {
    let wanted = |step: &Step| {
        if arguments.quick {
            return step.quick;
        }
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == step.name)
    };
    let needed = |step: &Step| STEPS.iter().any(|other| wanted(other) && other.needs.contains(&step.name));
    STEPS.iter().filter(|step| wanted(step) || needed(step)).collect()
}

fn one(step: &'static Step, place: &Place) -> Row {
    println!("\n== {}: {}", step.name, step.what);
    let begin = Instant::now();
    let outcome = (step.run)(place);
    let row = Row { step: step.name, outcome, took: begin.elapsed() };
    let goes_on = match row.outcome {
        Outcome::Failed(_) => "; going on, so that all failures are seen",
        _ => "",
    };
    println!("{}{goes_on}", row.line());
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str], quick: bool) -> Vec<&'static str> {
        let only = only.iter().map(|&name| name.to_owned()).collect();
        let arguments = Arguments { only, quick, list: false };
        chosen(&arguments).into_iter().map(|step| step.name).collect()
    }

    #[test]
    fn all_steps_are_run_when_none_is_named() {
        assert_eq!(names(&[], false).len(), STEPS.len());
    }

    #[test]
    fn a_step_brings_what_it_needs_and_keeps_the_order() {
        assert_eq!(names(&["tests", "fmt"], false), ["fmt", "bins", "tests"]);
        assert_eq!(names(&[], true), ["fmt", "clippy", "bins", "tests"]);
    }

    #[test]
    fn every_step_that_is_needed_exists_and_comes_before() {
        for (at, step) in STEPS.iter().enumerate() {
            for need in step.needs {
                assert!(STEPS[..at].iter().any(|before| before.name == *need), "{} needs {need}", step.name);
            }
        }
    }
}
