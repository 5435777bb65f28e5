//! The whole program `mpexec count-range`, from its start to its end, beside other whole programs that count the file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::peers::python::Python;
use crate::place::{self, Setting};
use crate::race::{Goal, Metric, Race};
use crate::raw::counting::{self, PAIR, RAYON};
use crate::report::RowReport;
use crate::stats::timed;

const CHILDREN: &str = "two bare children";
const BARE: &str = "a program with 2 children";
const WITH_RAYON: &str = "rayon, fresh mapping";
const NUMPY: &str = "numpy expression alone";
const METRICS: [Metric; 1] = [Metric::cost("time", "ms")];

/// Runs the program as a user would; it says its total as JSON.
fn mpexec(program: &Path, file: &Path) -> Result<u64> {
    let output = Command::new(program)
        .args(["--workers", "2", "--quiet", "count-range"])
        .arg(file)
        .args(["--min", "4", "--max", "8", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("starting mpexec")?;
    ensure!(output.status.success(), "mpexec failed ({})", output.status);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).context("what mpexec printed")?;
    told.get("total").and_then(serde_json::Value::as_u64).context("the total that mpexec printed")
}

fn race<'a>(row: &'static str, rows: u64, setting: &Setting) -> Result<(Race<'a>, PathBuf)> {
    let file = setting.table(rows)?;
    let total = counting::two_children(&file)?;
    let reading = move |work: &dyn Fn() -> Result<u64>| {
        let (counted, took) = timed(work);
        ensure!(counted? == total, "the totals are equal");
        Ok(vec![took.as_secs_f64() * 1e3])
    };
    let what = format!("mpexec count-range of {rows} rows x 5, 2 workers, file in the page cache");
    let (program, path) = (place::mpexec()?, file.clone());
    let mut race = Race::new(row, what, &METRICS, move || reading(&|| mpexec(&program, &path)));
    let path = file.clone();
    race.beside(CHILDREN, move || reading(&|| counting::two_children(&path)));
    let path = file.clone();
    race.beside(BARE, move || reading(&|| counting::total(counting::start(PAIR, &path, None)?)));
    let path = file.clone();
    race.beside(WITH_RAYON, move || reading(&|| counting::total(counting::start(RAYON, &path, None)?)));
    match setting.peer(|| Python::with_numpy(&setting.python)) {
        Ok(mut python) => {
            let path = file.clone();
            race.beside(NUMPY, move || {
                let answer = python.ask("numpy", path.display())?;
                ensure!(answer.get(1) == Some(&(total as f64)), "the totals are equal");
                Ok(answer[..1].to_vec())
            })
        }
        Err(reason) => race.without(NUMPY, &reason),
    };
    Ok((race, file))
}

pub(crate) fn small(setting: &Setting) -> Result<Vec<RowReport>> {
    let (mut race, _) = race("count-small", 200_000, setting)?;
    race.goal(0, CHILDREN, Goal::AtMost(2.0)).goal(0, NUMPY, Goal::Faster(1.0)).goal(0, BARE, Goal::Shown);
    Ok(vec![race.run(setting)?])
}

pub(crate) fn large(setting: &Setting) -> Result<Vec<RowReport>> {
    let (mut race, _) = race("count-large", setting.size(20_000_000, 4_000_000), setting)?;
    race.goal(0, WITH_RAYON, Goal::AtMost(1.5)).goal(0, NUMPY, Goal::Faster(12.0)).goal(0, BARE, Goal::Shown);
    Ok(vec![race.run(setting)?])
}
