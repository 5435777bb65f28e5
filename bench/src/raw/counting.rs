//! Programs that count a file without a pool: halves in two bare children, and rayon over a fresh mapping.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use mpexec_data::{Bounds, Counter, NpyFile};
use rayon::prelude::*;

/// One of two: prints the total of its part of the rows.
pub(crate) const PART: &str = "count-part";
/// A program that starts two of these and adds up.
pub(crate) const PAIR: &str = "count-pair";
/// A program that counts with rayon.
pub(crate) const RAYON: &str = "count-rayon";

/// Rows of one piece of work for rayon: about a window of the pool's.
const PIECE: u64 = 1 << 16;

fn open(path: &OsStr) -> Result<(NpyFile, Bounds)> {
    let file = NpyFile::open(Path::new(path))?;
    let bounds = Bounds::parse("4", "8", file.layout().dtype)?;
    Ok((file, bounds))
}

/// Starts a raw child on the file, in a role of this file's.
pub(crate) fn start(role: &str, path: &Path, number: Option<u64>) -> Result<Child> {
    let mut command = super::child(role)?;
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::piped());
    if let Some(number) = number {
        command.arg(number.to_string());
    }
    Ok(command.spawn()?)
}

/// Its total, and its end.
pub(crate) fn total(mut child: Child) -> Result<u64> {
    let mut text = String::new();
    child.stdout.take().context("its stdout is a pipe")?.read_to_string(&mut text)?;
    ensure!(child.wait()?.success(), "a counting child failed");
    Ok(text.trim().parse()?)
}

/// Two bare children, each with a half of the rows.
pub(crate) fn two_children(path: &Path) -> Result<u64> {
    let first = start(PART, path, Some(0))?;
    let second = start(PART, path, Some(1))?;
    Ok(total(first)? + total(second)?)
}

pub(crate) fn part(arguments: &[OsString]) -> Result<()> {
    let [path, number] = arguments else { anyhow::bail!("a part needs a file and a number") };
    let (file, bounds) = open(path)?;
    let rows = file.layout().rows;
    let number: u64 = number.to_str().context("a number")?.parse()?;
    let range = rows * number / 2..rows * (number + 1) / 2;
    println!("{}", Counter::new(&file, &bounds)?.summarise(range)?.total);
    Ok(())
}

pub(crate) fn pair(arguments: &[OsString]) -> Result<()> {
    let [path] = arguments else { anyhow::bail!("a pair needs a file") };
    println!("{}", two_children(Path::new(path))?);
    Ok(())
}

pub(crate) fn rayon(arguments: &[OsString]) -> Result<()> {
    let [path] = arguments else { anyhow::bail!("rayon needs a file") };
    let (file, bounds) = open(path)?;
    let rows = file.layout().rows;
    let counter = Counter::new(&file, &bounds)?;
    let total = (0..rows.div_ceil(PIECE)).into_par_iter().map(|piece| {
        let range = piece * PIECE..rows.min((piece + 1) * PIECE);
        counter.summarise(range).map(|summary| summary.total)
    });
    println!("{}", total.try_reduce(|| 0, |one, other| Ok(one + other))?);
    Ok(())
}
