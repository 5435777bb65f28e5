//! Cuts Rust source into tokens, so that a word in a comment or in a string is never mistaken for code.
//!
//! A search of the plain text would stumble over this very sentence about `unsafe`. A full parser would be a heavy
//! dependency, and would refuse a file that is half written. Tokens are enough for every rule of the house.

/// What a [`Token`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword. A raw identifier loses its `r#`.
    Ident,
    /// One character of punctuation, or `::`.
    Punct,
    /// A string, character or number, with its quotes.
    Literal,
    /// A lifetime or a label, with its quote.
    Lifetime,
    /// A comment of any form, with its slashes.
    Comment,
}

/// A piece of Rust source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its text as written.
    pub text: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

impl Token {
    /// Whether this is the name, keyword or punctuation `text`, and not a comment or a string that reads the same.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Ident | Kind::Punct) && self.text == text
    }
}

/// Cuts `text` into tokens. Source that is cut off or not Rust at all gives some tokens too, never a panic.
///
/// ```
/// use mpexec_tests::house::lexer::{Kind, tokens};
///
/// let found = tokens(r#"let s = "unsafe"; // unsafe"#);
/// assert!(!found.iter().any(|t| t.is("unsafe")));
/// assert_eq!(found.last().map(|t| t.kind), Some(Kind::Comment));
/// ```
pub fn tokens(text: &str) -> Vec<Token> {
    let mut cursor = Cursor { text, at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(token) = cursor.next_token() {
        found.push(token);
    }
    found
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

/// Letters of every script count: their bytes are all above 127, so that an identifier is never cut inside a character.
fn continues_ident(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Cursor<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Steps over one whole character and counts the line it may end.
    fn bump(&mut self) {
        if let Some(c) = self.text[self.at..].chars().next() {
            self.line += usize::from(c == '\n');
            self.at += c.len_utf8();
        }
    }

    fn bump_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while !self.at_end() && wanted(self.peek(0)) {
            self.bump();
        }
    }

    fn next_token(&mut self) -> Option<Token> {
        self.bump_while(|b| b.is_ascii_whitespace());
        if self.at_end() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        let kind = self.scan();
        let text = &self.text[start..self.at];
        let text = match kind {
            Kind::Ident => text.strip_prefix("r#").unwrap_or(text),
            _ => text,
        };
        Some(Token { kind, text: text.to_owned(), line })
    }

    fn scan(&mut self) -> Kind {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => {
                self.bump_while(|b| b != b'\n');
                Kind::Comment
            }
            (b'/', b'*') => self.block_comment(),
            (b'"', _) => self.string(),
            (b'\'', _) => self.quote(),
            (b'0'..=b'9', _) => self.number(),
            (b, _) if continues_ident(b) => self.word(),
            (b':', b':') => {
                self.at += 2;
                Kind::Punct
            }
            _ => {
                self.bump();
                Kind::Punct
            }
        }
    }

    /// Block comments nest in Rust.
    fn block_comment(&mut self) -> Kind {
        let mut depth = 0_usize;
        while !self.at_end() {
            let step = match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    2
                }
                (b'*', b'/') => {
                    depth -= 1;
                    2
                }
                _ => 1,
            };
            (0..step).for_each(|_| self.bump());
            if depth == 0 {
                break;
            }
        }
        Kind::Comment
    }

    fn string(&mut self) -> Kind {
        self.bump();
        while !self.at_end() && self.peek(0) != b'"' {
            if self.peek(0) == b'\\' {
                self.bump();
            }
            self.bump();
        }
        self.bump();
        Kind::Literal
    }

    fn raw_string(&mut self, hashes: usize) -> Kind {
        self.at += hashes + 1;
        let end = format!("\"{}", "#".repeat(hashes));
        while !self.at_end() && !self.text[self.at..].starts_with(&end) {
            self.bump();
        }
        self.at = (self.at + end.len()).min(self.text.len());
        Kind::Literal
    }

    /// A quote begins a character (`'a'`, `'\n'`) or a lifetime (`'a`): only what follows tells which.
    fn quote(&mut self) -> Kind {
        self.bump();
        if self.peek(0) == b'\\' {
            self.bump();
            self.bump();
            // What is left is the rest of an escape such as `\u{2014}`, then the closing quote.
            self.bump_while(|b| b != b'\'' && b != b'\n');
            self.bump();
            return Kind::Literal;
        }
        let first_is_ident = continues_ident(self.peek(0));
        self.bump();
        if self.peek(0) == b'\'' {
            self.bump();
            return Kind::Literal;
        }
        if first_is_ident {
            self.bump_while(continues_ident);
        }
        Kind::Lifetime
    }

    /// The dot of `1.5` belongs to the number, those of `0..5` and `1.max(2)` do not.
    fn number(&mut self) -> Kind {
        self.bump_while(continues_ident);
        if self.peek(0) == b'.' && self.peek(1).is_ascii_digit() {
            self.bump();
            self.bump_while(continues_ident);
        }
        Kind::Literal
    }

    /// A word is a name, or the prefix of a string (`b"`, `r#"`, `c"`, `br"`), a byte (`b'`) or a raw name (`r#`).
    fn word(&mut self) -> Kind {
        let start = self.at;
        self.bump_while(continues_ident);
        let word = &self.text[start..self.at];
        let hashes = self.text[self.at..].bytes().take_while(|&b| b == b'#').count();
        match word {
            "b" | "c" if self.peek(0) == b'"' => self.string(),
            "b" if self.peek(0) == b'\'' => self.quote(),
            "r" | "br" | "cr" if self.peek(hashes) == b'"' => self.raw_string(hashes),
            "r" if hashes == 1 && continues_ident(self.peek(1)) => {
                self.bump();
                self.bump_while(continues_ident);
                Kind::Ident
            }
            _ => Kind::Ident,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what counts as code: the names and the punctuation.
    fn code(text: &str) -> String {
        let found = tokens(text);
        let code: Vec<_> =
            found.iter().filter(|t| matches!(t.kind, Kind::Ident | Kind::Punct)).map(|t| t.text.as_str()).collect();
        code.join(" ")
    }

    #[test]
    fn words_in_comments_and_strings_are_not_code() {
        assert_eq!(code("a // unsafe\nb /* unsafe /* unsafe */ still */ c"), "a b c");
        assert_eq!(code(r#"f("unsafe \" unsafe") + g(b"unsafe")"#), "f ( ) + g ( )");
        assert_eq!(code(r###"f(r#"unsafe " unsafe"#, br##"unsafe "# "##) x"###), "f ( , ) x");
    }

    #[test]
    fn a_lifetime_is_told_from_a_character() {
        assert_eq!(code("fn f<'a>(x: &'a str) { '\"' } unsafe"), "fn f < > ( x : & str ) { } unsafe");
        assert_eq!(code(r"['\'', '\\', '\u{2014}', b'\'', '—'] x"), "[ , , , , ] x");
    }

    #[test]
    fn a_range_is_not_the_fraction_of_a_number() {
        assert_eq!(code("0..len 1.5 1.max(2) 0xff_u8"), ". . len . max ( )");
    }

    #[test]
    fn a_raw_name_is_the_name_without_its_mark() {
        assert_eq!(code("r#type r"), "type r");
    }

    #[test]
    fn lines_are_counted_through_every_kind_of_token() {
        let found = tokens("/* 1\n2 */\n\"3\n4\"\nr\"5\n6\"\n// 7\nhere");
        assert_eq!(found.last().map(|t| (t.text.as_str(), t.line)), Some(("here", 8)));
    }

    #[test]
    fn source_cut_at_any_byte_gives_tokens_and_no_panic() {
        let text = "fn f<'a>() { r##\"x\"##; '\\u{41}'; /* /* é */ */ \"\\\"\"; b'\\'' 1.5e3 } // ende";
        for (end, _) in text.char_indices() {
            tokens(&text[..end]);
        }
    }
}
