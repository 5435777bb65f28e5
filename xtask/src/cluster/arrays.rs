//! What arrays of jobs cost on a cluster: how long it takes to submit one, until its first element begins, until all nodes have one, until the last has ended.
//!
//! An element notes its beginning and its end as empty files in the shared folder, whose times say when; between them it sleeps. So what is measured is Slurm
//! and the folder, and no work, whatever the nodes are. With `--program` the same is done by `mpexec --on slurm run`, and the logs of its run folder say when.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::machine::Cluster;
use super::texts::Nodes;

/// An array may take so long, besides what its elements sleep one after another.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Arrays that are to be measured.
#[derive(Args)]
pub(super) struct Wanted {
    /// How many elements the arrays have, one array for each
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 10, 100, 200, 500, 1000], value_parser = clap::value_parser!(u32).range(1..))]
    elements: Vec<u32>,
    /// So many seconds an element sleeps
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    seconds: f64,
    /// How often each is measured, in turn
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: u32,
    /// Let this program, an mpexec, submit and wait, with a run folder
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Add the lines to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// When what happened, in seconds since the array was begun to be submitted.
#[derive(Debug, PartialEq)]
struct Times {
    /// It was accepted, where that is known.
    submit: Option<f64>,
    /// The first element began,
    first: f64,
    /// as many had begun as there are nodes, or all,
    filled: f64,
    /// the last ended, or had published its result,
    end: f64,
    /// and whoever waited for them had all of it.
    all: Option<f64>,
}

/// Measures all arrays.
///
/// # Errors
/// When one is refused, or does not come to its end.
pub(super) fn measure(cluster: &Cluster, wanted: &Wanted) -> Result<()> {
    let nodes = cluster.nodes();
    let (count, emulated) = (nodes.count(), matches!(nodes, Nodes::Emulated(_)));
    let scheduler = if cluster.is_as_shipped()? { "as shipped" } else { "quick" };
    let kind = if wanted.program.is_some() { "run" } else { "array" };
    for _ in 0..wanted.rounds {
        for &elements in &wanted.elements {
            cluster.wait_until_idle()?;
            let place = cluster.folder.join("shared").join(format!("arrays-{}", std::process::id()));
            fs::create_dir(&place).with_context(|| format!("cannot make {}", place.display()))?;
            let measured = match &wanted.program {
                None => array(cluster, &place, elements, wanted.seconds),
                Some(program) => run(cluster, program, &place, elements, wanted.seconds),
            };
            fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
            let Times { submit, first, filled, end, all } = measured.with_context(|| format!("{elements} elements"))?;
            let seconds = wanted.seconds;
            let submit = submit.map_or(String::new(), |submit| format!("\"submit\":{submit:.3},"));
            let all = all.map_or(String::new(), |all| format!(",\"all\":{all:.3}"));
            let line = format!(
                "{{\"kind\":\"{kind}\",\"nodes\":{count},\"emulated\":{emulated},\"scheduler\":\"{scheduler}\",\"elements\":{elements},\
                 \"seconds\":{seconds},{submit}\"first\":{first:.3},\"filled\":{filled:.3},\"end\":{end:.3}{all}}}"
            );
            println!("{line}");
            if let Some(path) = &wanted.json {
                let file = fs::OpenOptions::new().append(true).create(true).open(path);
                writeln!(file.with_context(|| format!("cannot write {}", path.display()))?, "{line}")?;
            }
        }
    }
    Ok(())
}

/// An array of Slurm's alone.
fn array(cluster: &Cluster, place: &Path, elements: u32, seconds: f64) -> Result<Times> {
    let script = format!(
        "#!/bin/sh\ncd '{}'\n: >b-$SLURM_ARRAY_TASK_ID\nsleep {seconds}\n: >e-$SLURM_ARRAY_TASK_ID\n",
        place.display()
    );
    let begun = SystemTime::now();
    let list = format!("--array=0-{}", elements - 1);
    let words = ["sbatch", "--parsable", "--exclusive", "--chdir=/", "--output=/dev/null", &list];
    let mut sbatch = cluster.machine("ctl")?.command(&words)?;
    let mut sbatch = sbatch.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("cannot start sbatch")?;
    if let Some(mut stdin) = sbatch.stdin.take() {
        stdin.write_all(script.as_bytes())?;
    }
    ensure!(sbatch.wait()?.success(), "sbatch has refused the array");
    let submit = since(begun, SystemTime::now());
    let patience =
        PATIENCE + Duration::from_secs_f64(seconds * f64::from(elements) / f64::from(cluster.nodes().count()));
    let waiting = Instant::now();
    loop {
        let seen = noted(place)?;
        if seen.get("e").map_or(0, Vec::len) == elements as usize {
            let (begins, ends) =
                (seen.get("b").cloned().unwrap_or_default(), seen.get("e").cloned().unwrap_or_default());
            return Ok(Times { submit: Some(submit), ..times(begun, begins, ends, cluster)? });
        }
        ensure!(waiting.elapsed() < patience, "some elements have not ended: {}", cluster.logs());
        thread::sleep(LOOK_EVERY);
    }
}

/// The times at which elements began and ended, by the letter of their files.
fn noted(place: &Path) -> Result<BTreeMap<String, Vec<SystemTime>>> {
    let mut seen: BTreeMap<String, Vec<SystemTime>> = BTreeMap::new();
    for entry in place.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((letter, _)) = name.split_once('-') else { continue };
        seen.entry(letter.to_owned()).or_default().push(entry.metadata()?.modified()?);
    }
    Ok(seen)
}

/// A run of mpexec's, whose commands sleep: each is a range, and there are as many shards.
fn run(cluster: &Cluster, program: &Path, place: &Path, elements: u32, seconds: f64) -> Result<Times> {
    let (program, shards) = (std::path::absolute(program)?, elements.to_string());
    let folder = place.join("run");
    let begun = SystemTime::now();
    let words = [
        program.as_os_str(),
        "--quiet".as_ref(),
        "--on".as_ref(),
        "slurm".as_ref(),
        "--workers".as_ref(),
        "1".as_ref(),
    ];
    let mut mpexec = cluster.machine("ctl")?.command(&words)?;
    mpexec.args(["--shards", &shards, "run", "--run-dir"]).arg(&folder).arg(format!("sleep {seconds}; : {{}}"));
    mpexec.arg(":::").args((0..elements).map(|number| number.to_string()));
    let done = mpexec.output().context("cannot start mpexec")?;
    ensure!(done.status.success(), "mpexec: {}", String::from_utf8_lossy(&done.stderr));
    let all = since(begun, SystemTime::now());
    // Those who have published something were the elements; the coordinator has not.
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    for log in folder.join("log").read_dir()? {
        let text = fs::read_to_string(log?.path())?;
        let lines = || text.lines().filter_map(|line| line.split_once(' '));
        let at = |time: &str| time.parse().ok().map(|seconds| UNIX_EPOCH + Duration::from_secs_f64(seconds));
        let published: Vec<_> =
            lines().filter(|(_, what)| what.starts_with("published ")).filter_map(|(time, _)| at(time)).collect();
        if !published.is_empty() {
            begins.extend(lines().find(|(_, what)| *what == "opened").and_then(|(time, _)| at(time)));
            ends.extend(published);
        }
    }
    ensure!(ends.len() == elements as usize, "{} of {elements} results were published by elements", ends.len());
    Ok(Times { all: Some(all), ..times(begun, begins, ends, cluster)? })
}

fn times(begun: SystemTime, begins: Vec<SystemTime>, ends: Vec<SystemTime>, cluster: &Cluster) -> Result<Times> {
    let sorted = |times: Vec<SystemTime>| {
        let mut times: Vec<f64> = times.into_iter().map(|time| since(begun, time)).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (begins, ends) = (sorted(begins), sorted(ends));
    let wave = begins.len().min(cluster.nodes().count().into());
    match (begins.first(), wave.checked_sub(1).and_then(|last| begins.get(last)), ends.last()) {
        (Some(&first), Some(&filled), Some(&end)) => Ok(Times { submit: None, first, filled, end, all: None }),
        _ => anyhow::bail!("no element has noted when it began"),
    }
}

/// Seconds between two times; the times of files are behind by up to a tick.
fn since(begun: SystemTime, time: SystemTime) -> f64 {
    time.duration_since(begun).unwrap_or_default().as_secs_f64()
}
