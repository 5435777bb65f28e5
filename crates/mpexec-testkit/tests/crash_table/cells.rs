//! Which cells there are, and the process that each is tried in: this program, started again. So what it has before and after is its own,
//! and what its workers print comes out of it and of no other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use mpexec_core::Transport;
use mpexec_testkit::census::{is_again, settled};
use mpexec_testkit::faults::tasks::pid;
use mpexec_testkit::faults::{Fault, Kind, Moment};
use mpexec_testkit::processes::marked;
use mpexec_testkit::table::{Cell, cell};
use mpexec_testkit::{LINKS, at_some_pace, builder, skipped, wait_until};
use tempfile::TempDir;

use crate::case::Case;
use crate::{alone, at_exit, before, idle, in_a_task, programs};

/// So many cells at a time: most of their time they wait.
const SIDE_BY_SIDE: usize = 10;

/// Names one kind that is to be tried alone, for whoever looks for a fault.
const ONLY: &str = "MPEXEC_CRASH_TABLE_ONLY";
/// Names the cell to the process that is to try it.
const CELL: &str = "MPEXEC_CRASH_TABLE_CELL";
/// What that process says at the end.
const TRIED: &str = "tried to its end";
/// Names to it how many times as long as in the table all times are.
const SLOWER: &str = "MPEXEC_CRASH_TABLE_SLOWER";

/// How a worker is made to fail at this moment, and how many workers are.
fn way(moment: Moment) -> (fn(&Case), usize) {
    match moment {
        Moment::BeforeHandshake | Moment::InHandshake => (before::both, 2),
        Moment::Idle => (idle::between_two_calls, 1),
        Moment::Decoding | Moment::Running | Moment::Encoding | Moment::Publishing => (in_a_task::one_of_many, 1),
        Moment::AtExit => (at_exit::leaving, 2),
    }
}

fn cases(moments: &[Moment]) -> Vec<Case> {
    let only = std::env::var(ONLY).ok();
    let kinds = Kind::ALL.into_iter().filter(|kind| only.as_ref().is_none_or(|only| *only == format!("{kind:?}")));
    let all = kinds.flat_map(|kind| moments.iter().map(move |moment| (kind, *moment)));
    let all = all.flat_map(|(kind, moment)| LINKS.map(|link| (kind, moment, link)));
    all.filter_map(|(kind, moment, link)| match cell(kind, moment, link) {
        Cell::Comes(outcome) => Some(Case::new(kind, moment, link, outcome)),
        Cell::Impossible(_) => None,
    })
    .collect()
}

/// The name of a cell, for the process that tries it and all that it starts.
fn named(case: &Case) -> String {
    format!("{:?} {:?} {:?}", case.kind, case.moment, case.link)
}

/// Tries all cells of some moments, each in a process of its own.
pub(crate) fn try_all(moments: &[Moment]) {
    let _alone = alone();
    programs::build();
    let cases = cases(moments);
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    // One that fails hides none of the others.
                    let tried = catch_unwind(AssertUnwindSafe(|| at_some_pace(|slower| outside(case, slower))));
                    if let Err(why) = tried {
                        let why = why.downcast_ref::<String>().map_or("it cannot be tried", String::as_str);
                        failed.lock().unwrap().push(format!("{}:\n{why}", case.name()));
                    }
                    println!("{:>5} ms: {}", begun.elapsed().as_millis(), case.name());
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cells failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// Has a process try a cell, with folders of its own, and looks at what it prints and leaves.
fn outside(case: &Case, slower: u32) {
    let folder = TempDir::new().unwrap();
    let own = ["tmp", "run"].map(|name| folder.path().join(name));
    own.iter().for_each(|own| std::fs::create_dir(own).unwrap());
    let mark = format!("{} of {}", named(case), std::process::id());
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["cells::a_cell_in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"]);
    process
        .current_dir(folder.path())
        .env("TMPDIR", &own[0])
        .env("XDG_RUNTIME_DIR", &own[1])
        .env(CELL, &mark)
        .env(SLOWER, slower.to_string())
        .env("RUST_BACKTRACE", "0");
    let done = process.stdin(Stdio::null()).output().unwrap();
    let [printed, said] = [&done.stdout, &done.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let all = format!("{printed}\n{said}");
    assert!(done.status.success() && printed.contains(TRIED), "{}: {all}", done.status);
    // Each worker's last words have come out, however it ended.
    let fault = Fault { kind: case.kind, moment: case.moment, told: String::new(), struck: String::new() };
    let (heard, wanted) = (said.matches(&fault.last_words()).count(), way(case.moment).1);
    assert!(heard == wanted, "its last words were heard {heard} times and not {wanted}: {all}");
    for line in said.lines().filter_map(|line| line.strip_prefix("skipped: ")) {
        skipped(format!("{}: {line}", named(case)));
    }
    wait_until(&format!("nothing runs any more of {mark}"), || marked(&format!("{CELL}={mark}")).is_empty());
    let left = [folder.path(), &own[0], &own[1]].map(names);
    assert!(left == [2, 0, 0], "there are {left:?} files in its folders: {all}");
}

fn names(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
#[ignore = "the process of one cell, which other tests start"]
fn a_cell_in_a_process_of_its_own() {
    let Ok(mark) = std::env::var(CELL) else {
        return;
    };
    let _alone = alone();
    let case = cases(&Moment::ALL).into_iter().find(|case| mark.starts_with(&format!("{} of ", named(case))));
    let case = case.unwrap_or_else(|| panic!("there is no cell {mark:?}"));
    let case = case.at_pace(std::env::var(SLOWER).unwrap().parse().unwrap());
    // What a process has once is there afterwards.
    LINKS.into_iter().for_each(|link: Transport| drop(builder(link, 1).build().unwrap().apply(pid, ())));
    let before = settled();
    (way(case.moment).0)(&case);
    drop(case);
    is_again(&before);
    println!("{TRIED}");
}
