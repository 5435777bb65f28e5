//! Where in a line of the shell a place stands, which decides how an argument is put in there.
//!
//! The line is read as a shell reads it, as far as quoting goes: quotes, substitutions in whatever depth, here-documents, comments, arithmetic. That is
//! what dash and bash agree on; where they read a line differently, or where no argument could be put in safely, it is refused. Nothing is guessed: a
//! wrong guess would cut an argument at its blanks, or take it for a pattern.

mod here;
mod sentence;
mod substitution;

use here::Here;
use sentence::Sentence;

/// A byte of the line, or the nth of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Byte(u8),
    Place(usize),
}

/// How an argument is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As a word, or a part of one, outside of quotes; `alone` if it is a whole word that the shell can take for nothing else.
    Plain { alone: bool },
    /// Within double quotes, or in a text that is read as if it were.
    Double,
    /// Within single quotes.
    Single,
    /// In arithmetic, where it has to be a number: anything else would be computed.
    Number,
    /// Not at all: in a comment.
    Comment,
}

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) way: Way,
    /// Whether the argument itself, quoted as such a place wants it, means the same to every shell; as what a variable holds it does anywhere.
    pub(super) literal: bool,
}

/// Why the line is not taken, said of the place or of the line: "{} stands in …".
pub(super) type Refusal = &'static str;

const UNENDED: Refusal = "has quotes, brackets or a here-document without an end";
const AFTER_BACKSLASH: Refusal = "has a place behind a backslash";
/// Nobody types more.
const DEEPEST: usize = 40;

/// How each place of a line stands.
///
/// # Errors
/// What in the line leaves no right way.
pub(super) fn stands(line: &[Symbol]) -> Result<Vec<Stand>, Refusal> {
    let places = line.iter().filter(|symbol| matches!(symbol, Symbol::Place(_))).count();
    let mut stands = vec![None; places];
    Reader::new(line, &mut stands).commands(End::Input, Sentence::new())?;
    stands.into_iter().collect::<Option<_>>().ok_or("has a place where none can be")
}

/// What commands end with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Input,
    Bracket,
}

/// What surrounds a `$`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Commands,
    Quotes,
    HereDocument,
    Arithmetic,
}

/// Reads symbols one after the other.
struct Reader<'a> {
    symbols: &'a [Symbol],
    at: usize,
    stands: &'a mut [Option<Stand>],
    depth: usize,
    /// See [`Stand::literal`].
    literal: bool,
    /// Why there can be no place here.
    barred: Option<Refusal>,
    /// Where the last name behind a `$` has ended: letters put in there would go on with it.
    name_ended: Option<usize>,
    /// Here-documents that begin behind the end of this line.
    pending: Vec<Here>,
}

impl<'a> Reader<'a> {
    fn new(symbols: &'a [Symbol], stands: &'a mut [Option<Stand>]) -> Reader<'a> {
        Reader { symbols, at: 0, stands, depth: 0, literal: true, barred: None, name_ended: None, pending: Vec::new() }
    }

    /// Reads commands up to the closing bracket, which is taken, or to the end.
    fn commands(&mut self, end: End, mut sentence: Sentence) -> Result<(), Refusal> {
        loop {
            let Some(symbol) = self.next() else {
                return if end == End::Input { self.here_documents() } else { Err(UNENDED) };
            };
            let byte = match symbol {
                Symbol::Byte(byte) => byte,
                Symbol::Place(nth) => {
                    if sentence.is_element() {
                        return Err(
                            "has a place for the number of an element of an array, in which some shells run what they find",
                        );
                    }
                    let alone = sentence.is_between_words() && self.ends_word();
                    self.stand(nth, Way::Plain { alone })?;
                    sentence.something();
                    continue;
                }
            };
            match byte {
                b' ' | b'\t' => sentence.end_word()?,
                b'\n' => {
                    sentence.separator()?;
                    self.here_documents()?;
                }
                b'#' if !sentence.in_word() => self.comment(),
                b';' => {
                    let doubled = matches!(self.peek(), Some(Symbol::Byte(b';' | b'&')));
                    self.at += usize::from(doubled);
                    sentence.separator()?;
                    if doubled {
                        sentence.next_pattern();
                    }
                }
                b'&' | b'|' => sentence.separator()?,
                b'<' | b'>' => {
                    sentence.redirection()?;
                    self.redirection(byte)?;
                    // `<(..)` is a word, where it is anything.
                    if self.takes(b'(') {
                        self.deeper(|reader| reader.commands(End::Bracket, Sentence::new()))?;
                        sentence.something();
                    }
                }
                b'(' => self.bracket(&mut sentence)?,
                b')' => {
                    sentence.end_word()?;
                    match (sentence.ends_patterns(), end) {
                        (true, _) => {}
                        (false, End::Bracket) => return Ok(()),
                        (false, End::Input) => return Err("has a ) that closes nothing"),
                    }
                }
                b'\\' => {
                    self.escaped()?;
                    sentence.something();
                }
                b'\'' => {
                    self.single()?;
                    sentence.something();
                }
                b'"' => {
                    self.double()?;
                    sentence.something();
                }
                b'`' => {
                    self.backquotes(Around::Commands)?;
                    sentence.something();
                }
                b'$' => {
                    self.dollar(Around::Commands)?;
                    sentence.something();
                }
                letter => sentence.letter(letter),
            }
        }
    }

    /// Behind a `(`: of commands, of a function, of a pattern, or of an array.
    fn bracket(&mut self, sentence: &mut Sentence) -> Result<(), Refusal> {
        if sentence.has_only_words_in_brackets() {
            // Some bash reads `\'` in the brackets of an array wrongly if they stand in a substitution.
            let literal = std::mem::replace(&mut self.literal, false);
            self.deeper(|reader| reader.commands(End::Bracket, Sentence::of_words()))?;
            self.literal = literal;
            sentence.something();
            return Ok(());
        }
        if self.peek() == Some(Symbol::Byte(b'(')) {
            return Err("has ((, which shells read in two ways: write ( ( for commands, $((..)) to compute");
        }
        sentence.end_word()?;
        if sentence.begins_pattern() {
            return Ok(());
        }
        sentence.separator()?;
        self.deeper(|reader| reader.commands(End::Bracket, Sentence::new()))?;
        sentence.closed();
        Ok(())
    }

    /// Behind `<` or `>`.
    fn redirection(&mut self, first: u8) -> Result<(), Refusal> {
        match (first, self.peek()) {
            (b'<', Some(Symbol::Byte(b'<'))) => {
                self.at += 1;
                if self.takes(b'<') {
                    return Ok(());
                }
                let here = self.here_word()?;
                self.pending.push(here);
            }
            (_, Some(Symbol::Byte(b'>' | b'&' | b'|'))) => self.at += 1,
            _ => {}
        }
        Ok(())
    }

    /// Whether what comes next belongs to no word.
    fn ends_word(&mut self) -> bool {
        match self.peek() {
            None => true,
            Some(Symbol::Byte(byte)) => b" \t\n;&|)".contains(&byte),
            Some(Symbol::Place(_)) => false,
        }
    }

    /// A comment goes on to the end of the line, which is left.
    fn comment(&mut self) {
        while let Some(symbol) = self.symbols.get(self.at).filter(|symbol| **symbol != Symbol::Byte(b'\n')) {
            if let Symbol::Place(nth) = symbol {
                self.stands[*nth] = Some(Stand { way: Way::Comment, literal: true });
            }
            self.at += 1;
        }
    }

    /// Behind a backslash.
    fn escaped(&mut self) -> Result<(), Refusal> {
        match self.raw() {
            Some(Symbol::Place(_)) => Err(AFTER_BACKSLASH),
            _ => Ok(()),
        }
    }

    /// Behind a single quote, up to the next.
    fn single(&mut self) -> Result<(), Refusal> {
        loop {
            match self.raw().ok_or(UNENDED)? {
                Symbol::Byte(b'\'') => return Ok(()),
                Symbol::Byte(_) => {}
                Symbol::Place(nth) => self.stand(nth, Way::Single)?,
            }
        }
    }

    /// Behind a double quote, up to the next that is its own.
    fn double(&mut self) -> Result<(), Refusal> {
        loop {
            match self.next().ok_or(UNENDED)? {
                Symbol::Byte(b'"') => return Ok(()),
                symbol => self.quoted(symbol, Around::Quotes, Way::Double)?,
            }
        }
    }

    /// A symbol where quotes are nothing special, but backslashes and substitutions are.
    fn quoted(&mut self, symbol: Symbol, around: Around, way: Way) -> Result<(), Refusal> {
        match symbol {
            Symbol::Byte(b'\\') => self.escaped(),
            Symbol::Byte(b'`') => self.backquotes(around),
            Symbol::Byte(b'$') => self.dollar(around),
            Symbol::Byte(_) => Ok(()),
            Symbol::Place(nth) => self.stand(nth, way),
        }
    }

    fn stand(&mut self, nth: usize, way: Way) -> Result<(), Refusal> {
        if let Some(refusal) = self.barred {
            return Err(refusal);
        }
        let goes_on_with_it = matches!(way, Way::Double | Way::Number)
            // The place itself is taken already.
            && self.name_ended.is_some_and(|end| end + 1 == self.at);
        self.stands[nth] = Some(Stand { way, literal: self.literal && !goes_on_with_it });
        Ok(())
    }

    /// Reads something that has others like itself in it.
    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Refusal>) -> Result<(), Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("is nested too deeply");
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Reads other symbols than these, which stand in the same surroundings.
    fn apart(
        &mut self,
        symbols: &[Symbol],
        read: impl FnOnce(&mut Reader<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (depth, barred) = (self.depth, self.barred);
        let mut reader = Reader { depth, barred, literal: false, ..Reader::new(symbols, self.stands) };
        reader.deeper(|reader| read(reader))
    }

    /// The next symbol. A line end behind a backslash is nothing, so neither is given.
    fn next(&mut self) -> Option<Symbol> {
        self.peek()?;
        self.raw()
    }

    fn peek(&mut self) -> Option<Symbol> {
        while self.symbols[self.at..].starts_with(&[Symbol::Byte(b'\\'), Symbol::Byte(b'\n')]) {
            self.at += 2;
        }
        self.symbols.get(self.at).copied()
    }

    /// Takes this byte if it is the next.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(Symbol::Byte(byte));
        self.at += usize::from(is_next);
        is_next
    }

    /// The next symbol as it stands there.
    fn raw(&mut self) -> Option<Symbol> {
        let symbol = self.symbols.get(self.at).copied()?;
        self.at += 1;
        Some(symbol)
    }
}
