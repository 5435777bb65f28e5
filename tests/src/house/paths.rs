//! Finds the paths that a Rust file names: those of its `use` lines, and those written out such as `crate::os::kill`.
//!
//! It keeps account of the module in which each path stands (inline modules count) and of `#[cfg(test)]`, since what
//! only tests see is no part of how the program hangs together.

use super::lexer::{Kind, Token};

/// A path somewhere in a file, as written. One of a single name is noted only if a `use` brings it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// The names, such as `super`, `link`, `Link`. A leading `::` is dropped.
    pub names: Vec<String>,
    /// The inline modules it stands in, outermost first.
    pub within: Vec<String>,
    /// If it comes from a `use`: the name it gets there, or `*`.
    pub bound: Option<String>,
    /// The line on which it begins.
    pub line: usize,
}

/// What a file names and declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The paths outside of `#[cfg(test)]`.
    pub paths: Vec<NamedPath>,
    /// The paths inside of `#[cfg(test)]`.
    pub test_paths: Vec<NamedPath>,
    /// The modules written out in the file, each with those around it.
    pub inline_modules: Vec<Vec<String>>,
    /// The modules in files of their own that are declared under `#[cfg(test)]`.
    pub test_modules: Vec<Vec<String>>,
}

/// Finds what the file of these `tokens` names.
///
/// ```
/// use mpexec_tests::house::{lexer::tokens, paths::named};
///
/// let found = named(&tokens("use crate::{link::Link, os::*}; fn f() { super::g() }"));
/// let names: Vec<String> = found.paths.iter().map(|p| p.names.join("::")).collect();
/// assert_eq!(names, ["crate::link::Link", "crate::os", "super::g"]);
/// ```
pub fn named(tokens: &[Token]) -> Named {
    let code: Vec<&Token> = tokens.iter().filter(|t| t.kind != Kind::Comment).collect();
    let mut walk =
        Walk { code: &code, at: 0, scopes: Vec::new(), nesting: 0, pending_test: None, found: Named::default() };
    while walk.at < code.len() {
        walk.step();
    }
    walk.found
}

/// What a `{` opened.
struct Scope {
    module: Option<String>,
    test: bool,
}

struct Walk<'t> {
    code: &'t [&'t Token],
    at: usize,
    scopes: Vec<Scope>,
    /// How many parentheses and brackets are open.
    nesting: usize,
    /// Set after `#[cfg(test)]` until its item ends: the nesting at which it stands.
    pending_test: Option<usize>,
    found: Named,
}

impl<'t> Walk<'t> {
    fn is(&self, ahead: usize, text: &str) -> bool {
        self.code.get(self.at + ahead).is_some_and(|t| t.is(text))
    }

    fn ident(&self, ahead: usize) -> Option<&'t Token> {
        self.code.get(self.at + ahead).copied().filter(|t| t.kind == Kind::Ident)
    }

    fn step(&mut self) {
        let token = self.code[self.at];
        match token.text.as_str() {
            "#" if token.kind == Kind::Punct => self.attribute(),
            "mod" if token.kind == Kind::Ident && self.ident(1).is_some() => self.module(),
            "use" if token.kind == Kind::Ident && !self.is(1, "<") => self.use_item(),
            _ if token.kind == Kind::Ident => self.written_out(),
            _ => {
                self.punctuation(token);
                self.at += 1;
            }
        }
    }

    fn punctuation(&mut self, token: &Token) {
        if token.kind != Kind::Punct {
            return;
        }
        match token.text.as_str() {
            "(" | "[" => self.nesting += 1,
            ")" | "]" => self.nesting = self.nesting.saturating_sub(1),
            "{" => self.open(None),
            "}" => {
                self.scopes.pop();
                self.pending_test = None;
            }
            ";" if self.pending_test == Some(self.nesting) => self.pending_test = None,
            _ => {}
        }
    }

    fn open(&mut self, module: Option<String>) {
        let test = self.pending_test.take().is_some();
        self.scopes.push(Scope { module, test });
    }

    /// Steps over an attribute. `cfg(not(test))` is not for tests; `cfg(all(test, unix))` is.
    fn attribute(&mut self) {
        self.at += 1;
        if self.is(0, "!") {
            self.at += 1;
        }
        if !self.is(0, "[") {
            return;
        }
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.code.get(self.at) {
            self.at += 1;
            if token.is("[") {
                depth += 1;
            } else if token.is("]") {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
        let inner = &self.code[start..self.at];
        let names = |word: &str| inner.iter().any(|t| t.is(word));
        if inner.get(1).is_some_and(|t| t.is("cfg")) && names("test") && !names("not") {
            self.pending_test = Some(self.nesting);
        }
    }

    fn module(&mut self) {
        let name = self.code[self.at + 1].text.clone();
        let mut path = self.within();
        path.push(name.clone());
        if self.is(2, "{") {
            self.open(Some(name));
            self.found.inline_modules.push(path);
        } else if self.pending_test.take().is_some() {
            self.found.test_modules.push(path);
        }
        self.at += 3;
    }

    fn within(&self) -> Vec<String> {
        self.scopes.iter().filter_map(|scope| scope.module.clone()).collect()
    }

    fn note(&mut self, names: Vec<String>, bound: Option<String>, line: usize) {
        let within = self.within();
        let test = self.pending_test.is_some() || self.scopes.iter().any(|scope| scope.test);
        let list = if test { &mut self.found.test_paths } else { &mut self.found.paths };
        list.push(NamedPath { names, within, bound, line });
    }

    fn use_item(&mut self) {
        self.at += 1;
        self.use_tree(&[]);
        // The `;` is left to end a pending `#[cfg(test)]`.
    }

    fn use_tree(&mut self, prefix: &[String]) {
        let mut names = prefix.to_vec();
        let line = self.code.get(self.at).map_or(0, |t| t.line);
        while let Some(token) = self.code.get(self.at) {
            if token.is("::") {
                self.at += 1;
            } else if token.is("{") {
                self.at += 1;
                while self.at < self.code.len() && !self.is(0, "}") {
                    self.use_tree(&names);
                    if self.is(0, ",") {
                        self.at += 1;
                    } else if !self.is(0, "}") {
                        return;
                    }
                }
                self.at += 1;
                return;
            } else if token.is("*") {
                self.at += 1;
                return self.note(names, Some("*".to_owned()), line);
            } else if token.is("as") {
                let bound = self.ident(1).map(|t| t.text.clone());
                self.at += 2;
                return self.note(names, bound, line);
            } else if token.kind == Kind::Ident {
                // `{self}` binds the module itself.
                if token.text != "self" || names.is_empty() {
                    names.push(token.text.clone());
                }
                self.at += 1;
            } else {
                break;
            }
        }
        if !names.is_empty() {
            let bound = names.last().cloned();
            self.note(names, bound, line);
        }
    }

    /// A path in the middle of code. After `.` stands a method, after `(in` a visibility: neither imports.
    fn written_out(&mut self) {
        let behind = |by: usize, text: &str| self.at.checked_sub(by).is_some_and(|at| self.code[at].is(text));
        let counts = !(behind(1, ".") || behind(1, "::") || behind(1, "in") && behind(2, "("));
        let line = self.code[self.at].line;
        let mut names = vec![self.code[self.at].text.clone()];
        self.at += 1;
        while self.is(0, "::") {
            let Some(token) = self.ident(1) else { break };
            names.push(token.text.clone());
            self.at += 2;
        }
        if counts && names.len() > 1 {
            self.note(names, None, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::lexer;

    fn shown(paths: &[NamedPath]) -> Vec<String> {
        let one = |p: &NamedPath| {
            let bound = p.bound.as_ref().map(|b| format!(" as {b}")).unwrap_or_default();
            let within = p.within.iter().map(|m| format!(" in {m}")).collect::<String>();
            format!("{}:{}{bound}{within}", p.line, p.names.join("::"))
        };
        paths.iter().map(one).collect()
    }

    fn found(text: &str) -> Named {
        named(&lexer::tokens(text))
    }

    #[test]
    fn every_leaf_of_a_use_tree_is_a_path_of_its_own() {
        let text = "use a::{b::{self, c as d},\n e::*, f};\nuse ::g::h;\nuse k as l;";
        let expected = ["1:a::b as b", "1:a::b::c as d", "2:a::e as *", "2:a::f as f", "3:g::h as h", "4:k as l"];
        assert_eq!(shown(&found(text).paths), expected);
    }

    #[test]
    fn paths_in_code_are_found_and_methods_and_visibilities_are_not() {
        let text =
            "pub(in crate::a) fn f(x: &crate::b::C) { for y in crate::h() { x.d::<e::F>(); super::super::g(); } }";
        assert_eq!(shown(&found(text).paths), ["1:crate::b::C", "1:crate::h", "1:e::F", "1:super::super::g"]);
    }

    #[test]
    fn a_path_knows_the_inline_module_around_it() {
        let text = "mod a { mod b { use super::x; } fn f() { crate::y(); } } use crate::z;";
        let found = found(text);
        assert_eq!(shown(&found.paths), ["1:super::x as x in a in b", "1:crate::y in a", "1:crate::z as z"]);
        assert_eq!(found.inline_modules, [vec!["a"], vec!["a", "b"]]);
    }

    #[test]
    fn what_only_tests_see_is_kept_apart() {
        let text = "#[cfg(test)] mod far;\n#[cfg(all(test, unix))] mod near { use a::b; }\n#[cfg(test)] use c::d;\n\
                    #[cfg(test)] fn f(x: [u8; 2]) { e::g() }\n#[cfg(not(test))] use h::i;\nuse k::l;";
        let found = found(text);
        assert_eq!(shown(&found.paths), ["5:h::i as i", "6:k::l as l"]);
        assert_eq!(shown(&found.test_paths), ["2:a::b as b in near", "3:c::d as d", "4:e::g"]);
        assert_eq!(found.test_modules, [["far"]]);
    }

    #[test]
    fn half_written_source_ends_without_a_panic() {
        let text = "#[cfg(test)] mod a { use b::{c, d::{e}}; fn f() { crate::g::h(); } }";
        (0..text.len()).for_each(|end| drop(found(&text[..end])));
    }
}
