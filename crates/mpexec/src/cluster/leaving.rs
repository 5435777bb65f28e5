//! Before what a run folder holds is dropped: jobs that compute in it, or wait to, are ended. Those that run hold the folder, those that wait do not.

use std::path::Path;
use std::time::{Duration, Instant};

use mpexec::names::{one_line, shown};
use mpexec_runs::{RunError, RunFolder};

use super::stopping::asking;
use super::{Known, name_of};
use crate::engines::{Alive, ENGINES, Engine, Silence, Which};
use crate::failure::Failure;

/// So long it is waited until they are gone: what is cancelled may have a while for its end.
const GOING: Duration = Duration::from_secs(60);

/// Where nothing depends on an answer it is waited for so long.
const ANSWER: Duration = Duration::from_secs(2);

/// It is looked so often.
const PAUSE: Duration = Duration::from_millis(200);

/// Ends the jobs of which this folder knows, and waits until they are gone. Says with `note` if there were any.
///
/// # Errors
/// A [`Failure`] of files if a coordinator works in the folder, or nobody knows whether they are gone.
pub(crate) fn end_jobs(folder: &Path, note: impl Fn(&str)) -> Result<(), Failure> {
    if let Some(holder) = RunFolder::holder(folder) {
        return Err(RunError::InUse { path: folder.to_path_buf(), holder }.into());
    }
    let known = RunFolder::engine_of(folder).and_then(|text| serde_json::from_str::<Known>(&text).ok());
    let Some(known) = known else { return Ok(()) };
    let Some(kind) = ENGINES.iter().find(|kind| kind.name == known.engine) else { return Ok(()) };
    let engine = (kind.begin)(&[]);
    let ours = RunFolder::read_plan(folder).is_ok_and(|plan| name_of(&plan, folder) == known.name);
    let note = |line: &str| note(&format!("{}: {line}", kind.name));
    end(&*engine, &known, ours, note).map_err(|why| {
        let (place, jobs) = (shown(folder), one_line(&known.jobs.join(", ")));
        let jobs = if jobs.is_empty() { String::new() } else { format!(" {jobs}") };
        Failure::files(format!(
            "{place}: nothing is removed, because jobs{jobs} (as {}) may compute in it: {}; when they have ended, remove {}",
            one_line(&known.name),
            one_line(&why),
            shown(folder.join("engine.json"))
        ))
    })
}

/// The run of this folder is done: jobs that wait to compute in it, or that the engine begins again, would find nothing to do, and those that still compute what was computed
/// here neither. One that has computed something itself ends by itself. It is asked for once, and who does not answer is not waited for: whoever removes the folder asks again.
pub(crate) fn end_what_is_left(run: &RunFolder) {
    let known = run.engine().and_then(|text| serde_json::from_str::<Known>(&text).ok());
    let Some(known) = known.filter(|known| name_of(run.plan(), run.path()) == known.name) else { return };
    let Some(kind) = ENGINES.iter().find(|kind| kind.name == known.engine) else { return };
    let engine = (kind.begin)(&[]);
    let which = if run.computes_here() { Which::All } else { Which::Waiting };
    // Nothing depends on it.
    let asked = asking("mpexec-left", move || engine.cancel(&known.name, which));
    let _ = asked.and_then(|answer| answer.recv_timeout(ANSWER).ok());
}

/// `ours`: the jobs are known to be those of this folder, and no others that a copy of it knows of.
fn end(engine: &dyn Engine, known: &Known, ours: bool, note: impl Fn(&str)) -> Result<(), String> {
    let alive = || match engine.alive(&known.name) {
        Ok(alive) => Ok(alive != Alive::None),
        // Where there is no cluster, and nothing was submitted.
        Err(Silence::Nobody(_)) if known.jobs.is_empty() => Ok(false),
        Err(Silence::Nobody(why) | Silence::Busy(why)) => Err(format!("nobody says how they are: {why}")),
    };
    if !alive()? {
        return Ok(());
    }
    if !ours {
        return Err("they are alive, and were submitted for a folder of another name or plan".to_owned());
    }
    engine.cancel(&known.name, Which::All).map_err(|why| format!("they cannot be cancelled: {why}"))?;
    let since = Instant::now();
    while alive()? {
        if since.elapsed() > GOING {
            return Err("they were cancelled, and have not ended yet".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
    note("the jobs are cancelled");
    Ok(())
}
