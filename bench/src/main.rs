//! Our figures beside the raw references and the peers, in one run.
//!
//! Machines differ and are busy, so a figure alone says nothing: each row measures us and its references in turn (A B A B)
//! and reports the ratio within each round. It is a report and never a test: nothing fails because something was slow.
//!
//! This program is its own worker, and its own raw child ([`raw`]): who is who is decided at the top of `main`.
#![forbid(unsafe_code)]

mod arguments;
mod baseline;
mod batches;
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
mod warm;
mod ways;

use anyhow::Context;
use clap::Parser;

use arguments::Arguments;
use baseline::Earlier;
use machine::Watch;
use place::Setting;
use raw::spawn::Children;
use report::Report;

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
    if arguments.ways {
        return ways::run();
    }
    if arguments.batches {
        return batches::run();
    }
    // Before an hour is spent on measuring.
    arguments.look_at_outputs()?;
    let baseline = arguments.baseline.as_deref().map(Earlier::read).transpose()?;
    let manner = arguments.manner();
    let setting = Setting {
        quick: arguments.quick,
        alone: arguments.alone,
        rounds: arguments.rounds(),
        python: arguments.python.unwrap_or_else(|| "python3".into()),
        folder: match arguments.folder {
            Some(folder) => folder,
            None => place::beside_this_program("../bench")?,
        },
    };
    let mut report = Report::new(machine::look(), versions::ask(&setting.python), manner);
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
