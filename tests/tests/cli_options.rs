//! Every option that a help names is exercised by some test of the programs.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use common::program::mpexec;

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = mpexec(["--help"]).run().good().to_owned();
    let list = help.split_once("Commands:\n").expect("a list of commands").1.split_once("\n\n").expect("it ends").0;
    let named = |line: &str| Some(line.strip_prefix("  ")?.split_whitespace().next()?.to_owned());
    list.lines().filter(|line| !line.starts_with("   ")).filter_map(named).filter(|name| name != "help").collect()
}

/// The long options of a help: the words that lines of options begin with.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split_whitespace().take(2));
    let long =
        words.map(|word| word.trim_end_matches([',', '.'])).filter(|word| word.starts_with("--") && word.len() > 2);
    long.map(|word| word.split(['=', '[']).next().unwrap_or(word).to_owned()).collect()
}

#[test]
fn each_option_of_each_command_stands_in_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let tests = fs::read_dir(folder).expect("the folder of tests").map(|entry| entry.expect("an entry").path());
    let tests: String = tests.filter_map(|path| fs::read_to_string(path).ok()).collect();
    let commands = commands();
    assert!(commands.len() >= 10 && commands.iter().any(|name| name == "count-range"), "{commands:?}");
    let mut missing = Vec::new();
    for command in &commands {
        let named = options(mpexec([command, "--help"]).run().good());
        assert!(named.contains("--workers") && named.contains("--report"), "{command}: {named:?}");
        let used = |option: &&String| ["\"", " ", "="].iter().any(|end| tests.contains(&format!("{option}{end}")));
        missing.extend(named.iter().filter(|option| !used(option)).map(|option| format!("{command} {option}")));
    }
    assert_eq!(missing, [""; 0], "a test is to use each of them");
}
