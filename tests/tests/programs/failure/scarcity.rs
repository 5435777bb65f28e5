//! The program where there is less of something than usual: it counts right all the same, or says in one line what is missing.

use std::process::{Command, Stdio};

use crate::common::files::{TOTAL, folder, tutorial};
use crate::common::program::{Call, mpexec, program, programs};

/// A line of the shell with `$0` as our program and `$1` as the tutorial's file.
fn shell(line: &str) -> Call {
    program("sh").args(["-c", line]).arg(programs().join("mpexec")).arg(tutorial())
}

/// The same in name spaces of its own, where it may mount; `None`: this system does not allow it.
fn in_own_spaces(line: &str) -> Option<Call> {
    let mut unshare = Command::new("unshare");
    let allowed = unshare.args(["--map-root-user", "--mount", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("no name spaces of one's own are to be had here: not looked at: {line}");
        return None;
    }
    let call = program("unshare").args(["--map-root-user", "--mount", "sh", "-c", line]);
    Some(call.arg(programs().join("mpexec")).arg(tutorial()))
}

#[test]
fn half_a_processor_is_one_worker() {
    let folder = folder();
    let here = folder.path();
    std::fs::write(here.join("cpu.max"), "50000 100000\n").unwrap();
    std::fs::write(here.join("cgroup"), "0::/\n").unwrap();
    let mount = format!("30 23 0:26 / {} rw,nosuid - cgroup2 cgroup2 rw\n", here.display());
    std::fs::write(here.join("mountinfo"), mount).unwrap();
    let line = "mount --bind ./cgroup /proc/$$/cgroup && mount --bind ./mountinfo /proc/$$/mountinfo && exec \"$0\"";
    if let Some(call) = in_own_spaces(&format!("{line} workers")) {
        let done = call.in_folder(here).run();
        assert!(done.good().starts_with("auto means 1 here: the quota of processor time"), "{}", done.text());
        assert!(done.text().contains(" 0.5 ("), "{}", done.text());
    }
    if let Some(call) = in_own_spaces(&format!("{line} count-range --json \"$1\"")) {
        let told = call.in_folder(here).run().json();
        assert_eq!((&told["total"], &told["workers"]), (&TOTAL.into(), &1.into()));
    }
}

#[test]
fn few_descriptors_and_many_workers_give_the_right_answer() {
    for link in ["shm", "socket"] {
        let line = format!("ulimit -n 120; exec \"$0\" count-range --json --workers 512 --transport {link} \"$1\"");
        assert_eq!(shell(&line).run().json()["total"], TOTAL, "{link}");
    }
}

#[test]
fn too_few_descriptors_are_one_line_and_the_exit_code_of_the_pool() {
    for link in ["shm", "socket"] {
        let mut codes = Vec::new();
        for most in 4..24 {
            let line =
                format!("ulimit -n {most}; exec \"$0\" count-range --json --workers 2 --transport {link} \"$1\"");
            let done = shell(&line).run();
            if done.code() == 127 {
                // Not even the system's own loader had enough.
                continue;
            }
            if done.code() == 0 {
                assert_eq!(done.json()["total"], TOTAL);
            } else {
                assert!([3, 4].contains(&done.code()), "{most} on {link}: {}", done.stderr);
                assert!(done.fault(done.code()).contains("open files"), "{most} on {link}: {}", done.stderr);
            }
            codes.push(done.code());
        }
        assert!(codes.contains(&4) && codes.contains(&0), "{link}: {codes:?}");
    }
}

#[test]
fn nothing_is_needed_beside_the_files_that_were_named() {
    let call = || {
        let call = mpexec(["count-range", "--json"]).arg(tutorial()).in_folder("/proc");
        ["HOME", "TMPDIR", "XDG_RUNTIME_DIR"]
            .into_iter()
            .fold(call, |call, name| call.env(name, "/nonexistent/nowhere"))
    };
    for link in ["shm", "socket"] {
        assert_eq!(call().args(["--transport", link]).run().json()["total"], TOTAL);
    }
}

#[test]
fn without_proc_it_counts_all_the_same() {
    for link in ["shm", "socket"] {
        let line = "mount -t tmpfs none /proc && exec \"$0\" count-range --json --workers 2";
        if let Some(call) = in_own_spaces(&format!("{line} --transport {link} \"$1\"")) {
            assert_eq!(call.run().json()["total"], TOTAL, "{link}");
        }
    }
}
