//! Here-documents: the word behind `<<`, and the lines that it ends.

use super::{Around, Reader, Refusal, Symbol, UNENDED, Way};

/// A here-document that is to come.
pub(super) struct Here {
    /// The line that ends it.
    word: Vec<u8>,
    /// Nothing is put in by the shell.
    quoted: bool,
    /// Tabs at the beginning of lines do not count: `<<-`.
    without_tabs: bool,
}

impl Reader<'_> {
    /// Behind `<<`.
    pub(super) fn here_word(&mut self) -> Result<Here, Refusal> {
        let mut here = Here { word: Vec::new(), quoted: false, without_tabs: self.takes(b'-') };
        while self.takes(b' ') || self.takes(b'\t') {}
        while let Some(symbol) = self.peek() {
            let Symbol::Byte(byte) = symbol else { return Err("has a place for the word that ends a here-document") };
            if b" \t\n;&|<>()".contains(&byte) {
                break;
            }
            self.at += 1;
            match byte {
                b'\\' | b'\'' | b'"' => here.quoted = true,
                b'$' | b'`' => return Err("has a here-document that ends with a $ or a backquote"),
                _ => {}
            }
            match byte {
                b'\\' => here.word.push(self.of_word()?),
                b'\'' | b'"' => loop {
                    match self.of_word()? {
                        end if end == byte => break,
                        b'\\' if byte == b'"' => return Err("has a here-document that ends with a backslash"),
                        other => here.word.push(other),
                    }
                },
                _ => here.word.push(byte),
            }
        }
        if here.word.is_empty() && !here.quoted { Err(UNENDED) } else { Ok(here) }
    }

    fn of_word(&mut self) -> Result<u8, Refusal> {
        match self.raw() {
            Some(Symbol::Byte(byte)) => Ok(byte),
            Some(Symbol::Place(_)) => Err("has a place in the word that ends a here-document"),
            None => Err(UNENDED),
        }
    }

    /// Behind the end of a line: the here-documents that it has named, one after the other.
    pub(super) fn here_documents(&mut self) -> Result<(), Refusal> {
        std::mem::take(&mut self.pending).iter().try_for_each(|here| self.here_document(here))
    }

    fn here_document(&mut self, here: &Here) -> Result<(), Refusal> {
        let symbols = self.symbols;
        let begin = self.at;
        let mut continued = false;
        let end = loop {
            let rest = &symbols[self.at..];
            if rest.is_empty() {
                break self.at;
            }
            let length = rest.iter().position(|symbol| *symbol == Symbol::Byte(b'\n')).unwrap_or(rest.len());
            let (line, end) = (&rest[..length], self.at);
            self.at += (length + 1).min(rest.len());
            if !continued && here.ends_with(line) {
                break end;
            }
            let backslashes = line.iter().rev().take_while(|symbol| **symbol == Symbol::Byte(b'\\')).count();
            continued = !here.quoted && backslashes % 2 == 1;
        };
        let text = &symbols[begin..end];
        if !here.quoted {
            return self.apart(text, |reader| reader.here_text());
        }
        match text.iter().any(|symbol| matches!(symbol, Symbol::Place(_))) {
            true => Err("has a place in a here-document in which a shell puts in nothing, as its end is quoted"),
            false => Ok(()),
        }
    }

    fn here_text(&mut self) -> Result<(), Refusal> {
        while let Some(symbol) = self.next() {
            self.quoted(symbol, Around::HereDocument, Way::Double)?;
        }
        Ok(())
    }
}

impl Here {
    fn ends_with(&self, line: &[Symbol]) -> bool {
        let tabs = line.iter().take_while(|symbol| **symbol == Symbol::Byte(b'\t')).count();
        let line = if self.without_tabs { &line[tabs..] } else { line };
        line.len() == self.word.len()
            && line.iter().zip(&self.word).all(|(symbol, byte)| *symbol == Symbol::Byte(*byte))
    }
}
