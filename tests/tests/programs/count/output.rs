//! Where the counts go: files that are complete or absent, and standard output that nothing else is written to.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::common::files::{SMALL_ROWS, counts_in, folder, names_in, small, small_counts, table, zeros};
use crate::common::program::{Done, mpexec, program, programs};
use rustix::io::{ioctl_fionbio, ioctl_fionread};

fn count_to(output: &Path, more: &[&str]) -> Done {
    mpexec(["count-range"]).arg(small()).arg("--output").arg(output).args(more).run()
}

#[test]
fn an_array_of_counts_is_the_same_in_both_modes_and_over_both_links() {
    let folder = folder();
    for mode in ["sync", "async"] {
        for transport in ["shm", "socket"] {
            let path = folder.path().join(format!("{mode}-{transport}.npy"));
            let done = count_to(&path, &["--mode", mode, "--transport", transport]);
            assert!(done.good().contains("counts written to "));
            assert_eq!(counts_in(&path), small_counts());
        }
    }
}

#[test]
fn text_files_are_the_same_in_both_modes_and_in_the_order_of_the_rows() {
    let folder = folder();
    let csv: String = (0..).zip(small_counts()).map(|(row, count): (u64, _)| format!("{row},{count}\n")).collect();
    let jsonl: String = (0..)
        .zip(small_counts())
        .map(|(row, count): (u64, _)| format!("{{\"row\":{row},\"count\":{count}}}\n"))
        .collect();
    let lines: String = small_counts().iter().map(|count| format!("{count}\n")).collect();
    for mode in ["sync", "async"] {
        let expected = [("a.csv", format!("row,count\n{csv}")), ("a.jsonl", jsonl.clone()), ("a.txt", lines.clone())];
        for (name, expected) in expected {
            let path = folder.path().join(name);
            let more: &[&str] =
                if name == "a.txt" { &["--output-format", "text", "--mode", mode] } else { &["--mode", mode] };
            count_to(&path, more).good();
            assert!(fs::read_to_string(&path).unwrap() == expected, "{name} {mode}");
        }
    }
}

#[test]
fn the_format_may_be_named_whatever_the_file_is_called() {
    let folder = folder();
    let path = folder.path().join("counts");
    count_to(&path, &["--output-format", "npy", "--json"]).json();
    assert_eq!(counts_in(&path), small_counts());
    count_to(&path, &["--output-format", "csv"]).good();
    assert!(fs::read_to_string(&path).unwrap().starts_with("row,count\n0,4\n1,2\n"));
}

#[test]
fn counts_are_stored_in_the_smallest_type_that_holds_the_columns() {
    let folder = folder();
    for (cols, bytes) in [(255, 1), (256, 2)] {
        let path = table(&folder, "t", 3, cols, &vec![5; 3 * cols as usize]);
        let output = folder.path().join("c.npy");
        mpexec(["count-range", "--output"]).arg(&output).arg(&path).run().good();
        let stored = fs::read(&output).unwrap();
        assert_eq!(stored.len(), 128 + 3 * bytes, "{cols} columns");
        assert_eq!(u64::from(stored[128]) + 256 * u64::from(stored[127 + bytes]) * u64::from(bytes == 2), cols);
    }
}

#[test]
fn every_format_can_be_printed() {
    let printed = |more: &[&str]| mpexec(["count-range", "--output", "-"]).arg(small()).args(more).run();
    let array = printed(&["--output-format", "npy"]);
    assert_eq!((array.code(), array.stdout.len() as u64), (0, 128 + SMALL_ROWS));
    let counts: Vec<_> = array.stdout[128..].iter().map(|&count| u64::from(count)).collect();
    assert_eq!(counts, small_counts());
    assert!(printed(&["--output-format", "csv"]).good().starts_with("row,count\n0,4\n1,2\n2,1\n"));
    let mut lines: Vec<_> =
        printed(&["--output-format", "jsonl", "--mode", "async"]).good().lines().map(str::to_owned).collect();
    lines.sort_unstable_by_key(|line| line.split([':', ',']).nth(1).unwrap().parse::<u64>().unwrap());
    assert_eq!(lines.len() as u64, SMALL_ROWS);
    assert_eq!(lines[1], "{\"row\":1,\"count\":2}");
}

#[test]
fn a_reader_that_leaves_ends_the_program_quietly() {
    let folder = folder();
    // More than any pipe holds, so that the program must meet the closed end.
    let path = zeros(&folder, 300_000, 5);
    for more in [&["--mode", "sync"], &["--mode", "async"], &["--output-format", "npy"]] {
        let mut started = mpexec(["count-range", "--min", "0", "--output", "-"]).args(more).arg(&path).start();
        started.bytes(2);
        started.close_stdout();
        let done = started.finish();
        assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{more:?}");
    }
}

#[test]
fn a_summary_that_nobody_reads_is_no_error_and_the_file_is_there() {
    let folder = folder();
    let output = folder.path().join("c.npy");
    let mut started = mpexec(["count-range", "--output"]).arg(&output).arg(small()).start();
    started.close_stdout();
    let done = started.finish();
    assert_eq!((done.code(), done.stderr.as_str()), (0, ""));
    assert_eq!(counts_in(&output), small_counts());
}

#[test]
fn a_file_in_the_way_is_replaced_when_the_new_one_is_complete() {
    let folder = folder();
    let output = folder.path().join("c.csv");
    fs::write(&output, "old").unwrap();
    fs::set_permissions(&output, fs::Permissions::from_mode(0o640)).unwrap();
    let broken = mpexec(["count-range", "--output"]).arg(&output).arg("no-such-file").run();
    broken.fault(3);
    assert_eq!(fs::read_to_string(&output).unwrap(), "old");
    count_to(&output, &[]).good();
    assert!(fs::read_to_string(&output).unwrap().starts_with("row,count\n"));
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(names_in(&folder), ["c.csv"]);
}

#[test]
fn an_output_that_cannot_be_written_is_one_line_that_names_it() {
    let folder = folder();
    let missing = folder.path().join("no/such/c.npy");
    assert!(count_to(&missing, &[]).fault(3).contains("no/such/c.npy: its folder does not exist"));
    assert!(
        count_to(folder.path(), &["--output-format", "csv"]).fault(3).ends_with(": is a directory; name a file in it")
    );
    assert!(
        count_to(Path::new("/dev/full"), &["--output-format", "npy"])
            .fault(3)
            .starts_with("/dev/full: is a pipe or a device")
    );
    assert_eq!(names_in(&folder), [""; 0]);
}

#[test]
fn a_full_standard_output_is_an_error_of_its_own() {
    for more in [&["--output", "-"][..], &["--json"], &[]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let done = mpexec(["count-range"]).arg(small()).args(more).stdout(full).run();
        assert!(done.fault(3).starts_with("standard output: cannot be written"), "{more:?}");
    }
}

#[test]
fn a_disk_that_is_too_small_leaves_nothing_behind() {
    let folder = folder();
    let path = zeros(&folder, 100_000, 5);
    // The limit of the shell stands for the disk: 64 KiB in blocks of 512 bytes.
    for also in ["", "trap '' XFSZ;"] {
        let script = format!("ulimit -f 128; {also} exec \"$0\" count-range \"$1\" --output \"$2\"");
        for name in ["c.npy", "c.csv"] {
            let call = program("sh").args(["-c", &script]).arg(programs().join("mpexec"));
            let done = call.arg(&path).arg(folder.path().join(name)).run();
            assert!(done.fault(3).contains(&format!("{name}: files may not be so long here (ulimit -f")), "{name}");
        }
    }
    assert_eq!(names_in(&folder), ["zeros.bin"]);
}

/// Runs a line with `$0` as our program in a folder that has 64 KiB of room, and tells what it says, its exit code and the names
/// that are left there. Where no such folder may be had, a limit on the size of files stands for it.
fn with_little_room(line: &str, input: &Path) -> Vec<String> {
    let folder = folder();
    let script = format!("cd \"$2\" || exit 99; {line} 2>&1; echo $?; ls -A");
    let own_disk = format!("mount -t tmpfs -o size=64k none \"$2\" || exit 99; {script}");
    let own_disk = program("unshare").args(["--map-root-user", "--mount", "sh", "-c", &own_disk]);
    let limited = program("sh").args(["-c", &format!("ulimit -f 128; {script}")]);
    for call in [own_disk, limited] {
        let done = call.arg(programs().join("mpexec")).arg(input).arg(folder.path()).run();
        if done.code() == 0 {
            return done.text().lines().map(str::to_owned).collect();
        }
    }
    panic!("there is neither a file system of one's own here nor a limit on files");
}

#[test]
fn a_disk_that_gets_full_in_the_midst_leaves_no_half_of_a_file() {
    let folder = folder();
    let path = zeros(&folder, 100_000, 5);
    for name in ["c.npy", "c.csv", "c.jsonl"] {
        let told = with_little_room(&format!("\"$0\" count-range \"$1\" --output {name}"), &path);
        assert!(
            told.len() == 2 && told[1] == "3" && told[0].contains(&format!("{name}: there is no space")),
            "{told:?}"
        );
    }
    let told = with_little_room("\"$0\" gen g.npy --rows 100000 --cols 5", &path);
    assert!(told.len() == 2 && told[1] == "3" && told[0].contains("g.npy: there is no space"), "{told:?}");
    // What the shell has opened is the shell's: it is as long as there was room, and the program says that it is not whole.
    let told = with_little_room("{ \"$0\" count-range \"$1\" --output - >half; }", &path);
    assert!(told.len() == 3 && told[1] == "3" && told[2] == "half", "{told:?}");
    assert!(told[0].contains("standard output: cannot be written"), "{told:?}");
    // And what is small enough is written.
    let told = with_little_room("\"$0\" gen g.npy --rows 100 --cols 5 --seed 1 --quiet", &path);
    assert_eq!(told, ["0", "g.npy"]);
}

#[test]
fn with_a_file_and_json_the_summary_is_still_printed() {
    let folder = folder();
    let output = folder.path().join("c.jsonl");
    assert_eq!(count_to(&output, &["--json", "--mode", "async"]).json()["rows"], SMALL_ROWS);
    assert_eq!(fs::read_to_string(&output).unwrap().lines().count() as u64, SMALL_ROWS);
}

#[test]
fn permissions_that_forbid_writing_hinder_no_worker() {
    let folder = folder();
    for (mask, mode) in [("277", 0o400), ("777", 0), ("022", 0o644)] {
        for name in ["c.npy", "c.csv"] {
            let script = format!("umask {mask}; exec \"$0\" count-range \"$1\" --output \"$2\"");
            let output = folder.path().join(name);
            let call = program("sh").args(["-c", &script]).arg(programs().join("mpexec"));
            call.arg(small()).arg(&output).run().good();
            assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, mode, "{name} {mask}");
            fs::remove_file(&output).unwrap();
        }
    }
    let output = folder.path().join("old.npy");
    fs::write(&output, "old").unwrap();
    fs::set_permissions(&output, fs::Permissions::from_mode(0o400)).unwrap();
    count_to(&output, &[]).good();
    assert_eq!(counts_in(&output), small_counts());
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o400);
}

#[test]
fn the_input_is_never_replaced_by_its_own_counts() {
    let folder = folder();
    let path = zeros(&folder, 10, 5);
    fs::hard_link(&path, folder.path().join("hard.npy")).unwrap();
    std::os::unix::fs::symlink("zeros.bin", folder.path().join("soft.csv")).unwrap();
    for name in ["zeros.bin", "hard.npy", "soft.csv"] {
        let call = mpexec(["count-range", "zeros.bin", "--output-format", "npy", "--output", name]);
        let done = call.in_folder(folder.path()).run();
        assert_eq!(done.fault(2), format!("{name}: is the file that is read (zeros.bin); give another name"));
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 128 + 400);
}

#[test]
fn a_link_to_a_file_that_is_not_there_yet_makes_that_file() {
    let folder = folder();
    let link = folder.path().join("link.npy");
    std::os::unix::fs::symlink("counts.npy", &link).unwrap();
    count_to(&link, &[]).good();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(counts_in(&folder.path().join("counts.npy")), small_counts());
}

#[test]
fn a_closed_standard_output_is_an_error_and_no_silence() {
    let folder = folder();
    let closed = |line: &str| {
        let call = program("sh").args(["-c", &format!("exec \"$0\" {line} >&-")]).arg(programs().join("mpexec"));
        call.arg(small()).in_folder(folder.path()).run()
    };
    for line in ["count-range --output - \"$1\"", "count-range \"$1\"", "gen - --rows 1 --cols 1", "--help", "workers"]
    {
        assert_eq!(closed(line).fault(3), "standard output: cannot be written: it is closed", "{line}");
    }
    // What writes nothing to it does not miss it; and the null device is a place like any other.
    assert_eq!(closed("gen f --rows 1 --cols 1").code(), 0);
    let null = fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    assert_eq!(mpexec(["count-range"]).arg(small()).stdout(null).run().code(), 0);
}

#[test]
fn a_pipe_that_does_not_block_is_waited_for() {
    let folder = folder();
    let path = zeros(&folder, 100_000, 5);
    for more in [&["--mode", "sync"][..], &["--mode", "async"], &["--output-format", "npy"]] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        ioctl_fionbio(&writer, true).unwrap();
        let call = mpexec(["count-range", "--min", "0", "--output", "-"]).args(more).arg(&path).stdout(writer);
        let started = call.start();
        // Nobody reads, so the pipe gets full, and then the program must be waiting.
        let mut before = 0;
        while before == 0 || ioctl_fionread(&reader).unwrap() != before {
            before = ioctl_fionread(&reader).unwrap();
            assert!(!started.ends_within(Duration::from_millis(100)), "{more:?}: {}", started.told());
        }
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        let done = started.finish();
        assert_eq!((done.code(), done.stderr.as_str()), (0, ""), "{more:?}");
        let rows = if more.contains(&"npy") { all.len() - 128 } else { all.split(|&byte| byte == b'\n').count() - 1 };
        assert_eq!(rows, 100_000, "{more:?}");
    }
}
