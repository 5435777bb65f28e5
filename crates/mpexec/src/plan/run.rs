//! What `run` means: which command, for which arguments, with which limits.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{Limits, PoolPlan, Surroundings, kept, pool};
use crate::args::{Common, RangesArguments, RunArguments, When};
use crate::failure::Failure;
use crate::keeping::Keeping;
use crate::numbers::Halt;

/// `run`, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunPlan {
    pub(crate) pool: PoolPlan,
    /// The command as it was typed; nothing if each argument is one.
    pub(crate) command: Vec<Vec<u8>>,
    pub(crate) arguments: RunInput,
    pub(crate) keep_order: bool,
    pub(crate) tag: bool,
    pub(crate) dry_run: bool,
    pub(crate) joblog: Option<PathBuf>,
    pub(crate) results: Option<PathBuf>,
    pub(crate) halt: Option<Halt>,
    pub(crate) nice: Option<i32>,
    pub(crate) limits: Limits,
    pub(crate) keeping: Option<Keeping>,
    pub(crate) progress: When,
}

impl RunPlan {
    /// Where the output of a command goes, if it goes to files.
    pub(crate) fn results_of(&self, index: u64) -> Option<PathBuf> {
        self.results.as_ref().map(|folder| folder.join((index + 1).to_string()))
    }

    /// What a command printed, each line with its argument before it if that is wanted.
    pub(crate) fn tagged(&self, text: &[u8], argument: &[u8]) -> Vec<u8> {
        if !self.tag {
            return text.to_vec();
        }
        let mut tagged = Vec::with_capacity(text.len() * 2);
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            tagged.extend_from_slice(argument);
            tagged.push(b'\t');
            tagged.extend_from_slice(line);
        }
        tagged
    }
}

/// Where arguments come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunInput {
    Typed(Vec<Vec<u8>>),
    /// A file (`None`: standard input), in which each ends with this byte.
    Read(Option<PathBuf>, u8),
}

/// What stands between the command and its arguments.
const SEPARATOR: &str = ":::";

pub(super) fn run(arguments: RunArguments, common: Common, around: Surroundings) -> Result<RunPlan, Failure> {
    if let Some(program) = &common.worker_program {
        let program = mpexec::names::shown(program);
        return Err(Failure::usage(format!("run has workers of its own: leave --worker-program {program} away")));
    }
    let mut words = arguments.words;
    let typed = words.iter().position(|word| word == SEPARATOR).map(|at| words.split_off(at));
    let bytes = |words: Vec<OsString>| words.into_iter().map(OsString::into_vec).collect::<Vec<_>>();
    let end = if arguments.null { 0 } else { b'\n' };
    let from = match (typed, arguments.arg_file) {
        (Some(_), Some(file)) => {
            let file = mpexec::names::shown(file);
            return Err(Failure::usage(format!("arguments come after ::: or from --arg-file {file}, not from both")));
        }
        (Some(typed), None) if typed.iter().skip(1).any(|word| word == SEPARATOR) => {
            return Err(Failure::usage(
                "::: stands twice: there is one list of arguments; a word that is ::: itself can be read with --arg-file",
            ));
        }
        (Some(typed), None) => RunInput::Typed(bytes(typed).split_off(1)),
        (None, Some(file)) if file != Path::new("-") => RunInput::Read(Some(file), end),
        (None, _) => RunInput::Read(None, end),
    };
    let progress = common.progress;
    let halt = arguments.halt.filter(|halt| *halt != Halt::NEVER);
    // Workers are in the folder of this process, but need not stay there.
    let results = arguments.results.map(|folder| std::path::absolute(&folder).unwrap_or(folder));
    let command = bytes(words);
    let mut keeping = kept(
        RangesArguments { dir: arguments.keeping, range_size: None },
        &around,
        None,
        [("command", shown_words(&command))],
    )?;
    if results.is_some() && keeping.is_some() {
        let line = "--results names files by the place of their command, and a run folder, which the jobs of a cluster have too, knows commands by their words: leave --results away, or run the commands here and without --run-dir";
        return Err(Failure::usage(line));
    }
    if let Some(keeping) = &mut keeping {
        keeping.who.refuse_to_end_early("--halt", halt.is_some())?;
        // Names in commands are those of this folder.
        keeping.options.insert("folder".to_owned(), mpexec::names::shown(&keeping.command.folder));
        keeping.command.stdin = matches!(from, RunInput::Read(None, _));
    }
    // Commands are run by workers of this program.
    let pool = PoolPlan { array_worker: None, table_worker: None, ..pool(common, around) };
    Ok(RunPlan {
        pool,
        command,
        arguments: from,
        keep_order: arguments.keep_order,
        tag: arguments.tag,
        dry_run: arguments.dry_run,
        joblog: arguments.joblog,
        results,
        halt,
        nice: arguments.nice,
        limits: Limits::new(&arguments.limits),
        keeping,
        progress,
    })
}

fn shown_words(words: &[Vec<u8>]) -> String {
    words.iter().map(|word| mpexec::names::one_line(&String::from_utf8_lossy(word))).collect::<Vec<_>>().join(" ")
}
