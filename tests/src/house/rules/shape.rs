//! The shape of a file: a header that says what it is about, and a length that one can read in one go.

use crate::house::tree::File;
use crate::house::{Tree, Violation};

use super::Rule;

/// Every Rust file begins with a `//!` header.
pub const HEADER: Rule = Rule {
    why: "Every Rust file begins with a `//!` header of at least one sentence: what it is about and why it is as it is. \
          It is the first thing that a stranger reads.",
    find: without_header,
};

/// No Rust file is longer than [`MOST_LINES`].
pub const LENGTH: Rule = Rule {
    why: "No Rust file has more than 400 lines: one topic each, read in one go. Cut it where the topic changes.",
    find: too_long,
};

/// The longest a Rust file may be, in lines.
pub const MOST_LINES: usize = 400;

/// Fewer words say nothing that the file's name does not.
const FEWEST_WORDS: usize = 4;

fn without_header(tree: &Tree) -> Vec<Violation> {
    let files = tree.rust().filter(|file| !has_header(file));
    files.map(|file| Violation::new(&file.path, 1, "no header of a whole sentence")).collect()
}

fn has_header(file: &File) -> bool {
    let lines = file.text.lines().map_while(|line| line.strip_prefix("//!"));
    let header = lines.collect::<Vec<_>>().join(" ");
    // The end of a sentence may stand in the middle of a line or before a closing mark, but not inside `lib.rs`.
    let ends = header
        .split_whitespace()
        .any(|word| word.trim_end_matches([')', '*', '`', '"']).ends_with(['.', '!', '?', ':']));
    ends && header.split_whitespace().count() >= FEWEST_WORDS
}

fn too_long(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| Violation::new(&file.path, lines, format!("{lines} lines")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn a_file_without_a_sentence_at_its_head_is_found() {
        let bad = [
            "",
            "fn f() {}",
            "\n//! A sentence that comes too late.",
            "// A sentence but no documentation.",
            "//! pool",
            "//! Words in lib.rs that end nowhere",
            "#![deny(x)]\n//! A sentence that comes second.",
        ];
        for text in bad {
            assert_eq!(broken(HEADER, &[("a.rs", text)]), ["a.rs:1"], "{text}");
        }
    }

    #[test]
    fn a_sentence_over_several_lines_is_a_header() {
        assert_eq!(
            broken(HEADER, &[("a.rs", "//! The pool,\n//! and its builder.\nfn f() {}"), ("a.md", "")]),
            [""; 0]
        );
    }

    #[test]
    fn the_line_after_the_last_allowed_one_is_too_much() {
        let text = "x\n".repeat(MOST_LINES);
        assert_eq!(broken(LENGTH, &[("a.rs", &text)]), [""; 0]);
        assert_eq!(broken(LENGTH, &[("a.rs", &format!("{text}x"))]), ["a.rs:401"]);
    }
}
