//! The soak finds what is left behind: a check that cannot fail is worse than none.

use std::process::Command;

use mpexec_testkit::Watchdog;

#[test]
fn a_descriptor_a_mapping_a_thread_and_a_process_that_stay_are_found_and_named() {
    let _watchdog = Watchdog::new();
    let mut soak = Command::new(env!("CARGO_BIN_EXE_mpexec-chaos"));
    // The first round is over before the time is.
    let ended = soak.args(["--minutes=0.0001", "--seed=1", "--leave-behind"]).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(!ended.status.success(), "{told}");
    let line = told.lines().find(|line| line.contains("left behind: ") && line.contains("round 0")).unwrap_or_default();
    let kinds = ["(/dev/null)", "/memfd:", "(left-behind)", "process "];
    let missing: Vec<_> = kinds.into_iter().filter(|kind| !line.contains(kind)).collect();
    assert!(missing.is_empty(), "not found: {missing:?} in\n{told}");
    assert!(told.contains("left behind: 1"), "{told}");
}

#[test]
fn a_round_without_anything_left_is_clean() {
    let _watchdog = Watchdog::new();
    let mut soak = Command::new(env!("CARGO_BIN_EXE_mpexec-chaos"));
    let ended = soak.args(["--minutes=0.0001", "--seed=1"]).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && told.contains("1 rounds") && told.contains("left behind: 0"), "{told}");
}
