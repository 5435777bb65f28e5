//! Processes that are not to die with their parent, and those that are; and a process that ignores being asked to end. This
//! program starts itself again as their parent.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mpexec_core::{Exit, Process, TaskError, Transport, active_children, parent};

use crate::common::processes::{alive, kill};
use crate::common::{Scratch, Watchdog, forever, open, pass, wait_until};

const LINK: &str = "MPEXEC_TEST_LINK";
const END: &str = "MPEXEC_TEST_END";
/// Where the gates and the reports of one run are.
const ROOM: &str = "MPEXEC_TEST_ROOM";

fn link() -> Option<Transport> {
    Some(std::env::var(LINK).ok()?.parse().unwrap())
}

/// A folder for one run.
struct Room(PathBuf);

impl Room {
    fn new() -> Room {
        let room = Scratch::new().path().to_owned();
        std::fs::create_dir(&room).unwrap();
        Room(room)
    }

    fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    fn pid(&self, name: &str) -> u32 {
        wait_until("a pid was written down", || self.has(name));
        std::fs::read_to_string(self.0.join(name)).unwrap().parse().unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Written whole or not at all.
fn write_down(path: &str, text: &str) {
    let draft = format!("{path}.draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(&draft, path).unwrap();
}

/// Goes on when its parent is gone, and prints: nobody reads that any more.
fn outlives(room: String) -> Vec<u8> {
    let at = |name: &str| format!("{room}/{name}");
    write_down(&at("survivor"), &std::process::id().to_string());
    let parent = parent().unwrap();
    while parent.is_alive() {
        std::thread::park_timeout(Duration::from_millis(1));
    }
    eprintln!("alone");
    println!("alone");
    open(&at("alone"));
    pass(&at("gate"));
    open(&at("done"));
    // Travels by itself, to nobody.
    vec![1; 3 << 20]
}

fn dies(room: String) {
    write_down(&format!("{room}/victim"), &std::process::id().to_string());
    forever();
}

#[test]
#[ignore = "the parent that other tests start and kill"]
fn a_parent_of_one_that_outlives_it_and_one_that_does_not() {
    let Some(link) = link() else {
        return;
    };
    let _watchdog = Watchdog::new();
    let room = std::env::var(ROOM).unwrap();
    let survivor = Process::builder().name("survivor").transport(link).die_with_parent(false);
    let _survivor = survivor.spawn(outlives, (&room,)).unwrap();
    let _victim = Process::builder().transport(link).spawn(dies, (&room,)).unwrap();
    match std::env::var(END).unwrap().as_str() {
        // It has no time to begin: its call has been sent when `spawn` returns.
        "exit" => std::process::exit(0),
        _ => forever(),
    }
}

fn start(test: &str, link: &str, room: &Room, end: &str) -> Child {
    let _turn = crate::writing_or_starting();
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("outliving::{test}"), "--exact", "--ignored"])
        .envs([(LINK, link), (ROOM, room.0.to_str().unwrap()), (END, end)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_process_finishes_its_function_when_its_parent_ends_however_that_ends() {
    let _watchdog = Watchdog::new();
    for (link, end) in [("shm", "killed"), ("socket", "killed"), ("shm", "exit"), ("socket", "exit")] {
        let room = Room::new();
        let mut parent = start("a_parent_of_one_that_outlives_it_and_one_that_does_not", link, &room, end);
        if end == "killed" {
            let (survivor, victim) = (room.pid("survivor"), room.pid("victim"));
            assert!(alive(survivor) && alive(victim));
            kill(parent.id());
            wait_until("the one that dies with its parent is gone", || !alive(victim));
        }
        parent.wait().unwrap();
        let survivor = room.pid("survivor");
        wait_until("it sees that it is alone", || room.has("alone"));
        assert!(alive(survivor) && !room.has("done"), "on {link}, {end}");
        std::fs::write(room.at("gate"), "").unwrap();
        wait_until("it has done its work", || room.has("done"));
        wait_until("and then it leaves", || !alive(survivor));
    }
}

#[test]
#[ignore = "the parent of another test"]
fn a_parent_whose_children_ignore_sigterm() {
    let Some(link) = link() else {
        return;
    };
    let _watchdog = Watchdog::new();
    let gate = Scratch::new();
    let start =
        |gate: &Scratch| Process::builder().transport(link).spawn(|g: String| pass(&g), (gate.text(),)).unwrap();
    let mut asked = start(&gate);
    asked.terminate();
    asked.terminate();
    assert!(asked.is_alive() && asked.exit_status().is_none());
    gate.open();
    asked.join().unwrap();
    assert_eq!(asked.exit_status(), Some(Exit::Code(0)));
    let mut killed = start(&Scratch::new());
    killed.terminate();
    assert!(killed.join_timeout(Duration::from_millis(20)).is_err());
    killed.kill();
    assert!(matches!(killed.join(), Err(TaskError::Crashed { exit: Exit::Signal(9), .. })));
    assert_eq!(killed.exit_status(), Some(Exit::Signal(9)));
    assert_eq!(active_children(), []);
    // Told by its end: the test harness of this program would tell nobody else.
    std::process::exit(33);
}

#[test]
fn a_process_that_ignores_sigterm_lives_until_it_is_killed() {
    let _watchdog = Watchdog::new();
    let program = std::env::current_exe().unwrap();
    for link in ["shm", "socket"] {
        let turn = crate::writing_or_starting();
        // What a process ignores its children ignore too.
        let mut parent = Command::new("sh")
            .args([
                "-c",
                "trap '' TERM; exec \"$0\" outliving::a_parent_whose_children_ignore_sigterm --exact --ignored",
            ])
            .arg(&program)
            .env(LINK, link)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        drop(turn);
        assert_eq!(parent.wait().unwrap().code(), Some(33), "on {link}");
    }
}
