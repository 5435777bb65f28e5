//! A Python with what some steps compare us with: found, or else a virtual environment of our own under `target/tools`.

use std::path::{Path, PathBuf};

use crate::place::Place;
use crate::run::{Ended, ask, show_within};
use crate::tools::{ASK, DOWNLOAD, folders_of_programs, in_folders};

/// The NumPy that ours is compared with; the first version compares numbers of different types in another way.
const NUMPY: &str = "numpy>=2,<3";
const NUMPY_IS_THERE: &str = "import numpy; assert numpy.__version__.startswith('2.')";

/// What reads and writes the formats of tables in Python, for the tests that compare with it.
const TABLES: [&str; 2] = ["pandas", "pyarrow"];

/// What the bench measures beside us, in the versions that two runs can be compared with.
const BENCH: [&str; 4] = ["numpy==2.4.6", "joblib==1.6.0", "mpire==2.10.2", "pebble==5.2.3"];
/// Says by failing that a Python has not all of them.
const BENCH_IS_THERE: &str = "import sys, importlib.metadata as there
for pin in sys.argv[1:]:
    name, version = pin.split('==')
    assert there.version(name) == version, name";

fn has_numpy(python: &Path, place: &Place) -> Ended {
    ask(place.command(python).args(["-c", NUMPY_IS_THERE]), ASK)
}

fn of_ours(place: &Place) -> PathBuf {
    let inner = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    place.tools().join("python").join(inner)
}

/// A Python with NumPy, if one is there already: ours, or that of the machine.
pub(crate) fn known_with_numpy(place: &Place) -> Option<PathBuf> {
    let of_machine = in_folders("python3", folders_of_programs(place));
    let candidates = [Some(of_ours(place)), of_machine];
    candidates.into_iter().flatten().find(|python| has_numpy(python, place).succeeded())
}

/// A Python with NumPy: one that is there, or else a virtual environment of our own.
///
/// # Errors
/// Says why it cannot be had.
pub(crate) fn with_numpy(place: &Place) -> Result<PathBuf, String> {
    if let Some(python) = known_with_numpy(place) {
        return Ok(python);
    }
    let ours = made_by_us(place)?;
    let installed = install(&ours, &[NUMPY], place);
    let works = has_numpy(&ours, place);
    if installed.succeeded() && works.succeeded() {
        return Ok(ours);
    }
    Err(format!("NumPy cannot be installed ({})", if installed.succeeded() { works } else { installed }.reason()))
}

/// The Python for the bench: the one of our own, with NumPy and Python's other pools in the versions of [`BENCH`], made and filled
/// as far as needed. Only where that cannot be had, one with NumPy alone, with the reason why.
///
/// # Errors
/// Says why there is none with NumPy either.
pub(crate) fn for_bench(place: &Place) -> Result<(PathBuf, Option<String>), String> {
    let filled = made_by_us(place).and_then(|ours| {
        let has_all = || ask(place.command(&ours).args(["-c", BENCH_IS_THERE]).args(BENCH), ASK);
        if !has_all().succeeded() {
            let installed = install(&ours, &BENCH, place);
            if !installed.succeeded() {
                return Err(format!("{} cannot be installed ({})", BENCH.join(", "), installed.reason()));
            }
        }
        Ok(ours)
    });
    match filled {
        Ok(ours) => Ok((ours, None)),
        Err(reason) => with_numpy(place).map(|python| (python, Some(reason))),
    }
}

/// Our virtual environment, made if it is not there.
fn made_by_us(place: &Place) -> Result<PathBuf, String> {
    let ours = of_ours(place);
    if ask(place.command(&ours).arg("--version"), ASK).succeeded() {
        return Ok(ours);
    }
    let base = in_folders("python3", folders_of_programs(place)).ok_or("there is no Python 3")?;
    let made = show_within(place, place.command(base).args(["-m", "venv"]).arg(place.tools().join("python")), DOWNLOAD);
    if made.succeeded() {
        Ok(ours)
    } else {
        Err(format!("Python cannot make a virtual environment ({})", made.reason()))
    }
}

fn install(python: &Path, packages: &[&str], place: &Place) -> Ended {
    let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
    show_within(place, place.command(python).args(pip).args(packages), DOWNLOAD)
}

/// The same with what reads and writes tables; a Python of the machine is left as it is.
///
/// # Errors
/// Says why it is not there; the tests that compare with it are skipped then, each with a word.
pub(crate) fn tables(python: &Path, place: &Place) -> Result<(), String> {
    let import = format!("import {}", TABLES.join(", "));
    if ask(place.command(python).args(["-c", &import]), ASK).succeeded() {
        return Ok(());
    }
    if python != of_ours(place) {
        return Err(format!("{} has not all of them, and is not ours to install them", python.display()));
    }
    let ended = install(python, &TABLES, place);
    if ended.succeeded() { Ok(()) } else { Err(format!("they cannot be installed ({})", ended.reason())) }
}
