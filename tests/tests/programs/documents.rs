//! README.md and ARCHITECTURE.md held against the project: what they show is what happens, what they name is there.
//!
//! Documents grow old in silence. So the commands of the README are run and their output is compared, its program is an
//! example that is compiled and run, and every file that is named exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::examples::example;
use crate::common::program::{mpexec, program, programs};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks between fences, of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(opened) = line.strip_prefix("```") {
            let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            if opened == language {
                blocks.push(inside.join("\n"));
            }
        }
    }
    blocks
}

/// Each command line of a block, after its `$ `, and what is shown below it.
fn commands(block: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push((command, Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("output before the first command: {line}"),
        }
    }
    found
}

/// A line without what differs from run to run and from place to place: times, processors, and what bars are made of.
fn steady(line: &str) -> String {
    if let Some((summary, _)) = line.split_once(",\"workers\":") {
        return summary.to_owned();
    }
    let of_the_machine =
        [" workers over ", "auto ", "online", "affinity", "cgroup", "num_cpus", "available_parallelism"];
    if of_the_machine.iter().any(|words| line.contains(words)) {
        return line.split_whitespace().next().unwrap_or_default().to_owned();
    }
    line.trim_end().replace('█', "#")
}

/// Targets of links and paths in code marks that look like files of ours.
fn named_files(text: &str) -> Vec<&str> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let listed = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ").map(|(_, target)| target));
    inline.chain(listed).filter(|target| !target.contains("://") && !target.starts_with('#')).collect()
}

#[test]
fn the_program_in_the_readme_is_an_example_and_runs() {
    let readme = read("README.md");
    let [shown] = &blocks(&readme, "rust")[..] else {
        panic!("the README shows one program");
    };
    let source = read("crates/mpexec-core/examples/readme.rs");
    let (_, code) = source.split_once("\n\n").expect("a header, and the code");
    assert_eq!(shown.trim(), code.trim());
    let done = example("readme").run();
    assert!(done.code() == 0 && done.text().contains("exit: Signal(6)"), "{done:?}");
}

#[test]
fn the_commands_of_the_readme_print_what_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let readme = read("README.md");
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap());
    let mut compared = 0;
    for block in blocks(&readme, "console") {
        for (command, shown) in commands(&block) {
            // The project's own commands take minutes; that they exist is another test.
            if command.starts_with("cargo ") {
                continue;
            }
            let done = program("sh").args(["-c", command]).env("PATH", &path).in_folder(folder.path()).run();
            assert_eq!(done.code(), 0, "{command}: {}", done.stderr);
            let printed = if done.text().is_empty() { done.stderr.as_str() } else { done.text() };
            let printed: Vec<_> = printed.lines().map(steady).collect();
            let shown: Vec<_> = shown.into_iter().map(steady).collect();
            assert_eq!(printed, shown, "$ {command}");
            compared += 1;
        }
    }
    assert!(compared > 3, "only {compared} commands were found");
}

#[test]
fn the_projects_own_commands_in_the_documents_exist() {
    let source = read("xtask/src/main.rs");
    for document in
        ["README.md", "ARCHITECTURE.md", "PERFORMANCE.md", "PROOF.md", "SCALE.md", "GUIDE.md", "bench/SCALING.md"]
    {
        let text = read(document);
        for rest in text.split("cargo xtask ").skip(1) {
            let name: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
            let variant = name[..1].to_uppercase() + &name[1..];
            assert!(source.contains(&format!("    {variant}(")), "{document}: cargo xtask {name}");
        }
    }
}

#[test]
fn every_file_that_a_document_names_is_there() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "PERFORMANCE.md",
        "PROOF.md",
        "SECURITY.md",
        "SCALE.md",
        "GUIDE.md",
    ] {
        let text = read(document);
        for target in named_files(&text) {
            let path = target.split('#').next().unwrap_or_default();
            assert!(root().join(path).exists(), "{document}: {target}");
        }
    }
}

#[test]
fn every_crate_stands_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for entry in root().join("crates").read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(map.contains(&format!("crates/{name}")), "{name}");
    }
    for entry in root().join("crates/mpexec-core/src").read_dir().unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let shown = if entry.path().is_dir() { format!("`{name}/`") } else { format!("`{name}`") };
        assert!(map.contains(&shown), "{shown} is no door or room of the map");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = mpexec(["--help"]).run();
    let (_, codes) = help.good().split_once("Exit codes:").expect("the help tells the exit codes");
    let readme = read("README.md");
    let table: Vec<_> =
        readme.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse::<u8>().ok()).collect();
    assert!(table.len() >= 8, "{table:?}");
    for code in table {
        assert!(codes.split(|c: char| !c.is_ascii_digit()).any(|told| told == code.to_string()), "{code}");
    }
}

#[test]
fn the_figures_that_are_kept_are_of_a_commit_and_were_begun_on_a_quiet_machine() {
    for (document, heads) in [("bench/RUNS.md", 2), ("bench/CURVES.md", 1)] {
        let text = read(document);
        let commits: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("commit ")).collect();
        assert_eq!(commits.len(), heads, "{document}: {commits:?}");
        for commit in commits {
            let (name, _) = commit.split_once("; rustc ").expect("what it was built with stands behind it");
            assert!(name.len() >= 7 && name.chars().all(|digit| digit.is_ascii_hexdigit()), "{document}: {name}");
        }
        assert!(!text.contains("WARNING"), "{document} was begun while something else was at work");
    }
    // How many goals are met, as the page says it that accounts for the others.
    let (runs, page) = (read("bench/RUNS.md"), read("PERFORMANCE.md"));
    let counts: Vec<_> = runs.lines().filter_map(|line| line.split_once(" goals met")).map(|(met, _)| met).collect();
    let [first, second] = counts[..] else { panic!("{counts:?}") };
    let told = format!("{first} are met in the first run and {second} in the second");
    assert!(page.contains(&told), "{told}");
}
