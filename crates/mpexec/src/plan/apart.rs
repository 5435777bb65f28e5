//! A run folder holds a run and nothing else: what a command writes goes elsewhere, or it would take the place of the plan or of a result.

use std::path::{Path, PathBuf};

use mpexec::names::shown;

use super::{Counts, Place, Plan};
use crate::failure::Failure;
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
        let journal = [("--report", journal.report.as_ref()), ("--trace", journal.trace.as_ref())];
        let written = self.written().into_iter().chain(journal);
        for (option, path) in written.filter_map(|(option, path)| Some((option, path?))) {
            if real(path).starts_with(&folder) {
                let (path, folder) = (shown(path), shown(&keeping.folder));
                return Err(Failure::usage(format!(
                    "{option} {path}: is in the run folder {folder}, which holds the run and nothing else; give a name elsewhere"
                )));
            }
        }
        Ok(())
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
    fn written(&self) -> [(&'static str, Option<&PathBuf>); 2] {
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
            Plan::Run(plan) => return [("--joblog", plan.joblog.as_ref()), ("--results", plan.results.as_ref())],
            _ => None,
        };
        [("--output", output), ("--output", None)]
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
