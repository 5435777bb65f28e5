//! The options of all commands, as clap knows them, are those that the tests of the programs exercise.

use clap::CommandFactory;

use super::Arguments;

/// A line for each option of each command; those of all commands stand alone.
fn options() -> Vec<String> {
    let mut root = Arguments::command();
    root.build();
    let mut all = long(&root, true);
    all.extend(of_command(&root, ""));
    all.sort();
    all.dedup();
    all
}

fn long(command: &clap::Command, global: bool) -> Vec<String> {
    let arguments = command.get_arguments().filter(move |argument| argument.is_global_set() == global);
    let named = arguments.filter(|argument| !argument.is_hide_set()).filter_map(clap::Arg::get_long);
    named.map(|name| format!("--{name}")).filter(|name| name != "--help" && name != "--version").collect()
}

/// Those of a command of which these are the words, and of the commands below it.
fn of_command(command: &clap::Command, words: &str) -> Vec<String> {
    let mut all: Vec<_> = long(command, false).iter().map(|option| format!("{words}{option}")).collect();
    for below in command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set()) {
        all.extend(of_command(below, &format!("{words}{} ", below.get_name())));
    }
    all
}

/// `tests/tests/programs/usage/options.rs` has a test for each line of the file.
#[test]
fn the_list_of_options_is_complete() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/OPTIONS.txt");
    let now = options().join("\n") + "\n";
    if std::env::var_os("MPEXEC_RENEW_OPTIONS").is_some() {
        std::fs::write(path, &now).expect("the list can be written");
    }
    let listed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        now, listed,
        "after a change that is meant: MPEXEC_RENEW_OPTIONS=1 cargo test -p mpexec --bin mpexec options"
    );
}
