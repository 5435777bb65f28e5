//! `runs resume` and `runs element`: the command that began a run is typed again, in the folder where it was typed.
//!
//! Of the options of all commands, those of the resuming command line count: how many workers there are is nobody's business but theirs.

use std::path::{Path, PathBuf};

use clap::Parser;
use mpexec::names::shown;
use mpexec_runs::{RunFolder, Share};

use crate::args::{Arguments, Command, RunDirArguments, RunsCommand};
use crate::failure::Failure;

/// What is to be carried out.
pub(crate) struct Typed {
    pub(crate) arguments: Arguments,
    /// What was typed for them in an earlier run.
    pub(crate) again: Option<Vec<std::ffi::OsString>>,
    /// Only this is to be computed.
    pub(crate) share: Option<Share>,
}

/// The arguments of the run that is to be resumed, if these ask for that; else these themselves. The words are those that were typed for them.
///
/// # Errors
/// A [`Failure`] if the folder is none, or its command cannot be typed again.
pub(crate) fn typed_again(arguments: Arguments) -> Result<Typed, Failure> {
    let (folder, force_plan, share) = match &arguments.command {
        Command::Runs(runs) => match &runs.command {
            RunsCommand::Resume { folder, force_plan } => (folder, *force_plan, None),
            RunsCommand::Element { folder, share } => (folder, false, Some(*share)),
            _ => return Ok(Typed { arguments, again: None, share: None }),
        },
        _ => return Ok(Typed { arguments, again: None, share: None }),
    };
    let command = RunFolder::read_plan(folder)?.command;
    let folder = absolute(folder);
    let Some(command) = command else {
        let line = format!("{}: was begun by another program, and is resumed by it", shown(&folder));
        return Err(Failure::usage(line));
    };
    if command.stdin {
        let line =
            format!("{}: its arguments came through standard input: give the same command line again", shown(&folder));
        return Err(Failure::usage(line));
    }
    let words: Vec<std::ffi::OsString> = command.words.iter().map(Into::into).collect();
    let typed = Arguments::try_parse_from(&words);
    let mut typed = typed.map_err(|error| {
        let why = mpexec::names::one_line(error.to_string().lines().next().unwrap_or_default());
        Failure::usage(format!("{}: its command line is none of this version: {why}", shown(&folder)))
    })?;
    let mut common = arguments.common;
    for path in [&mut common.worker_program, &mut common.report, &mut common.trace].into_iter().flatten() {
        *path = absolute(path);
    }
    if share.is_none() {
        common.worker_program = common.worker_program.or(typed.common.worker_program);
        common.on = common.on.or(typed.common.on);
        if common.on == typed.common.on {
            common.shards = common.shards.or(typed.common.shards);
            common.engine_args = common.engine_args.or(typed.common.engine_args);
        }
    }
    std::env::set_current_dir(&command.folder).map_err(|error| {
        let remedy = match share {
            None => "type the same command again, with this run folder, where its files are now",
            Some(_) => "all nodes must see it under this name, because the files of the command are named from there",
        };
        let place = shown(&command.folder);
        Failure::files(format!("{place}: the folder where the run was begun cannot be entered ({error}): {remedy}"))
    })?;
    match run_dir(&mut typed.command) {
        Some(place) => *place = RunDirArguments { run_dir: Some(folder), force_plan },
        None => return Err(Failure::usage(format!("{}: its command has no run folder", shown(&folder)))),
    }
    Ok(Typed { arguments: Arguments { common, command: typed.command }, again: Some(words), share })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn run_dir(command: &mut Command) -> Option<&mut RunDirArguments> {
    match command {
        Command::CountRange(arguments) => Some(&mut arguments.keeping.dir),
        Command::Normalize(arguments) => Some(&mut arguments.keeping.dir),
        Command::CommonItems(arguments) => Some(&mut arguments.keeping.dir),
        Command::Frame(arguments) => Some(&mut arguments.keeping.dir),
        Command::Map(arguments) => Some(&mut arguments.keeping.dir),
        Command::Run(arguments) => Some(&mut arguments.keeping),
        _ => None,
    }
}
