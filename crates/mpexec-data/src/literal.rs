//! The few forms of Python literals that a `.npy` header is made of.
//!
//! NumPy writes a header with `repr` and reads it with `ast.literal_eval`; a general parser of Python would accept what
//! no header contains. Here: strings without escapes, whole numbers (also `3L`, as Python 2 wrote them), `True`,
//! `False`, `None`, and tuples, lists and dictionaries of these. The depth is bounded, so that hostile brackets cannot
//! exhaust the stack.

/// Structured types nest two or three levels deep; more is not a header.
const MAX_DEPTH: usize = 16;

/// One literal, borrowing its strings from the header.
#[derive(Debug, PartialEq)]
pub(crate) enum Literal<'a> {
    Text(&'a str),
    Whole(u64),
    Negative,
    Truth(bool),
    Nothing,
    Sequence(Vec<Literal<'a>>),
    /// Keys with their values, and each value's text as it stood, for error messages.
    Dictionary(Vec<(&'a str, Literal<'a>, &'a str)>),
}

/// Reads one literal that fills `text`, white space apart. The error says what is wrong and where.
pub(crate) fn parse(text: &str) -> Result<Literal<'_>, String> {
    let mut reader = Reader { text, at: 0 };
    let literal = reader.literal(0)?;
    reader.skip_white();
    if reader.at < text.len() {
        return Err(reader.fault("the end of the header"));
    }
    Ok(literal)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_white(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n', '\x0c']).len();
    }

    fn fault(&self, wanted: &str) -> String {
        match self.rest().chars().next() {
            Some(seen) => format!("expected {wanted} at byte {}, found {seen:?}", self.at),
            None => format!("expected {wanted} at byte {}, found its end", self.at),
        }
    }

    /// Steps over `token` if it comes next.
    fn take(&mut self, token: &str) -> bool {
        self.skip_white();
        let here = self.rest().starts_with(token);
        if here {
            self.at += token.len();
        }
        here
    }

    fn literal(&mut self, depth: usize) -> Result<Literal<'a>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("brackets are nested more than {MAX_DEPTH} deep"));
        }
        self.skip_white();
        match self.rest().bytes().next() {
            Some(b'{') => self.dictionary(depth),
            Some(b'(') => self.sequence("(", ")", depth),
            Some(b'[') => self.sequence("[", "]", depth),
            Some(b'\'' | b'"') => Ok(Literal::Text(self.string()?)),
            Some(b'0'..=b'9' | b'-') => self.whole(),
            Some(b'A'..=b'Z') => self.word(),
            _ => Err(self.fault("a value")),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        self.skip_white();
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.fault("a string")),
        };
        let inner = &self.rest()[1..];
        let Some(length) = inner.find(quote) else {
            return Err(format!("the string that begins at byte {} does not end", self.at));
        };
        let inner = &inner[..length];
        if inner.contains(['\\', '\n']) {
            return Err(format!("the string at byte {} contains an escape or a line break", self.at));
        }
        self.at += length + 2;
        Ok(inner)
    }

    fn whole(&mut self) -> Result<Literal<'a>, String> {
        let negative = self.take("-");
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(self.fault("a digit"));
        }
        let number = &self.rest()[..digits];
        self.at += digits;
        if self.rest().starts_with('L') {
            self.at += 1;
        }
        if negative {
            return Ok(Literal::Negative);
        }
        number.parse().map(Literal::Whole).map_err(|_| format!("the number {number:.40} is too large"))
    }

    fn word(&mut self) -> Result<Literal<'a>, String> {
        for (word, literal) in
            [("True", Literal::Truth(true)), ("False", Literal::Truth(false)), ("None", Literal::Nothing)]
        {
            if self.take(word) {
                return Ok(literal);
            }
        }
        Err(self.fault("True, False or None"))
    }

    fn sequence(&mut self, open: &str, close: &str, depth: usize) -> Result<Literal<'a>, String> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.literal(depth + 1)?);
            if !self.take(",") && !self.rest().starts_with(close) {
                return Err(self.fault(&format!("\",\" or \"{close}\"")));
            }
        }
        Ok(Literal::Sequence(items))
    }

    fn dictionary(&mut self, depth: usize) -> Result<Literal<'a>, String> {
        self.take("{");
        let mut items = Vec::new();
        while !self.take("}") {
            let key = self.string()?;
            if !self.take(":") {
                return Err(self.fault("\":\""));
            }
            self.skip_white();
            let begin = self.at;
            let value = self.literal(depth + 1)?;
            items.push((key, value, &self.text[begin..self.at]));
            if !self.take(",") && !self.rest().starts_with('}') {
                return Err(self.fault("\",\" or \"}\""));
            }
        }
        Ok(Literal::Dictionary(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_as_numpy_writes_it_is_understood() {
        let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3L, 5), }          \n";
        let Literal::Dictionary(items) = parse(header).unwrap() else { panic!("not a dictionary") };
        assert_eq!(items[0], ("descr", Literal::Text("<i8"), "'<i8'"));
        assert_eq!(items[1], ("fortran_order", Literal::Truth(false), "False"));
        assert_eq!(items[2].1, Literal::Sequence(vec![Literal::Whole(3), Literal::Whole(5)]));
    }

    #[test]
    fn one_item_needs_no_comma_and_none_needs_nothing() {
        assert_eq!(parse("(7,)").unwrap(), Literal::Sequence(vec![Literal::Whole(7)]));
        assert_eq!(parse(" ( ) ").unwrap(), Literal::Sequence(vec![]));
        assert_eq!(parse("{}").unwrap(), Literal::Dictionary(vec![]));
        assert_eq!(parse("None").unwrap(), Literal::Nothing);
        assert_eq!(parse("-1").unwrap(), Literal::Negative);
    }

    #[test]
    fn what_is_not_a_literal_says_where() {
        assert_eq!(parse("{'a' 1}").unwrap_err(), "expected \":\" at byte 5, found '1'");
        assert_eq!(parse("(1 2)").unwrap_err(), "expected \",\" or \")\" at byte 3, found '2'");
        assert_eq!(parse("(1,").unwrap_err(), "expected a value at byte 3, found its end");
        assert_eq!(parse("'abc").unwrap_err(), "the string that begins at byte 0 does not end");
        assert_eq!(parse("1 1").unwrap_err(), "expected the end of the header at byte 2, found '1'");
        for wrong in ["", "(,)", "[1", "{1: 2}", "'\\n'", "-", "Trye", "(1,,2)", "__import__", "99999999999999999999"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_do_not_exhaust_the_stack() {
        assert!(parse(&"(".repeat(100_000)).unwrap_err().contains("nested"));
    }
}
