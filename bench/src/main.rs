//! Our figures beside the raw references and the peers, in one run.
//!
//! Machines differ and are busy, so a figure alone says nothing: each row measures us and its references in turn (A B A B)
//! and reports the ratio within each round. It is a report and never a test: nothing fails because something was slow.
//!
//! This program is its own worker, and its own raw child ([`raw`]): who is who is decided at the top of `main`.
#![forbid(unsafe_code)]

mod baseline;
mod chart;
mod curves;
mod inline;
mod machine;
mod peers;
mod place;
mod race;
mod raw;
mod readings;
mod report;
mod rows;
mod stats;
mod table;
mod versions;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use clap::builder::PossibleValuesParser;

use baseline::Earlier;
use machine::Watch;
use place::Setting;
use raw::spawn::Children;
use report::Report;

/// Measure the pool beside raw references and other pools; print a table
#[derive(Parser)]
#[command(name = "cargo xtask bench", max_term_width = 120)]
struct Arguments {
    /// Only these rows
    #[arg(long, value_name = "ROW", value_delimiter = ',', value_parser = PossibleValuesParser::new(rows::names()))]
    only: Vec<String>,
    /// Fewer rounds and smaller inputs: a first look
    #[arg(long)]
    quick: bool,
    /// How often each side is measured [default: 7, with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Only our own side, without references: for a profiler
    #[arg(long)]
    alone: bool,
    /// Write the report as JSON as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Say which ratios have moved beyond their noise since the run that wrote this file
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Draw the goals and how far we are from each
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Measure how cost grows instead of the rows, and write tables and charts of it into this folder
    #[arg(long, value_name = "FOLDER")]
    curves: Option<PathBuf>,
    /// Only make calls of this form, without processes: for a counter of instructions
    #[arg(long, value_name = "FORM")]
    inline: Option<inline::Form>,
    /// How many of these
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "inline")]
    tasks: usize,
    /// Keep every processor busy with other work meanwhile; the table and the JSON say so
    #[arg(long)]
    busy: bool,
    /// Say which rows there are, and measure none
    #[arg(long)]
    list: bool,
    /// The Python for the rows beside Python, with NumPy if they are to have it [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Where the files to be counted are kept [default: bench beside this program's folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    mpexec_core::init();
    raw::serve_if_child();
    procspawn::init();
    let arguments = Arguments::parse();
    if arguments.list {
        for row in rows::ALL {
            println!("{:<14}{}", row.name, row.what);
        }
        return Ok(());
    }
    if let Some(form) = arguments.inline {
        return inline::run(form, arguments.tasks);
    }
    // Before an hour is spent on measuring.
    let baseline = arguments.baseline.as_deref().map(Earlier::read).transpose()?;
    let setting = Setting {
        quick: arguments.quick,
        alone: arguments.alone,
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 3 } else { 7 }),
        python: arguments.python.unwrap_or_else(|| "python3".into()),
        folder: match arguments.folder {
            Some(folder) => folder,
            None => place::beside_this_program("../bench")?,
        },
    };
    let mut report = Report::new(machine::look(), versions::ask(&setting.python), arguments.busy);
    print!("{}", report.head());
    let _busy = match arguments.busy {
        true => Some(Children::busy(report.machine.cores)?),
        false => None,
    };
    if let Some(folder) = arguments.curves {
        return curves::write(&setting, &report, &folder);
    }
    let watch = Watch::start();
    for row in rows::ALL {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == row.name) {
            continue;
        }
        eprintln!("measuring {}: {}", row.name, row.what);
        let mut results = (row.run)(&setting).with_context(|| format!("the row {}", row.name))?;
        for result in &results {
            print!("{}", report::lines(result));
        }
        report.rows.append(&mut results);
    }
    report.meanwhile = watch.end();
    println!("\n{}", report.foot());
    if let Some(baseline) = baseline {
        println!("{}", baseline.beside(&report, &arguments.only));
    }
    if let Some(path) = arguments.svg {
        chart::write(&report, &path)?;
    }
    if let Some(path) = arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(&path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
