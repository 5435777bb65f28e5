//! `cargo xtask scale`: what a cluster of any size would do, from what was measured on one machine: a model is fitted, and written down beside the figures.
//!
//! `bench/scale.jsonl` has a line for each measurement, as `cargo xtask cluster arrays`, `bench/publish.sh` and `bench/cluster.sh` print them. `bench/SCALING.md`
//! and its charts are made of that file and of nothing else: a test holds that they are what it gives.

mod draw;
mod figures;
mod model;
mod text;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::place::Place;
use figures::Figures;
use model::Model;

/// Fit a model to what was measured of clusters, and write what it says, with charts, beside the figures
#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of scale.jsonl, and for what is written [default: bench]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// The figures, one measurement a line.
const FIGURES: &str = "scale.jsonl";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = arguments.folder.clone().unwrap_or_else(|| Place::find().root.join("bench"));
    let path = folder.join(FIGURES);
    let lines = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for (name, content) in written(&lines)? {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// All that is written, by name.
fn written(lines: &str) -> Result<[(&'static str, String); 3]> {
    let figures = Figures::read(lines)?;
    let model = Model::fit(&figures)?;
    Ok([
        ("SCALING.md", text::document(&figures, &model)),
        ("scaling-arrays.svg", draw::arrays(&figures, &model)),
        ("scaling-nodes.svg", draw::nodes(&model)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_and_its_charts_are_what_the_figures_give() {
        let folder = Place::find().root.join("bench");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        for (name, content) in written(&read(FIGURES)).unwrap() {
            assert!(read(name) == content, "bench/{name} is not what cargo xtask scale writes");
        }
    }
}
