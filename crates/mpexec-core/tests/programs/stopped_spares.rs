//! A spare that is stopped has no guard yet, and goes with its coordinator all the same.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mpexec_core::Transport;
use rustix::process::{Signal, set_child_subreaper};

use crate::common::processes::{Held, alive, children, kill, signal, stopped};
use crate::common::{Scratch, Watchdog, builder, forever, wait_until};

const LINK: &str = "MPEXEC_TEST_SPARES_LINK";
const PIDS: &str = "MPEXEC_TEST_SPARES_PIDS";

fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([&format!("stopped_spares::{test}"), "--exact", "--ignored"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn read_pids(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn asleep(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('S')
}

#[test]
#[ignore = "whoever inherits the workers of the coordinator below, in its session: so the system wakes none that is stopped"]
fn whoever_inherits_the_workers() {
    if std::env::var(PIDS).is_err() {
        return;
    }
    let _watchdog = Watchdog::new();
    set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let mut coordinator = again("a_coordinator_with_a_stopped_spare").spawn().unwrap();
    coordinator.wait().unwrap();
    forever();
}

#[test]
#[ignore = "the coordinator that the other test kills"]
fn a_coordinator_with_a_stopped_spare() {
    let Ok(pids) = std::env::var(PIDS) else {
        return;
    };
    let _watchdog = Watchdog::new();
    let link: Transport = std::env::var(LINK).unwrap().parse().unwrap();
    let pool = builder(link, 1).time_limit(Duration::from_secs(3600)).build().unwrap();
    pool.apply(|| (), ()).unwrap();
    let worker = pool.pids()[0];
    let spares = || children().into_iter().filter(|pid| *pid != worker).collect::<Vec<_>>();
    wait_until("there is a spare", || spares().len() == 1);
    let spare = spares()[0];
    let held = Held::new(spare).unwrap();
    assert!(held.catches(Signal::CONT), "it has asked to be woken");
    wait_until("it waits for its welcome", || asleep(spare));
    signal(spare, Signal::STOP);
    wait_until("it is stopped", || stopped(spare));
    let draft = format!("{pids}.draft");
    fs::write(&draft, format!("{} {spare} {worker}", std::process::id())).unwrap();
    fs::rename(&draft, &pids).unwrap();
    forever();
}

struct Ends(Child, Vec<u32>);

impl Drop for Ends {
    fn drop(&mut self) {
        // Who is left of a test that failed goes too.
        self.1.iter().copied().filter(|pid| alive(*pid)).for_each(kill);
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_stopped_spare_goes_with_a_killed_coordinator_also_where_somebody_inherits_it() {
    let _watchdog = Watchdog::new();
    for link in ["shm", "socket"] {
        let pids = Scratch::new();
        let turn = crate::writing_or_starting();
        let reaper = again("whoever_inherits_the_workers").envs([(LINK, link), (PIDS, &pids.text())]).spawn().unwrap();
        drop(turn);
        let mut ends = Ends(reaper, Vec::new());
        wait_until("the spare is stopped", || {
            assert!(ends.0.try_wait().unwrap().is_none(), "the reaper ended by itself");
            !read_pids(pids.path()).is_empty()
        });
        ends.1 = read_pids(pids.path());
        let [coordinator, spare, worker] = ends.1[..] else { panic!("{:?}", ends.1) };
        assert!(alive(spare) && alive(worker));
        kill(coordinator);
        wait_until("both are gone", || !alive(spare) && !alive(worker));
    }
}
