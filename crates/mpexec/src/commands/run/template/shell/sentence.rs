//! As much grammar as it takes to know which bracket ends a substitution: in `$(case x in a) ..;; esac)` the first one does not.
//!
//! What is a word of the language to some shells and a command to others is refused where it matters.

use super::Refusal;

/// What a `case` waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Subject,
    In,
    Patterns,
    Commands,
}

/// Words and separators of a list of commands.
pub(super) struct Sentence {
    /// What is read of the word; what is quoted or put in is a zero, so that no word with it is a word of the language.
    word: Vec<u8>,
    in_word: bool,
    /// Whether the next word can be one of the language.
    begins: bool,
    cases: Vec<Case>,
    /// So many words are still to come of `for NAME do`.
    of_for: u8,
    /// Behind `time`, before the command.
    timed: bool,
    /// Within `[[ ]]`.
    tested: bool,
    /// Words alone, as in the brackets of an array: none of them is one of the language.
    words_only: bool,
}

impl Sentence {
    pub(super) fn new() -> Sentence {
        Sentence {
            word: Vec::new(),
            in_word: false,
            begins: true,
            cases: Vec::new(),
            of_for: 0,
            timed: false,
            tested: false,
            words_only: false,
        }
    }

    /// What stands in the brackets of an array, or in those of `[[ ]]`.
    pub(super) fn of_words() -> Sentence {
        Sentence { begins: false, words_only: true, ..Sentence::new() }
    }

    pub(super) fn in_word(&self) -> bool {
        self.in_word
    }

    /// Whether a word that begins here is the name of nothing: no command, no word of the language.
    pub(super) fn is_between_words(&self) -> bool {
        let is_free = !self.begins && self.of_for == 0 && !self.tested && !self.words_only;
        !self.in_word && is_free && self.cases.last() != Some(&Case::In)
    }

    /// Whether `NAME[` is what there is of the first word: an element of an array, to some shells.
    pub(super) fn is_element(&self) -> bool {
        let name = self.word.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let least = usize::from(!self.words_only);
        let can_be = self.begins || self.words_only;
        can_be && name.is_some_and(|at| at >= least && self.word[at] == b'[' && !self.word.contains(&b']'))
    }

    /// Whether what stands in brackets here is no command: `NAME=(..)`, or a part of `[[ ]]`.
    pub(super) fn has_only_words_in_brackets(&self) -> bool {
        self.tested || self.words_only || self.word.ends_with(b"=")
    }

    pub(super) fn letter(&mut self, byte: u8) {
        self.in_word = true;
        self.word.push(byte);
    }

    /// A part of a word that is quoted, or put in.
    pub(super) fn something(&mut self) {
        self.letter(0);
    }

    pub(super) fn end_word(&mut self) -> Result<(), Refusal> {
        if !std::mem::take(&mut self.in_word) {
            return Ok(());
        }
        let word = std::mem::take(&mut self.word);
        let begins = std::mem::take(&mut self.begins);
        if std::mem::take(&mut self.timed) {
            self.timed = word.starts_with(b"-");
            if is_of_language(&word) {
                return Err(
                    "has time before a word of the language, which only some shells know: write time sh -c '..'",
                );
            }
        }
        if self.tested {
            return self.word_of_test(&word, begins);
        }
        match self.cases.last_mut() {
            Some(case @ Case::Subject) => *case = Case::In,
            Some(case @ Case::In) => {
                *case = Case::Patterns;
                self.begins = true;
            }
            Some(Case::Patterns) if begins && word == b"esac" => self.end_case(),
            Some(Case::Patterns) => {}
            Some(Case::Commands) | None if self.of_for > 0 => {
                self.of_for -= 1;
                self.begins = self.of_for == 0 && word == b"do";
            }
            Some(Case::Commands) | None if begins => self.first_word(&word)?,
            Some(Case::Commands) | None => {}
        }
        Ok(())
    }

    fn first_word(&mut self, word: &[u8]) -> Result<(), Refusal> {
        match word {
            b"case" => self.cases.push(Case::Subject),
            b"esac" => self.end_case(),
            b"for" => self.of_for = 2,
            b"time" => self.timed = true,
            b"[[" => self.tested = true,
            b"function" => return Err("has function, which only some shells know: write NAME() { ..; }"),
            b"select" | b"coproc" => return Err("has select or coproc, which only some shells know"),
            _ => self.begins = is_of_language(word),
        }
        Ok(())
    }

    /// A word within `[[ ]]`, which some shells do not know: to them a command begins behind its `&&`.
    fn word_of_test(&mut self, word: &[u8], begins: bool) -> Result<(), Refusal> {
        match word {
            b"]]" => self.tested = false,
            b"!" => self.begins = begins,
            _ if begins && is_of_language(word) => {
                return Err("has a word of the language within [[ ]], which only some shells know");
            }
            _ => {}
        }
        Ok(())
    }

    fn end_case(&mut self) {
        self.cases.pop();
        self.begins = true;
    }

    /// Behind it another command can begin.
    pub(super) fn separator(&mut self) -> Result<(), Refusal> {
        self.end_word()?;
        // Behind `|` no pattern is a word of the language.
        self.begins |= !self.words_only && self.cases.last() != Some(&Case::Patterns);
        self.of_for = 0;
        self.timed = false;
        Ok(())
    }

    pub(super) fn redirection(&mut self) -> Result<(), Refusal> {
        self.end_word()?;
        self.begins = false;
        self.timed = false;
        Ok(())
    }

    /// Behind `;;`.
    pub(super) fn next_pattern(&mut self) {
        if let Some(case @ Case::Commands) = self.cases.last_mut() {
            *case = Case::Patterns;
            self.begins = true;
        }
    }

    /// Whether a `(` here only begins a pattern.
    pub(super) fn begins_pattern(&mut self) -> bool {
        let begins = !self.in_word && self.begins && self.cases.last() == Some(&Case::Patterns);
        self.begins &= !begins;
        begins
    }

    /// Whether a `)` here ends the patterns of a `case`, whose commands come next.
    pub(super) fn ends_patterns(&mut self) -> bool {
        let Some(case @ Case::Patterns) = self.cases.last_mut() else { return false };
        *case = Case::Commands;
        self.begins = true;
        true
    }

    /// Behind a `)` that has closed commands, or the brackets of a function.
    pub(super) fn closed(&mut self) {
        self.begins = true;
    }
}

/// Whether this is a word of the language where a command can begin.
fn is_of_language(word: &[u8]) -> bool {
    const WORDS: &str = "! { } [[ case coproc do done elif else esac fi for function if select then time until while";
    WORDS.split(' ').any(|known| known.as_bytes() == word)
}
