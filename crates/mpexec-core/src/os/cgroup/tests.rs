//! Where cgroups lie, and that none is left behind. Where none may be made a line says so.

use std::process::{Child, Command};

use super::*;

const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

#[test]
fn a_folder_that_only_begins_like_ours_is_somebody_elses() {
    for ours in ["mpexec-1-0", "mpexec-4711-12"] {
        assert!(is_a_pools(ours), "{ours}");
    }
    for theirs in
        ["mpexec-jobs", "mpexec-", "mpexec-1", "mpexec-1-", "mpexec--1", "mpexec-1-x", "mpexec-1-2-3", "user-1-2"]
    {
        assert!(!is_a_pools(theirs), "{theirs}");
    }
}

#[test]
fn the_folder_is_found_wherever_it_is_mounted_and_whatever_part_of_it() {
    let found = |mounts: &str, groups: &str| {
        locate(mounts, groups, Tree::Unified).map(|path| path.to_str().unwrap().to_owned())
    };
    let unified = |own: &str| format!("4:memory:/elsewhere\n0::{own}\n");
    assert_eq!(found(HYBRID, &unified("/")).as_deref(), Some("/sys/fs/cgroup/unified/"));
    assert_eq!(found(HYBRID, &unified("/a/b")).as_deref(), Some("/sys/fs/cgroup/unified/a/b"));
    assert_eq!(found(HYBRID, "4:memory:/elsewhere\n"), None, "no version 2");
    let part = "41 31 0:38 /docker/7 /sys/fs/cgroup ro shared:9 - cgroup2 cgroup rw\n";
    assert_eq!(found(part, &unified("/docker/7/x")).as_deref(), Some("/sys/fs/cgroup/x"));
    assert_eq!(found(part, &unified("/docker/8")), None, "it lies outside of what is mounted");
    let spaces = "41 31 0:38 / /mnt/my\\040groups rw - cgroup2 none rw\n";
    assert_eq!(found(spaces, &unified("/a")).as_deref(), Some("/mnt/my groups/a"));
    assert_eq!(found(HYBRID, &unified("/../up")), None, "outside of the name space");
    assert_eq!(found("not a mount", &unified("/")), None);
    let memory = locate(HYBRID, "9:name=systemd:/\n4:hugetlb,memory:/a\n0::/\n", Tree::Memory);
    assert_eq!(memory.as_deref(), Some(Path::new("/sys/fs/cgroup/memory/a")));
    assert_eq!(locate(HYBRID, "0::/\n", Tree::Memory), None);
}

/// `None`, and a line, where none may be made.
fn group() -> Option<PoolGroup> {
    PoolGroup::new().inspect_err(|error| eprintln!("no cgroup may be made here ({error}): not looked at")).ok()
}

/// A process in this group that has left its process group.
fn escaped(group: &WorkerGroup) -> Child {
    let procs = group.path().join("cgroup.procs");
    let script = format!("echo 0 > '{}'; exec setsid sleep 1000", procs.display());
    let child = Command::new("sh").args(["-c", &script]).spawn().unwrap();
    wait_until(|| group.is_populated());
    child
}

fn wait_until(mut over: impl FnMut() -> bool) {
    let since = Instant::now();
    while !over() {
        assert!(since.elapsed() < Duration::from_secs(60));
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn a_folder_that_is_dropped_is_gone_with_all_that_was_in_it() {
    let Some(group) = group() else { return };
    let (one, other) = (group.for_worker().unwrap(), group.for_worker().unwrap());
    let (mut first, mut second) = (escaped(&one), escaped(&other));
    let (pool, worker) = (group.path.clone(), one.path().to_owned());
    assert!(pool.exists() && worker.exists());
    drop(one);
    assert!(!first.wait().unwrap().success());
    assert!(second.try_wait().unwrap().is_none(), "the other one lives");
    group.end();
    assert!(!second.wait().unwrap().success());
    group.wait_ended(None);
    assert!(!pool.exists());
}

#[test]
fn a_strangers_folder_in_which_somebody_lives_is_left_alone_by_a_sweep() {
    let Some(group) = group() else { return };
    let home = group.path.parent().unwrap();
    let (errands, _received) = channel();
    // Nobody has locked it, and it begins as ours do.
    let strangers = home.join(format!("{MARK}jobs-{}", std::process::id()));
    fs::create_dir(&strangers).unwrap();
    let folder = WorkerGroup { path: strangers.clone(), errands };
    let mut child = escaped(&folder);
    sweep(home);
    assert!(child.try_wait().unwrap().is_none() && folder.is_populated(), "it lives");
    child.kill().unwrap();
    child.wait().unwrap();
    sweep(home);
    assert!(strangers.exists());
    fs::remove_dir(&strangers).unwrap();
}

#[test]
fn what_was_left_behind_is_swept_away_and_what_somebody_holds_is_not() {
    let Some(group) = group() else { return };
    let home = group.path.parent().unwrap().to_owned();
    let (left, lock) = make_locked(&home).unwrap();
    fs::create_dir_all(left.join("0/nested")).unwrap();
    let (errands, _received) = channel();
    let mut child = escaped(&WorkerGroup { path: left.join("0/nested"), errands });
    assert!(child.try_wait().unwrap().is_none());
    let held = group.for_worker().unwrap();
    sweep(&home);
    assert!(child.try_wait().unwrap().is_none() && left.exists(), "its coordinator lives");
    drop(lock);
    // A child that another test is just starting has the lock too until it runs its program; and another test's pool may sweep.
    wait_until(|| {
        sweep(&home);
        child.try_wait().unwrap().is_some() && !left.exists()
    });
    assert!(group.path.exists() && held.path().exists());
}

#[test]
fn folders_are_made_while_others_sweep() {
    let Some(group) = group() else { return };
    let home = group.path.parent().unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                sweep(home);
            }
        });
        let made = (0..200).map(|_| make_locked(home)).collect::<io::Result<Vec<_>>>();
        over.store(true, Ordering::Relaxed);
        sweeper.join().unwrap();
        for (path, _lock) in made.unwrap() {
            assert!(path.exists());
            fs::remove_dir(&path).unwrap();
        }
    });
}
