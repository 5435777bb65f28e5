//! A command with places for arguments: how it is understood, and what it becomes for each argument.
//!
//! Without characters that a shell would understand it is a list of words, and no shell is started. Otherwise a shell runs it. The arguments
//! are never put into its text: they are the shell's own parameters (`"${1}"`), so no name of a file can be run as a command,
//! whatever is in it, and one with spaces or line ends stays one word.

use mpexec::tasks::SLOT;

/// What is put in for an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `{}`: the argument.
    Whole,
    /// `{.}`: without its ending.
    Stem,
    /// `{/}`: without its folders.
    Name,
    /// `{//}`: its folder.
    Folder,
    /// `{/.}`: without folders and ending.
    NameStem,
    /// `{#}`: the number of the command, from 1 on.
    Number,
    /// `{%}`: the number of the worker, from 1 on.
    Slot,
}

const PLACES: [(&[u8], Place); 7] = [
    (b"{}", Place::Whole),
    (b"{.}", Place::Stem),
    (b"{/}", Place::Name),
    (b"{//}", Place::Folder),
    (b"{/.}", Place::NameStem),
    (b"{#}", Place::Number),
    (b"{%}", Place::Slot),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Place(Place),
}

/// A command, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Template {
    /// Words, with places in them.
    Words(Vec<Vec<Piece>>),
    /// A text for the shell, whose parameters are these.
    Shell { script: Vec<u8>, parameters: Vec<Place>, shown: Vec<Piece> },
}

/// What only a shell understands.
const SHELL: &[u8] = b"|&;<>()$`\\\"'*?[]#~={}!\n\r";

/// What a shell does itself, or begins a sentence of it with.
const BUILTINS: &str = "! . : alias bg bind break builtin case cd command continue declare eval exec exit export fg for function getopts hash \
                        history if jobs let local popd pushd read readonly return select set shift shopt source times trap type typeset ulimit umask \
                        unalias unset until wait while";

impl Template {
    /// Of what was typed: one word is a command line, several are its words as they are. Where no place is, the argument comes last.
    pub(crate) fn of(typed: &[Vec<u8>]) -> Template {
        let mut typed: Vec<_> = typed.iter().map(|word| pieces(word)).collect();
        let has_place = typed.iter().flatten().any(|piece| matches!(piece, Piece::Place(_)));
        match &mut typed[..] {
            [line] => {
                if !has_place {
                    line.extend([Piece::Text(b" ".to_vec()), Piece::Place(Place::Whole)]);
                }
                line_of(line)
            }
            _ => {
                if !has_place {
                    typed.push(vec![Piece::Place(Place::Whole)]);
                }
                Template::Words(typed)
            }
        }
    }

    /// Of a whole command line, in which nothing is put in.
    pub(crate) fn line(line: &[u8]) -> Template {
        line_of(&[Piece::Text(line.to_vec())])
    }

    /// The program and its arguments, for this argument and this number.
    pub(crate) fn words(&self, argument: &[u8], number: u64) -> Vec<Vec<u8>> {
        match self {
            Template::Words(words) => {
                let word =
                    |pieces: &Vec<Piece>| pieces.iter().flat_map(|piece| piece.value(argument, number)).collect();
                words.iter().map(word).collect()
            }
            Template::Shell { script, parameters, .. } => {
                let start = [b"sh".to_vec(), b"-c".to_vec(), script.clone(), b"sh".to_vec()];
                let values = parameters.iter().map(|place| place.value(argument, number));
                start.into_iter().chain(values).collect()
            }
        }
    }

    /// The command as a person would type it.
    pub(crate) fn shown(&self, argument: &[u8], number: u64) -> Vec<u8> {
        match self {
            Template::Words(_) => {
                self.words(argument, number).iter().map(|word| quoted(word)).collect::<Vec<_>>().join(&b' ')
            }
            Template::Shell { shown, .. } => {
                let part = |piece: &Piece| match piece {
                    Piece::Text(text) => text.clone(),
                    Piece::Place(place) => quoted(&place.value(argument, number)),
                };
                shown.iter().flat_map(part).collect()
            }
        }
    }
}

/// Cuts a text at its places.
fn pieces(text: &[u8]) -> Vec<Piece> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some(&first) = rest.first() {
        match PLACES.iter().find(|(sign, _)| rest.starts_with(sign)) {
            Some((sign, place)) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Place(*place));
                rest = &rest[sign.len()..];
            }
            None => {
                plain.push(first);
                rest = &rest[1..];
            }
        }
    }
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

fn line_of(line: &[Piece]) -> Template {
    let texts = line.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Place(_) => None,
    });
    let needs_shell = texts.flatten().any(|byte| SHELL.contains(byte));
    let words = words_of(line);
    let first = match words.first().map(Vec::as_slice) {
        Some([Piece::Text(first)]) => String::from_utf8_lossy(first).into_owned(),
        _ => String::new(),
    };
    if needs_shell || BUILTINS.split_whitespace().any(|builtin| builtin == first) || words.is_empty() {
        return shell(line);
    }
    Template::Words(words)
}

/// Cuts a line at its blanks; an argument has none that count.
fn words_of(line: &[Piece]) -> Vec<Vec<Piece>> {
    let mut words = vec![Vec::new()];
    for piece in line {
        match piece {
            Piece::Place(place) => words.iter_mut().last().into_iter().for_each(|word| word.push(Piece::Place(*place))),
            Piece::Text(text) => {
                for (nth, part) in text.split(|byte| matches!(byte, b' ' | b'\t')).enumerate() {
                    if nth > 0 {
                        words.push(Vec::new());
                    }
                    if let (Some(word), false) = (words.last_mut(), part.is_empty()) {
                        word.push(Piece::Text(part.to_vec()));
                    }
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Where in the text of a shell a place stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

fn shell(line: &[Piece]) -> Template {
    let (mut script, mut parameters, mut quotes) = (Vec::new(), Vec::new(), Quotes::None);
    for piece in line {
        match piece {
            Piece::Text(text) => {
                let mut escaped = false;
                for &byte in text {
                    quotes = match (byte, quotes) {
                        _ if escaped => quotes,
                        (b'\'', Quotes::None) => Quotes::Single,
                        (b'\'', Quotes::Single) | (b'"', Quotes::Double) => Quotes::None,
                        (b'"', Quotes::None) => Quotes::Double,
                        _ => quotes,
                    };
                    escaped = byte == b'\\' && !escaped && quotes != Quotes::Single;
                }
                script.extend_from_slice(text);
            }
            Piece::Place(place) => {
                let known = parameters.iter().position(|known| known == place);
                let number = known.unwrap_or_else(|| {
                    parameters.push(*place);
                    parameters.len() - 1
                });
                let parameter = format!("${{{}}}", number + 1);
                script.extend_from_slice(
                    match quotes {
                        Quotes::None => format!("\"{parameter}\""),
                        Quotes::Double => parameter,
                        Quotes::Single => format!("'\"{parameter}\"'"),
                    }
                    .as_bytes(),
                );
            }
        }
    }
    Template::Shell { script, parameters, shown: line.to_vec() }
}

impl Piece {
    fn value(&self, argument: &[u8], number: u64) -> Vec<u8> {
        match self {
            Piece::Text(text) => text.clone(),
            Piece::Place(place) => place.value(argument, number),
        }
    }
}

impl Place {
    fn value(self, argument: &[u8], number: u64) -> Vec<u8> {
        let slash = argument.iter().rposition(|&byte| byte == b'/');
        let name = slash.map_or(0, |at| at + 1);
        // A dot at the beginning of a name begins no ending.
        let dot = argument[name..].iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
        let stem = dot.map_or(argument.len(), |at| name + at);
        match self {
            Place::Whole => argument.to_vec(),
            Place::Stem => argument[..stem].to_vec(),
            Place::Name => argument[name..].to_vec(),
            Place::NameStem => argument[name..stem].to_vec(),
            Place::Folder => match slash {
                None => b".".to_vec(),
                Some(0) => b"/".to_vec(),
                Some(at) => argument[..at].to_vec(),
            },
            Place::Number => number.to_string().into_bytes(),
            Place::Slot => SLOT.to_vec(),
        }
    }
}

/// A word as a shell reads it as one, for people; what the worker puts in is shown as its place.
fn quoted(word: &[u8]) -> Vec<u8> {
    if word == SLOT {
        return b"{%}".to_vec();
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./,:+@%^".contains(byte) || *byte >= 0x80;
    if !word.is_empty() && word.iter().all(plain) {
        return word.to_vec();
    }
    let inner = word.split(|&byte| byte == b'\'').collect::<Vec<_>>().join(&b"'\\''"[..]);
    [b"'", &inner[..], b"'"].concat()
}

#[cfg(test)]
mod tests;
