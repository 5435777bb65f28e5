//! The names of tests read as sentences: the list of a crate's tests is the list of what it promises.

use crate::house::lexer::{Kind, Token};
use crate::house::{Tree, Violation};

use super::Rule;

/// Every test's name is a sentence.
pub const SENTENCES: Rule = Rule {
    why: "The name of a test says what holds, in at least three words: `a_killed_worker_is_replaced`. When it fails, the \
          name alone tells what is broken.",
    find: violations,
};

/// Fewer words name a thing and say nothing about it.
const FEWEST_WORDS: usize = 3;

/// Words that say that it is a test, which one can see, in place of what holds.
const EMPTY_WORDS: &[&str] = &["test", "tests", "works", "misc"];

fn violations(tree: &Tree) -> Vec<Violation> {
    tree.rust()
        .flat_map(|file| names(&file.tokens).map(move |name| (file, name)))
        .filter(|(_, name)| !is_sentence(&name.text))
        .map(|(file, name)| Violation::new(&file.path, name.line, format!("`{}` is no sentence", name.text)))
        .collect()
}

/// The names of the functions under `#[test]`, also inside macros such as `proptest!`.
fn names(tokens: &[Token]) -> impl Iterator<Item = &Token> {
    let code: Vec<_> = tokens.iter().filter(|t| t.kind != Kind::Comment).collect();
    let starts: Vec<_> = (0..code.len()).filter(|&at| begins_test(&code[at..])).collect();
    starts.into_iter().filter_map(move |start| {
        let keyword = code[start..].iter().position(|t| t.is("fn"))?;
        code.get(start + keyword + 1).copied().filter(|t| t.kind == Kind::Ident)
    })
}

fn begins_test(code: &[&Token]) -> bool {
    let wanted = ["#", "[", "test", "]"];
    code.len() >= wanted.len() && code.iter().zip(wanted).all(|(token, text)| token.is(text))
}

fn is_sentence(name: &str) -> bool {
    let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
    let empty = |word: Option<&&str>| word.is_some_and(|word| EMPTY_WORDS.contains(word));
    words.len() >= FEWEST_WORDS && !empty(words.first()) && !(words[0] == "it" && empty(words.last()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    #[test]
    fn names_that_say_nothing_are_found() {
        for name in ["test_that_it_adds", "roundtrip", "round_trip", "it_really_works"] {
            let text = format!("#[test]\n#[should_panic]\nfn {name}() {{}}");
            assert_eq!(broken(SENTENCES, &[("a.rs", &text)]), ["a.rs:3"], "{name}");
        }
    }

    #[test]
    fn sentences_and_helpers_are_left_alone() {
        let text = "fn run() {}\nproptest! { #[test] fn a_message_survives(x in any()) {} }\n#[test]\n/// x\npub fn zero_is_refused() {}";
        assert_eq!(broken(SENTENCES, &[("a.rs", text)]), [""; 0]);
    }
}
