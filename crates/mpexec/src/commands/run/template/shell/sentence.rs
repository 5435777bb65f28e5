//! As much grammar as it takes to know which bracket ends a substitution: in `$(case x in a) ..;; esac)` the first one does not.

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
}

impl Sentence {
    pub(super) fn new() -> Sentence {
        Sentence { word: Vec::new(), in_word: false, begins: true, cases: Vec::new(), of_for: 0 }
    }

    pub(super) fn in_word(&self) -> bool {
        self.in_word
    }

    /// Whether a word that begins here is the name of nothing: no command, no word of the language.
    pub(super) fn is_between_words(&self) -> bool {
        !self.in_word && !self.begins && self.of_for == 0 && self.cases.last() != Some(&Case::In)
    }

    /// Whether `NAME[` is what there is of the first word: an element of an array, to some shells.
    pub(super) fn is_element(&self) -> bool {
        let name = self.word.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        self.begins && name.is_some_and(|at| at > 0 && self.word[at] == b'[' && !self.word.contains(&b']'))
    }

    pub(super) fn letter(&mut self, byte: u8) {
        self.in_word = true;
        self.word.push(byte);
    }

    /// A part of a word that is quoted, or put in.
    pub(super) fn something(&mut self) {
        self.letter(0);
    }

    pub(super) fn end_word(&mut self) {
        if !std::mem::take(&mut self.in_word) {
            return;
        }
        let word = std::mem::take(&mut self.word);
        let begins = std::mem::take(&mut self.begins);
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
            Some(Case::Commands) | None if begins => self.first_word(&word),
            Some(Case::Commands) | None => {}
        }
    }

    fn first_word(&mut self, word: &[u8]) {
        match word {
            b"case" => self.cases.push(Case::Subject),
            b"esac" => self.end_case(),
            b"for" | b"select" => self.of_for = 2,
            b"!" | b"{" | b"}" | b"if" | b"then" | b"elif" | b"else" | b"fi" | b"while" | b"until" | b"do"
            | b"done" => {
                self.begins = true;
            }
            _ => {}
        }
    }

    fn end_case(&mut self) {
        self.cases.pop();
        self.begins = true;
    }

    /// Behind it another command can begin.
    pub(super) fn separator(&mut self) {
        self.end_word();
        // Behind `|` no pattern is a word of the language.
        self.begins |= self.cases.last() != Some(&Case::Patterns);
        self.of_for = 0;
    }

    pub(super) fn redirection(&mut self) {
        self.end_word();
        self.begins = false;
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
