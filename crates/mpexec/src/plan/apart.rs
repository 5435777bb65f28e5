//! What a command writes takes the place of nothing else that it reads or writes. And a run folder holds a run and nothing else, or a file would take
//! the place of the plan or of a result.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use mpexec::names::shown;

use super::{Counts, Place, Plan, RunInput};
use crate::failure::Failure;
use crate::given::files;
use crate::keeping::Keeping;
use crate::wanted::Wanted;

impl Plan {
    /// Refuses what would be written into the run folder.
    ///
    /// # Errors
    /// A [`Failure`] of usage.
    pub(super) fn write_elsewhere(&self, journal: &Wanted) -> Result<(), Failure> {
        let Some(keeping) = self.keeping() else { return Ok(()) };
        let folder = real(&keeping.folder);
        for (option, path) in self.written().into_iter().chain(told(journal)) {
            if real(path).starts_with(&folder) {
                let (path, folder) = (shown(path), shown(&keeping.folder));
                return Err(Failure::usage(format!(
                    "{option} {path}: is in the run folder {folder}, which holds the run and nothing else; give a name elsewhere"
                )));
            }
        }
        Ok(())
    }

    /// Refuses what would be written over something that is read, or twice to one file.
    ///
    /// # Errors
    /// A [`Failure`] of usage.
    pub(super) fn write_apart(&self, journal: &Wanted) -> Result<(), Failure> {
        let telling: Vec<_> =
            told(journal).into_iter().chain(self.written()).filter(|(option, _)| *option != OUTPUT).collect();
        if telling.is_empty() {
            return Ok(());
        }
        // What cannot be read is told by whoever reads it; that --output is none of these, too: it knows what is in folders.
        let read = files(&self.read()).unwrap_or_default();
        let mut taken: Vec<(&str, Identity)> =
            self.outputs(&read).iter().filter_map(|path| Some((OUTPUT, Identity::of(path)?))).collect();
        for (option, path) in telling {
            if path == Path::new("-") {
                return Err(Failure::usage(format!(
                    "{option} -: is written to a file, not to standard output; name one"
                )));
            }
            let Some(identity) = Identity::of(path) else { continue };
            if let Some(input) = read.iter().find(|input| Identity::of(input).is_some_and(|input| input == identity)) {
                let (path, input) = (shown(path), shown(input));
                let line = format!("{option} {path}: is the file that is read ({input}); give another name");
                return Err(Failure::usage(line));
            }
            if let Some((other, _)) = taken.iter().find(|(_, other)| *other == identity) {
                let path = shown(path);
                return Err(Failure::usage(format!("{option} {path}: is the file of {other} too; give another name")));
            }
            taken.push((option, identity));
        }
        Ok(())
    }

    /// The files and folders that are read, as they were named.
    fn read(&self) -> Vec<PathBuf> {
        match self {
            Plan::Count(plan) => plan.files.clone(),
            Plan::Normalize(plan) => plan.files.clone(),
            Plan::CommonItems(plan) => plan.files.to_vec(),
            Plan::Map(plan) => plan.inputs.clone(),
            Plan::Frame(plan) => plan.files.clone(),
            Plan::Run(plan) => match &plan.arguments {
                RunInput::Read(path, _) => vec![path.clone().unwrap_or_else(|| "-".into())],
                RunInput::Typed(_) => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The files that `--output` makes of these inputs. If two would have one name, that is told elsewhere.
    fn outputs(&self, inputs: &[PathBuf]) -> Vec<PathBuf> {
        let outputs = match self {
            Plan::Count(plan) => plan.counts.files(inputs),
            Plan::Normalize(plan) => plan.output.files(inputs),
            Plan::CommonItems(plan) => plan.output.files(inputs),
            Plan::Map(plan) => plan.outputs(inputs),
            Plan::Frame(plan) => plan.outputs(inputs),
            _ => Ok(Vec::new()),
        };
        outputs.unwrap_or_default()
    }

    fn keeping(&self) -> Option<&Keeping> {
        match self {
            Plan::Count(plan) => plan.keeping.as_ref(),
            Plan::Normalize(plan) => plan.keeping.as_ref(),
            Plan::CommonItems(plan) => plan.keeping.as_ref(),
            Plan::Map(plan) => plan.keeping.as_ref(),
            Plan::Frame(plan) => plan.keeping.as_ref(),
            Plan::Run(plan) => plan.keeping.as_ref(),
            _ => None,
        }
    }

    /// The files and folders that are written, by the options that name them.
    fn written(&self) -> Vec<(&'static str, &PathBuf)> {
        let output = match self {
            Plan::Count(plan) => match &plan.counts {
                Counts::Array(path) | Counts::Text(path, ..) | Counts::Columns(path, _) | Counts::Each(path, _) => {
                    Some(path)
                }
                _ => None,
            },
            Plan::Normalize(plan) => file(&plan.output.place),
            Plan::CommonItems(plan) => file(&plan.output.place),
            Plan::Map(plan) => file(&plan.place),
            Plan::Frame(plan) => file(&plan.place),
            Plan::Run(plan) => {
                let (joblog, results) = (plan.joblog.iter(), plan.results.iter());
                return joblog.map(|path| ("--joblog", path)).chain(results.map(|path| ("--results", path))).collect();
            }
            _ => None,
        };
        output.into_iter().map(|path| (OUTPUT, path)).collect()
    }
}

const OUTPUT: &str = "--output";

/// What is told of the run beside its result goes to these.
fn told(journal: &Wanted) -> Vec<(&'static str, &PathBuf)> {
    let (report, trace) = (journal.report.iter(), journal.trace.iter());
    report.map(|path| ("--report", path)).chain(trace.map(|path| ("--trace", path))).collect()
}

/// Which file it is, whatever links lead to it.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    There(u64, u64),
    Not(PathBuf),
}

impl Identity {
    /// That of a name (`-`: standard input). `None`: it holds nothing that could be lost, as a device or a pipe.
    fn of(path: &Path) -> Option<Identity> {
        let is_stdin = path == Path::new("-");
        match std::fs::metadata(if is_stdin { Path::new("/dev/stdin") } else { path }) {
            Ok(there) => there.is_file().then(|| Identity::There(there.dev(), there.ino())),
            Err(_) if is_stdin => None,
            Err(_) => Some(Identity::Not(real(path))),
        }
    }
}

fn file(place: &Place) -> Option<&PathBuf> {
    match place {
        Place::File(path) => Some(path),
        Place::Stdout => None,
    }
}

/// Where a path leads. What is not there yet has no links in it.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let (mut there, mut rest) = (path.as_path(), Vec::new());
    loop {
        match (there.canonicalize(), there.parent(), there.file_name()) {
            (Ok(real), ..) => return rest.iter().rev().fold(real, |path, name| path.join(name)),
            (Err(_), Some(parent), Some(name)) => {
                rest.push(name);
                there = parent;
            }
            _ => return path,
        }
    }
}
