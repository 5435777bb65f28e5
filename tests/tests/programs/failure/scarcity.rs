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
        mpexec_testkit::skipped(format!("no name spaces of one's own are to be had here: {line}"));
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

#[test]
fn where_files_may_not_be_long_it_counts_over_sockets_or_says_which_limit_it_is() {
    let folder = folder();
    for blocks in [0, 8, 64] {
        let with =
            |line: &str| shell(&format!("ulimit -f {blocks}; exec \"$0\" {line}")).in_folder(folder.path()).run();
        assert_eq!(with("count-range --json --workers 2 \"$1\"").json()["total"], TOTAL, "{blocks}");
        let shm = with("count-range --workers 2 --transport shm \"$1\"");
        assert!(shm.fault(4).contains("ulimit -f"), "{}", shm.stderr);
        // What is longer than a pipe's fill of results travels in memory files, which are files too.
        let written = with("count-range --workers 2 --transport socket --output counts.npy \"$1\"");
        assert!(written.fault(written.code()).contains("ulimit -f"), "{}", written.stderr);
        assert!([3, 4].contains(&written.code()), "{}", written.stderr);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no half of a file");
        assert_eq!(with("run -k -j2 echo ::: a b").good(), "a\nb\n");
    }
    let line = "ulimit -f 8; exec \"$0\" run 'exec head -c 100000 /dev/zero >{}' ::: long";
    let told = shell(line).in_folder(folder.path()).run();
    assert!(
        told.fault(1).contains("was killed by signal 25 (SIGXFSZ: a file was to be longer than ulimit -f allows)"),
        "{}",
        told.stderr
    );
}

#[test]
fn commands_end_as_they_end_also_where_whoever_started_the_program_ignores_its_children() {
    let done = shell("exec env --ignore-signal=CHLD \"$0\" run -k -j2 'echo {}; exit {}' ::: 0 0 0").run();
    assert_eq!(done.good(), "0\n0\n0\n");
    let failed = shell("exec env --ignore-signal=CHLD \"$0\" run -j2 'exit {}' ::: 0 3").run();
    assert!(failed.fault(1).contains("command 2 exited with code 3"), "{}", failed.stderr);
}

#[test]
fn with_little_memory_it_ends_with_an_answer_or_an_error() {
    let mut good = 0;
    for most in [3_000, 6_000, 12_000, 18_000, 25_000, 50_000, 100_000, 400_000] {
        let done = shell(&format!("ulimit -d {most}; \"$0\" run -k -j2 echo ::: a b; echo \"ended $?\"")).run();
        let lines: Vec<_> = done.text().lines().collect();
        match lines[..] {
            ["a", "b", "ended 0"] => good += 1,
            // The language itself ends a program (134) that has no memory left for a few bytes, or for a thread that begins.
            [.., "ended 1" | "ended 3" | "ended 4" | "ended 134"] => {
                let told = &done.stderr;
                assert!(
                    told.contains("memory") || told.contains("temporarily unavailable"),
                    "{most}: {lines:?} {told}"
                );
            }
            _ => panic!("{most}: {lines:?} {}", done.stderr),
        }
    }
    assert!(good >= 2, "{good}");
}

#[test]
fn where_addresses_are_few_auto_takes_sockets() {
    let mut sockets = 0;
    for most in [250_000, 300_000, 350_000, 400_000, 450_000, 500_000] {
        let done = shell(&format!("ulimit -v {most}; exec \"$0\" count-range --json --workers 24 \"$1\"")).run();
        if done.code() == 4 {
            // Each thread may want more addresses for its heap than there are left.
            assert!(done.fault(4).contains("temporarily unavailable"), "{most}: {}", done.stderr);
            continue;
        }
        let told = done.json();
        assert_eq!(told["total"], TOTAL, "{most}");
        sockets += u32::from(told["transport"] == "socket");
    }
    assert!(sockets > 0);
}
