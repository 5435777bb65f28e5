//! What begins with `$`, and backquotes.

use super::{Around, End, Reader, Refusal, Sentence, Symbol, UNENDED, Way};

/// What a `${..}` does with the rest of its text.
enum Rest {
    /// Takes it where there is no value.
    Value,
    /// Takes it for a pattern.
    Pattern,
    /// Something that only some shells know, or that leaves no right way.
    Other(Refusal),
}

impl Reader<'_> {
    /// Behind a `$`.
    pub(super) fn dollar(&mut self, around: Around) -> Result<(), Refusal> {
        match self.peek() {
            Some(Symbol::Place(_)) => Err("has a place behind a $"),
            Some(Symbol::Byte(b'(')) => {
                self.at += 1;
                match self.takes(b'(') {
                    true => self.deeper(Self::arithmetic),
                    false => self.deeper(Self::substitution),
                }
            }
            Some(Symbol::Byte(b'{')) => {
                self.at += 1;
                self.deeper(|reader| reader.parameter(around))
            }
            Some(Symbol::Byte(b'[')) => Err("has $[, which only some shells know: write $((..))"),
            Some(Symbol::Byte(b'\'')) if around == Around::Commands => {
                self.at += 1;
                self.escapes()
            }
            Some(Symbol::Byte(byte)) if is_of_name(byte) => {
                self.name();
                self.name_ended = Some(self.at);
                Ok(())
            }
            Some(Symbol::Byte(byte)) if is_special(byte) => {
                self.at += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Behind `$(`.
    fn substitution(&mut self) -> Result<(), Refusal> {
        // Those of the line around it begin behind its own end.
        let outer = std::mem::take(&mut self.pending);
        self.commands(End::Bracket, Sentence::new())?;
        if !std::mem::replace(&mut self.pending, outer).is_empty() {
            return Err("has a here-document that begins behind the bracket in which it is named");
        }
        Ok(())
    }

    /// Behind `$'`. Shells that do not know it read it as single quotes.
    fn escapes(&mut self) -> Result<(), Refusal> {
        loop {
            match self.raw().ok_or(UNENDED)? {
                Symbol::Byte(b'\'') => return Ok(()),
                Symbol::Byte(b'\\') if self.symbols.get(self.at) == Some(&Symbol::Byte(b'\'')) => {
                    return Err("has \\' within $'..', which only some shells know");
                }
                Symbol::Byte(_) => {}
                Symbol::Place(_) => return Err("has a place within $'..', which only some shells know"),
            }
        }
    }

    /// Behind `$((`.
    fn arithmetic(&mut self) -> Result<(), Refusal> {
        let mut open = 0_u32;
        loop {
            match self.next().ok_or(UNENDED)? {
                Symbol::Byte(b'(') => open += 1,
                Symbol::Byte(b')') if open > 0 => open -= 1,
                Symbol::Byte(b')') if self.takes(b')') => return Ok(()),
                Symbol::Byte(b')') => return Err("has $(( without )): write $( ( for commands"),
                Symbol::Byte(b'"' | b'\'' | b'\\') => return Err("has quotes within $((..))"),
                symbol => self.quoted(symbol, Around::Arithmetic, Way::Number)?,
            }
        }
    }

    /// Behind `${`.
    fn parameter(&mut self, around: Around) -> Result<(), Refusal> {
        let literal = self.literal;
        let barred = self.barred;
        self.literal &= around == Around::Commands;
        let rest = match self.takes(b'#') {
            // `${#}`, `${#name}`, and what is neither.
            true if self.peek() == Some(Symbol::Byte(b'}')) => Rest::Value,
            true => {
                self.name();
                Rest::Other("has a place within ${#..}")
            }
            false => self.operation(around)?,
        };
        let pattern = matches!(rest, Rest::Pattern);
        if let Rest::Other(refusal) = rest {
            self.barred = self.barred.or(Some(refusal));
        }
        let quotes_count = around == Around::Commands || pattern;
        loop {
            match self.next().ok_or(UNENDED)? {
                Symbol::Byte(b'}') => break,
                Symbol::Byte(b'\'') if around != Around::Commands => {
                    return Err("has a single quote within ${..} within quotes, which shells read in two ways");
                }
                Symbol::Byte(b'\'') => self.single()?,
                Symbol::Byte(b'"') if quotes_count => self.double()?,
                Symbol::Byte(b'"') => {
                    return Err("has a double quote within ${..} within quotes, which shells read in two ways");
                }
                symbol => {
                    let way = match around {
                        _ if quotes_count => Way::Plain { alone: false },
                        Around::Arithmetic => Way::Number,
                        Around::Commands | Around::Quotes | Around::HereDocument => Way::Double,
                    };
                    self.quoted(symbol, around, way)?;
                }
            }
        }
        (self.literal, self.barred) = (literal, barred);
        Ok(())
    }

    /// The name behind `${`, and what is done with it.
    fn operation(&mut self, around: Around) -> Result<Rest, Refusal> {
        match self.peek() {
            Some(Symbol::Place(_)) => return Err("has a place for a name within ${..}"),
            Some(Symbol::Byte(byte)) if is_special(byte) => self.at += 1,
            Some(Symbol::Byte(byte)) if is_of_name(byte) => self.name(),
            _ => return Err("has a ${ without a name, which only some shells know"),
        }
        let with_colon = self.takes(b':');
        Ok(match self.peek() {
            Some(Symbol::Byte(b'=')) if around == Around::Commands => {
                Rest::Other("has a place within ${..=..} outside of quotes, which is cut at blanks")
            }
            Some(Symbol::Byte(b'-' | b'=' | b'+' | b'?' | b'}')) => Rest::Value,
            Some(Symbol::Byte(b'#' | b'%')) if !with_colon => Rest::Pattern,
            _ => Rest::Other("has a place within a ${..} that only some shells know"),
        })
    }

    /// Letters and digits.
    fn name(&mut self) {
        while matches!(self.peek(), Some(Symbol::Byte(byte)) if is_of_name(byte)) {
            self.at += 1;
        }
    }

    /// Behind a backquote, up to the next. What is between is read once for backslashes, and then as commands.
    pub(super) fn backquotes(&mut self, around: Around) -> Result<(), Refusal> {
        let mut inner = Vec::new();
        loop {
            match self.raw().ok_or(UNENDED)? {
                Symbol::Byte(b'`') => break,
                Symbol::Byte(b'\\') => match self.raw().ok_or(UNENDED)? {
                    escaped @ Symbol::Byte(b'$' | b'`' | b'\\') => inner.push(escaped),
                    Symbol::Byte(b'"') if around != Around::Commands => {
                        return Err(
                            "has \\\" within backquotes within quotes, which shells read in two ways: write $(..)",
                        );
                    }
                    other => inner.extend([Symbol::Byte(b'\\'), other]),
                },
                symbol => inner.push(symbol),
            }
        }
        self.apart(&inner, |reader| reader.commands(End::Input, Sentence::new()))
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_special(byte: u8) -> bool {
    b"@*#?-$!".contains(&byte)
}
