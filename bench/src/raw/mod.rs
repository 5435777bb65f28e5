//! The raw references: what the machine can do when nothing but the bytes travels.
//!
//! Their other end is this program again, started with [`MARK`] and a role; [`serve_if_child`] looks for these right after
//! it is decided that this is no worker of a pool, so that a raw child starts nearly as fast as a program can.

pub(crate) mod carried;
pub(crate) mod counting;
pub(crate) mod handing;
pub(crate) mod handles;
pub(crate) mod ipc;
pub(crate) mod pipes;
pub(crate) mod pool;
pub(crate) mod ring;
pub(crate) mod rows;
pub(crate) mod spawn;
pub(crate) mod stream;

use std::process::{Command, Stdio, exit};

use anyhow::{Context, Result, ensure};

const MARK: &str = "raw-child";

/// This program again, as the raw child in this role.
pub(crate) fn child(role: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("asking for this program's path")?);
    command.args([MARK, role]);
    Ok(command)
}

/// The numbers that a raw child in this role prints about these numbers.
pub(crate) fn told(role: &str, numbers: &[u64]) -> Result<Vec<f64>> {
    let mut child = child(role)?;
    child.args(numbers.iter().map(u64::to_string)).stderr(Stdio::inherit());
    let output = child.output().context("starting a process of its own")?;
    ensure!(output.status.success(), "the raw child {role} of {numbers:?}: {}", output.status);
    let text = String::from_utf8(output.stdout).context("a child tells numbers")?;
    text.split_whitespace().map(|number| number.parse().context("a number of a child")).collect()
}

/// In a raw child: serves, and does not return.
pub(crate) fn serve_if_child() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|mark| mark != MARK) {
        return;
    }
    let role = arguments.next().unwrap_or_default();
    let rest: Vec<_> = arguments.collect();
    let served = match role.to_str().unwrap_or_default() {
        ring::ROLE => ring::serve(),
        pipes::ROLE => pipes::serve(),
        rows::ROLE => rows::serve(),
        spawn::ROLE => spawn::serve(),
        spawn::BUSY => spawn::be_busy(),
        ipc::ROLE => ipc::serve(&rest),
        handles::ROLE => handles::serve(&rest),
        pool::ROLE => pool::serve(&rest),
        stream::ROLE => stream::serve(&rest),
        counting::PART => counting::part(&rest),
        counting::PAIR => counting::pair(&rest),
        counting::RAYON => counting::rayon(&rest),
        other => Err(anyhow::anyhow!("{other} is no role of a raw child")),
    };
    if let Err(error) = served {
        eprintln!("raw child: {error:#}");
        exit(1);
    }
    exit(0);
}
