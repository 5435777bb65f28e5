//! What a worker finds inside: no descriptor that it does not need, standard streams that are its own to use and to
//! spoil, and a pool of its own if it wants one.

use std::fs::{self, File};
use std::io::Read;

use mpexec_core::{Pool, TaskError, Transport, Workers, count_processors, in_worker};
use rustix::io::{FdFlags, fcntl_setfd};

use crate::common::Way;
use crate::common::pool;
use crate::{LINKS, alone};

/// In a task: what its worker's descriptors lead to.
fn descriptors() -> Vec<(u32, String)> {
    let listed: Vec<_> = fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path()).collect();
    let number = |path: &std::path::Path| path.file_name()?.to_str()?.parse().ok();
    // The one through which the list was read is closed by now.
    listed
        .iter()
        .filter_map(|path| Some((number(path)?, fs::read_link(path).ok()?.to_string_lossy().into_owned())))
        .collect()
}

#[test]
fn a_worker_has_no_descriptor_that_it_does_not_need() {
    let _alone = alone();
    let secret = File::open("/etc/passwd").unwrap();
    // As another library in the program may do: open for every child.
    fcntl_setfd(&secret, FdFlags::empty()).unwrap();
    for link in LINKS {
        let _other = pool(link, 2);
        let pool = pool(link, 4);
        assert!(pool.wait_ready(None));
        let mut all = pool.map(|_: u8| descriptors(), 0..50).unwrap();
        // A replacement is started while its elders live.
        let _ = pool.apply(|| Way::Aborts.die_as_unit(), ());
        assert!(pool.wait_ready(None));
        all.extend(pool.map(|_: u8| descriptors(), 0..50).unwrap());
        for mut found in all {
            found.sort();
            let count = |what: &str| found.iter().filter(|(_, to)| to.contains(what)).count();
            assert_eq!(found[0], (0, "/dev/null".to_owned()), "{found:?}");
            assert_eq!(found[2].0, 2);
            assert_eq!(count("passwd"), 0, "{found:?}");
            assert_eq!(found[3..].iter().filter(|(_, to)| to.starts_with("socket:")).count(), 1, "{found:?}");
            assert!(count("eventfd") <= 1 && count("eventpoll") == 0 && count("pidfd") == 0, "{found:?}");
            let known = |to: &str| {
                ["socket:", "anon_inode:[eventfd]", "/memfd:mpexec"].iter().any(|known| to.starts_with(known))
            };
            assert!(found[3..].iter().all(|(_, to)| known(to)), "{found:?}");
            assert!(found.len() <= 8, "{found:?}");
        }
    }
}

#[test]
fn a_worker_may_print_read_and_spoil_its_streams() {
    let _alone = alone();
    for link in LINKS {
        let pool = pool(link, 1);
        let print = |lines: u32| {
            for line in 0..lines {
                eprintln!("line {line} of a worker that talks much");
            }
        };
        pool.apply(print, (5_000,)).unwrap();
        let read = || std::io::stdin().read_to_string(&mut String::new()).map_err(|error| error.to_string());
        assert_eq!(pool.apply(read, ()).unwrap(), Ok(0));
        let spoil = || {
            // Open for reading only: every write fails, as on a closed one.
            let null = File::open("/dev/null").unwrap();
            rustix::stdio::dup2_stdout(&null).unwrap();
            rustix::stdio::dup2_stderr(&null).unwrap();
        };
        pool.apply(spoil, ()).unwrap();
        let pid = pool.pids();
        assert!(pool.map(|n: u32| n, 0..1_000).unwrap().into_iter().eq(0..1_000));
        assert!(matches!(pool.apply(|| assert!(in_worker_not()), ()), Err(TaskError::Panicked { .. })));
        assert_eq!(pool.pids(), pid, "the same worker served all that");
    }
}

fn in_worker_not() -> bool {
    !in_worker()
}

#[test]
fn a_pool_within_a_task_is_a_pool() {
    let _alone = alone();
    for link in LINKS {
        let outer = pool(link, 2);
        let task = |n: u64| {
            let inner = Pool::builder().transport(Transport::Auto).workers(Workers::Exact(2)).build().unwrap();
            inner.map(|n: u64| (n * n, in_worker()), n..n + 3).unwrap()
        };
        assert_eq!(outer.apply(task, (2,)).unwrap(), [(4, true), (9, true), (16, true)]);
        assert_eq!(outer.map(task, 0..4).unwrap().len(), 4);
        assert_eq!(outer.apply(|| count_processors().chosen, ()).unwrap(), 1, "auto counts one inside a worker");
        let counted = count_processors();
        assert_eq!(counted.chosen, counted.num_cpus, "and here what this process may use");
    }
}
