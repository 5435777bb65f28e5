//! The public face of the library as a file: whoever changes it sees that he does, and so does whoever reads the change.
//!
//! `crates/mpexec-core/public-api.txt` lists what the crate public-api reads out of rustdoc's JSON, which only a nightly toolchain writes, without
//! what says nothing about the face. The step compares; with [`RENEW`] set it writes the file anew.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;

use crate::place::Place;
use crate::report::Outcome;
use crate::run::show;
use crate::tools;

/// The file.
const FILE: &str = "crates/mpexec-core/public-api.txt";

/// With this variable set the file is written and not compared.
const RENEW: &str = "MPEXEC_RENEW_PUBLIC_API";

/// Markers that the compiler keeps for itself, and traits of what is written by `#[task]` alone.
const NOISE: [&str; 4] =
    ["core::marker::Freeze", "core::marker::UnsafeUnpin", "core::marker::StructuralPartialEq", "mpexec_core::task::"];

/// The step: compares the face with the file.
pub(crate) fn run(place: &Place) -> Outcome {
    if let Err(why) = tools::nightly(place) {
        return Outcome::Skipped(why);
    }
    // It takes another toolchain, so the products of ours would be thrown away by it, and those of it by us.
    let target = place.target.join("public-api");
    let mut rustup = place.command("rustup");
    rustup
        .args(["run", "nightly", "cargo", "rustdoc", "--lib", "--package", "mpexec-core", "--target-dir"])
        .arg(&target);
    let written = show(place, rustup.args(["--", "-Z", "unstable-options", "--output-format", "json"]));
    if written != Outcome::Ok {
        return written;
    }
    let found = match public_api::Builder::from_rustdoc_json(target.join("doc/mpexec_core.json"))
        .omit_blanket_impls(true)
        .build()
    {
        Ok(face) => condensed(&face.to_string()),
        Err(error) => {
            return Outcome::Failed(format!(
                "what rustdoc of the nightly toolchain has written is not understood: {error}"
            ));
        }
    };
    let path = place.root.join(FILE);
    if env::var_os(RENEW).is_some() {
        return match fs::write(&path, found) {
            Ok(()) => Outcome::Ok,
            Err(error) => Outcome::Failed(format!("{FILE}: {error}")),
        };
    }
    // Where there is no file yet, everything is new.
    let changes = changes(&fs::read_to_string(&path).unwrap_or_default(), &found);
    if changes.is_empty() {
        return Outcome::Ok;
    }
    for change in &changes {
        place.say(change);
    }
    let renew = format!("{RENEW}=1 cargo xtask test --only public-api");
    Outcome::Failed(format!("{} lines differ from {FILE}; if they are meant to, renew it: {renew}", changes.len()))
}

/// What is said of the face, each line once. The methods of a trait that a type has follow from the trait, so the line
/// that names both stands for them.
fn condensed(told: &str) -> String {
    let mut seen = BTreeSet::new();
    let mut of_trait = false;
    let mut kept = String::new();
    for line in told.lines() {
        let part = ["fn", "type", "const"].into_iter().find(|kind| line.contains(&format!(" {kind} ")));
        if line.starts_with("impl") {
            of_trait = line.contains(" for ");
        } else if part.is_none() || is_free(line) {
            of_trait = false;
        }
        let follows = of_trait && !line.starts_with("impl") && matches!(part, Some("fn" | "const"));
        if follows || NOISE.iter().any(|noise| line.contains(noise)) || !seen.insert(line) {
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// Whether it is a function of the crate itself.
fn is_free(line: &str) -> bool {
    let path = line.split_once(" fn ").and_then(|(_, rest)| rest.split(['(', '<']).next());
    let name = path.and_then(|path| path.strip_prefix("mpexec_core::"));
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase() && !name.contains("::")))
}

/// The lines that one has and the other has not, with a sign before each.
fn changes(before: &str, after: &str) -> Vec<String> {
    let mut lines: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    before.lines().for_each(|line| lines.entry(line).or_default().0 = true);
    after.lines().for_each(|line| lines.entry(line).or_default().1 = true);
    let signed = lines.into_iter().filter_map(|(line, found)| match found {
        (true, false) => Some(format!("- {line}")),
        (false, true) => Some(format!("+ {line}")),
        _ => None,
    });
    signed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_follow_from_a_trait_are_left_out_and_those_of_the_type_are_not() {
        let lines = [
            ("", "pub struct mpexec_core::Exit"),
            ("", "impl mpexec_core::Exit"),
            ("", "pub fn mpexec_core::Exit::success(self) -> bool"),
            ("", "impl core::clone::Clone for mpexec_core::Exit"),
            ("left out", "pub fn mpexec_core::Exit::clone(&self) -> mpexec_core::Exit"),
            ("", "impl core::iter::Iterator for mpexec_core::Exit"),
            ("", "pub type mpexec_core::Exit::Item = u8"),
            ("left out", "pub fn mpexec_core::Exit::next(&mut self)"),
            ("left out", "pub fn mpexec_core::Exit<'a>::nth(&mut self)"),
            ("left out", "impl core::marker::Freeze for mpexec_core::Exit"),
            ("", "impl core::marker::Send for mpexec_core::Exit"),
            ("", "pub trait mpexec_core::Args"),
            ("", "pub fn mpexec_core::Args::count(&self) -> usize"),
            ("left out", "impl core::clone::Clone for mpexec_core::Exit"),
            ("left out", "pub fn mpexec_core::Exit::clone_from(&self)"),
            ("", "pub fn mpexec_core::init()"),
        ];
        let told = lines.map(|(_, line)| line).join("\n");
        let kept: Vec<_> = lines.into_iter().filter(|(what, _)| what.is_empty()).map(|(_, line)| line).collect();
        assert_eq!(condensed(&told).lines().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn what_came_and_what_went_is_told() {
        assert_eq!(changes("a\nb\nc\n", "a\nc\nd\n"), ["- b", "+ d"]);
        assert!(changes("a\nb\n", "b\na\n").is_empty());
    }
}
