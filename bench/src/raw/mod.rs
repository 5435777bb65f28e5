//! The raw references: what the machine can do when nothing but the bytes travels.
//!
//! Their other end is this program again, started with [`MARK`] and a role; [`serve_if_child`] looks for these before
//! anything else is done, so that a raw child starts as fast as a program can.

pub(crate) mod counting;
pub(crate) mod ipc;
pub(crate) mod pipes;
pub(crate) mod pool;
pub(crate) mod ring;
pub(crate) mod rows;
pub(crate) mod spawn;

use std::process::{Command, exit};

use anyhow::{Context, Result};

const MARK: &str = "raw-child";

/// This program again, as the raw child in this role.
pub(crate) fn child(role: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("asking for this program's path")?);
    command.args([MARK, role]);
    Ok(command)
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
        pool::ROLE => pool::serve(&rest),
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
