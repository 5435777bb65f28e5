//! Nobody else has a way to what goes between a pool and its workers: nothing has a name, nothing is written to a file, the
//! environment and the command line tell nothing, and what is shared can be written by one side only.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use mpexec_core::{Pool, Shared, Transport, channel};

use crate::common::{Watchdog, pool, wait_until};

const LINKS: [Transport; 2] = [Transport::Shm, Transport::Socket];

/// A pool with everything that goes to workers besides tasks, at rest.
fn busy_pool(link: Transport) -> Pool {
    let pool = pool(link, 2);
    assert!(pool.wait_ready(None));
    let shared = Shared::from_slice(&vec![3u64; 1 << 16]).unwrap();
    let (sender, receiver) = channel::<u64>().unwrap();
    let task = |shared: Shared<u64>, out: mpexec_core::Sender<u64>, large: Vec<u8>| {
        out.send(&shared.iter().sum()).unwrap();
        large.len()
    };
    assert_eq!(pool.apply(task, (&shared, sender, vec![1; 2 << 20])).unwrap(), 2 << 20);
    assert_eq!(receiver.recv().unwrap(), 3 << 16);
    pool
}

/// What the descriptors of a process lead to.
fn open_in(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned())).collect()
}

/// The sockets of the system that have a name, by inode.
fn named_sockets() -> HashSet<String> {
    let listed = fs::read_to_string("/proc/net/unix").unwrap();
    let fields = listed.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    fields.filter(|fields| fields.len() > 7).map(|fields| format!("socket:[{}]", fields[6])).collect()
}

#[test]
fn no_link_has_a_name_and_no_file_is_made() {
    let _watchdog = Watchdog::new();
    let before: HashSet<_> = open_in(std::process::id()).into_iter().collect();
    for link in LINKS {
        let pool = busy_pool(link);
        let named = named_sockets();
        let mut sockets = 0;
        for pid in pool.pids().into_iter().chain([std::process::id()]) {
            for open in open_in(pid).into_iter().filter(|open| !before.contains(open)) {
                sockets += u32::from(open.starts_with("socket:["));
                assert!(!named.contains(&open), "{open} of {pid} has a name");
                let nameless = ["socket:[", "pipe:[", "anon_inode:", "/memfd:mpexec-", "/dev/null"];
                let own = std::env::current_exe().unwrap();
                // Other tests of this program may look at other files just now.
                let ours = nameless.iter().any(|start| open.starts_with(start)) || Path::new(&open) == own;
                assert!(ours || pid == std::process::id(), "{pid} has opened {open}");
                assert!(ours || !open.contains("mpexec-worker"), "{pid} has opened {open}");
            }
        }
        assert!(sockets >= 4, "each link has two ends: {sockets}");
    }
}

#[test]
fn the_environment_and_the_command_line_of_a_worker_tell_nothing() {
    let _watchdog = Watchdog::new();
    let own: HashSet<_> = std::env::vars().collect();
    for link in LINKS {
        let pool = busy_pool(link);
        let environment: HashSet<(String, String)> =
            pool.apply(|| std::env::vars().collect::<Vec<_>>(), ()).unwrap().into_iter().collect();
        assert_eq!(environment.difference(&own).count(), 0, "{environment:?}");
        for pid in pool.pids() {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
            let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            assert_eq!(words, ["mpexec worker", "--mpexec-worker", ""]);
        }
    }
}

/// In a worker: how each piece of shared memory of ours is mapped, as name and mode.
fn mapped() -> Vec<(String, String)> {
    let listed = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = listed.lines().filter_map(|line| {
        let (_, name) = line.split_once("/memfd:mpexec-")?;
        Some((name.trim_end_matches(" (deleted)").to_owned(), line.split_whitespace().nth(1)?.to_owned()))
    });
    ours.collect()
}

/// In a worker: the memory files of ours that it has open, and whether each could be opened anew for writing and written
/// to or made shorter through that.
fn writable_files() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let files = entries.filter_map(|entry| Some((fs::read_link(entry.path()).ok()?, entry.path())));
    let ours = files.filter(|(to, _)| to.to_string_lossy().starts_with("/memfd:mpexec-"));
    let writable = ours.filter(|(_, path)| {
        let Ok(file) = fs::File::options().write(true).open(path) else { return false };
        std::os::unix::fs::FileExt::write_at(&file, b"x", 0).is_ok() || file.set_len(0).is_ok()
    });
    writable.map(|(to, _)| to.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_worker_can_write_its_results_and_its_black_box_and_nothing_else() {
    let _watchdog = Watchdog::new();
    let pool = busy_pool(Transport::Shm);
    let modes = pool.apply(mapped, ()).unwrap();
    let mode_of = |name: &str| {
        let of_it: HashSet<_> =
            modes.iter().filter(|(named, _)| named == name).map(|(_, mode)| mode.as_str()).collect();
        assert_eq!(of_it.len(), 1, "{name}: {modes:?}");
        of_it.into_iter().next().unwrap().to_owned()
    };
    assert_eq!([mode_of("tasks"), mode_of("page")], ["r--s", "r--s"]);
    assert_eq!([mode_of("results"), mode_of("black-box")], ["rw-s", "rw-s"]);
    for link in LINKS {
        let pool = busy_pool(link);
        assert_eq!(pool.apply(writable_files, ()).unwrap(), [""; 0]);
        let modes = pool.apply(mapped, ()).unwrap();
        let known =
            |(name, mode): &(String, String)| mode == "r--s" || ["results", "black-box"].contains(&name.as_str());
        assert!(modes.iter().all(known), "{modes:?}");
    }
}

#[test]
fn another_user_gets_at_neither_the_descriptors_nor_the_memory() {
    let _watchdog = Watchdog::new();
    let own = rustix::process::geteuid().as_raw();
    for link in LINKS {
        let pool = busy_pool(link);
        for pid in pool.pids().into_iter().chain([std::process::id()]) {
            for (name, mode) in [("fd", 0o500), ("map_files", 0o500), ("mem", 0o600), ("environ", 0o400)] {
                let there = fs::metadata(format!("/proc/{pid}/{name}")).unwrap();
                assert_eq!((there.uid(), there.mode() & 0o777), (own, mode), "{name}");
            }
            if own != 0 {
                continue;
            }
            // Only root can look with another's eyes.
            let listing = format!(
                "ls /proc/{pid}/fd/ && exit 1; cat /proc/{pid}/environ && exit 1; kill -0 {pid} && exit 1; exit 7"
            );
            let mut stranger = Command::new("sh");
            stranger.args(["-c", &listing]).uid(61_500).gid(61_500).current_dir("/").stdin(Stdio::null());
            let done = stranger.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            assert_eq!(done.code(), Some(7), "a stranger came in at {pid}");
        }
    }
}

#[test]
fn a_worker_that_is_called_by_a_stranger_is_none() {
    let _watchdog = Watchdog::new();
    // Somebody who knows the word, and has a socket; but no socket of ours.
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(ours);
    let mut impostor = Command::new(std::env::current_exe().unwrap());
    let theirs = std::os::fd::OwnedFd::from(theirs);
    let mut child =
        impostor.arg("--mpexec-worker").stdin(theirs).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it is gone", || child.try_wait().unwrap().is_some());
    assert!(!child.wait().unwrap().success());
}
