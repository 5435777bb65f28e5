//! What must hold of the hooks of a round's workers, by what they noted and by what the end hooks brought.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use mpexec_core::EndResult;

use super::{END, Notes, START};
use crate::round::Round;
use crate::settings::End;

pub(super) fn check(round: &Round, notes: &Notes, ends: &[EndResult<u64>]) {
    let settings = &round.settings;
    // Nothing ends a worker but the end of the pool, which lets it finish.
    let limited = settings.limit.is_some() || settings.cpu_limit.is_some() || settings.response_limit.is_some();
    let peace = settings.calm && !limited && settings.end == End::Joined && !round.aborted.load(Ordering::Relaxed);
    for ((pid, _), noted) in &notes.processes {
        if let Err(what) = in_order(noted, settings.hooks, peace) {
            round.fault(format!(
                "process {pid} {what}: {} notes, {:?} first, {:?} last",
                noted.len(),
                noted.first(),
                noted.last()
            ));
        }
    }
    let mut brought: HashMap<u32, Vec<u64>> = HashMap::new();
    for end in ends {
        match &end.result {
            Ok(tasks) => brought.entry(end.pid).or_default().push(*tasks),
            Err(_) if settings.response_limit.is_some() || is_struck(round, end.pid) || round.is_over() => {}
            Err(error) => {
                round.fault(format!("nothing explains how the end hook of process {} ended: {error}", end.pid))
            }
        }
    }
    // What a hook has brought is what it noted; and it comes, unless its worker was struck in its last moment, or was not asked.
    let asked = settings.end == End::Joined;
    for (pid, tasks) in &mut brought {
        for ((_, _), noted) in
            notes.processes.iter().filter(|((noted, _), tail)| noted == pid && tail.last() == Some(&END))
        {
            let ran = noted.len() as u64 - 2;
            match tasks.iter().position(|tasks| *tasks == ran) {
                Some(at) => drop(tasks.swap_remove(at)),
                None => round.fault(format!("the end hook of process {pid} brought {tasks:?} tasks, and it ran {ran}")),
            }
        }
        if !tasks.is_empty() {
            round.fault(format!("end hooks of process {pid} brought {tasks:?}, and it noted no such end"));
        }
    }
    for (pid, _) in notes.processes.iter().filter(|(_, noted)| noted.last() == Some(&END)).map(|(process, _)| process) {
        let lost = asked && settings.response_limit.is_none() && !brought.contains_key(pid) && !is_struck(round, *pid);
        if lost {
            round.fault(format!("the end hook of process {pid} ran, and what it brought was lost"));
        }
    }
}

fn is_struck(round: &Round, pid: u32) -> bool {
    round.struck.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&pid)
}

/// Whether a worker has run its hooks where they belong. `peace`: it was let finish.
fn in_order(noted: &[u64], hooks: bool, peace: bool) -> Result<(), &'static str> {
    let times = |which| noted.iter().filter(|note| **note == which).count();
    match (times(START), times(END)) {
        (0, 0) if !hooks => Ok(()),
        _ if !hooks => Err("ran hooks that it had not"),
        (1, _) if noted.first() != Some(&START) => Err("did not begin with its start hook"),
        (1, 0) if peace && noted.len() > 1 => Err("did not run its end hook"),
        (1, 0) => Ok(()),
        (1, 1) if noted.last() == Some(&END) => Ok(()),
        (1, 1) => Err("ran something after its end hook"),
        _ => Err("ran a hook twice, or none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_run_once_first_and_last() {
        assert!(in_order(&[1, 2], false, true).is_ok());
        assert!(in_order(&[START, 1, 2, END], true, true).is_ok());
        assert!(in_order(&[START, 1, 2], true, false).is_ok() && in_order(&[START], true, true).is_ok());
        for wrong in [&[1, 2][..], &[1, START], &[START, 1, END, 2], &[START, START, END], &[START, 1, END, END]] {
            assert!(in_order(wrong, true, false).is_err(), "{wrong:?}");
        }
        assert!(in_order(&[START, 1, 2], true, true).is_err());
        assert!(in_order(&[START, 1], false, true).is_err());
    }
}
