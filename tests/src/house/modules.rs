//! One crate as a graph: which module names which, seen through re-exports.
//!
//! Names are resolved as the compiler would, as far as the sources show it: `crate`, `self`, `super`, children of the
//! module, and what another module brings in by `use`. So a room cannot reach a door by way of the crate's root unseen.
//! Code under `#[cfg(test)]` is left out: it is no part of how the program hangs together.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{self, NamedPath};
use super::tree::{Crate, File, Tree};

/// The names of a module from the crate's root, which itself is the empty path.
pub type ModulePath = Vec<String>;

/// A place where one module names something of another one of the same crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The module that names.
    pub from: ModulePath,
    /// The module that is named, or whose item is.
    pub to: ModulePath,
    /// The file.
    pub path: String,
    /// The line.
    pub line: usize,
}

/// A place where a crate names another crate of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideName {
    /// The other crate as code writes it, such as `mpexec_ring`.
    pub name: String,
    /// The file.
    pub path: String,
    /// The line.
    pub line: usize,
}

/// The modules of one program or library.
#[derive(Debug, Default)]
pub struct Modules {
    /// Every module, the root (the empty path) included.
    pub modules: BTreeSet<ModulePath>,
    /// Who names whom, in the order of files and lines.
    pub edges: Vec<Edge>,
    /// Which names come from other crates of ours.
    pub outside: Vec<OutsideName>,
    /// `use` lines that bring in everything of another module of the crate: what they bring cannot be followed.
    pub globs: Vec<Edge>,
    bindings: BTreeMap<ModulePath, BTreeMap<String, ModulePath>>,
}

/// How often a name is followed from one re-export to the next; more would be a ring of them.
const MOST_REEXPORTS: usize = 8;

impl Modules {
    /// Reads the sources of a crate, one graph for each root: the library with `main.rs`, and each program in `src/bin`.
    ///
    /// ```
    /// use mpexec_tests::house::{Tree, modules::Modules};
    ///
    /// let tree = Tree::of(&[
    ///     ("a/Cargo.toml", "[package]\nname = \"a\""),
    ///     ("a/src/lib.rs", "mod door; mod room; pub use door::Door;"),
    ///     ("a/src/door.rs", "use crate::room::Machine;"),
    ///     ("a/src/room.rs", "use crate::Door;"),
    /// ]);
    /// let graph = &Modules::of_crate(&tree.crates[0], &tree)[0];
    /// assert!(graph.edges.iter().any(|e| e.from == ["room"] && e.to == ["door"]));
    /// ```
    pub fn of_crate(krate: &Crate, tree: &Tree) -> Vec<Self> {
        let mut roots: BTreeMap<&str, Vec<(ModulePath, &File)>> = BTreeMap::new();
        for (inner, file) in krate.files(tree) {
            if let Some((root, module)) = inner.strip_prefix("src/").and_then(place) {
                roots.entry(root).or_default().push((module, file));
            }
        }
        roots.values().map(|files| Self::of_files(&krate.ident(), files)).collect()
    }

    fn of_files(own_name: &str, files: &[(ModulePath, &File)]) -> Self {
        let named: Vec<_> = files.iter().map(|(module, file)| (module, file, paths::named(&file.tokens))).collect();
        let mut graph = Self::default();
        let mut test_modules = BTreeSet::new();
        for (module, _, named) in &named {
            graph.modules.insert(module.to_vec());
            graph.modules.extend(named.inline_modules.iter().map(|inner| joined(module, inner)));
            test_modules.extend(named.test_modules.iter().map(|inner| joined(module, inner)));
        }
        let is_test = |module: &ModulePath| test_modules.iter().any(|test| module.starts_with(test));
        let program: Vec<_> = named.iter().filter(|(module, ..)| !is_test(module)).collect();

        for (module, _, named) in &program {
            for path in &named.paths {
                graph.bind(&joined(module, &path.within), path);
            }
        }
        for (module, file, named) in &program {
            for path in &named.paths {
                graph.note(own_name, &joined(module, &path.within), file, path);
            }
        }
        graph
    }

    fn bind(&mut self, module: &ModulePath, path: &NamedPath) {
        let Some(name) = path.bound.as_ref().filter(|name| *name != "*") else {
            return;
        };
        if let Some(target) = self.absolute(module, &path.names) {
            self.bindings.entry(module.clone()).or_default().insert(name.clone(), target);
        }
    }

    fn note(&mut self, own_name: &str, module: &ModulePath, file: &File, path: &NamedPath) {
        let first = &path.names[0];
        let Some(target) = self.absolute(module, &path.names) else {
            if first.starts_with("mpexec_") && first != own_name {
                self.outside.push(OutsideName { name: first.clone(), path: file.path.clone(), line: path.line });
            }
            return;
        };
        let edge = |to: ModulePath| Edge { from: module.clone(), to, path: file.path.clone(), line: path.line };
        if path.bound.as_deref() == Some("*") && self.modules.contains(&target) && !module.starts_with(&target) {
            self.globs.push(edge(target.clone()));
        }
        let mut touched = Vec::new();
        self.land(&target, MOST_REEXPORTS, &mut touched);
        self.edges.extend(touched.into_iter().filter(|to| to != module).map(edge));
    }

    /// The path from the crate's root, if the path leads into the crate at all.
    fn absolute(&self, module: &ModulePath, names: &[String]) -> Option<ModulePath> {
        let mut base = module.clone();
        let mut rest = names;
        match names.first()?.as_str() {
            "crate" => {
                base.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                if !self.modules.contains(&joined(module, &[child.to_owned()])) {
                    return None;
                }
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// Follows an absolute path down to modules. A name that a module brings in by `use` is followed to where it comes
    /// from; both the module on the way and the one at the end are touched.
    fn land(&self, target: &[String], reexports: usize, touched: &mut Vec<ModulePath>) {
        let mut at = ModulePath::new();
        for (depth, name) in target.iter().enumerate() {
            at.push(name.clone());
            if self.modules.contains(&at) {
                continue;
            }
            at.pop();
            let source = self.bindings.get(&at).and_then(|bound| bound.get(name));
            if let (Some(source), true) = (source, reexports > 0) {
                let mut onward = source.clone();
                onward.extend_from_slice(&target[depth + 1..]);
                self.land(&onward, reexports - 1, touched);
            }
            break;
        }
        touched.push(at);
    }
}

fn joined(module: &[String], inner: &[String]) -> ModulePath {
    [module, inner].concat()
}

/// The root to which a file under `src` belongs, and its module there. A folder below `bin` is a program of its own.
fn place(inner: &str) -> Option<(&str, ModulePath)> {
    let (root, inner) = match inner.strip_prefix("bin/") {
        Some(program) => match program.split_once('/') {
            Some((root, inner)) => (root, inner),
            None => return Some((program, ModulePath::new())),
        },
        None => ("", inner),
    };
    let mut module: ModulePath = inner.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    let file = module.last()?.as_str();
    if file == "mod" || module.len() == 1 && ["lib", "main"].contains(&file) {
        module.pop();
    }
    Some((root, module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(files: &[(&str, &str)]) -> Modules {
        let mut all = vec![("a/Cargo.toml", "[package]\nname = \"mpexec-a\"")];
        all.extend_from_slice(files);
        let tree = Tree::of(&all);
        Modules::of_crate(&tree.crates[0], &tree).remove(0)
    }

    fn shown(edges: &[Edge]) -> Vec<String> {
        edges.iter().map(|e| format!("{} -> {}", e.from.join("::"), e.to.join("::"))).collect()
    }

    #[test]
    fn super_and_self_and_children_are_resolved() {
        let graph = graph(&[
            ("a/src/lib.rs", "mod x; mod y; use y::Y;"),
            ("a/src/x/mod.rs", "mod z; use self::z::Z; use super::y::Y;"),
            ("a/src/x/z.rs", "fn f() { super::super::y::g() } mod inner { use super::super::super::y; }"),
            ("a/src/y.rs", "use std::fmt; fn f() { z::g() }"),
        ]);
        assert_eq!(shown(&graph.edges), [" -> y", "x -> x::z", "x -> y", "x::z -> y", "x::z::inner -> y"]);
    }

    #[test]
    fn a_name_is_followed_through_every_reexport() {
        let graph = graph(&[
            ("a/src/lib.rs", "pub use crate::x::Name as Other;"),
            ("a/src/x/mod.rs", "mod deep; pub(crate) use deep::Name;"),
            ("a/src/x/deep.rs", "pub struct Name;"),
            ("a/src/y.rs", "use crate::Other;"),
        ]);
        let of_y: Vec<_> = graph.edges.iter().filter(|e| e.from == ["y"]).cloned().collect();
        assert_eq!(shown(&of_y), ["y -> x::deep", "y -> x", "y -> "]);
    }

    #[test]
    fn a_ring_of_reexports_ends() {
        let graph = graph(&[("a/src/lib.rs", "mod x; pub use x::N;"), ("a/src/x.rs", "pub use crate::N;")]);
        assert!(!graph.edges.is_empty());
    }

    #[test]
    fn modules_of_tests_are_no_part_of_the_graph() {
        let graph = graph(&[
            ("a/src/lib.rs", "mod x; mod y;"),
            ("a/src/x.rs", "#[cfg(test)] mod tests { use crate::y; } #[cfg(test)] mod more;"),
            ("a/src/x/more.rs", "use crate::y; use mpexec_b::B;"),
            ("a/src/y.rs", ""),
        ]);
        assert_eq!((shown(&graph.edges), graph.outside), (vec![], vec![]));
    }

    #[test]
    fn other_crates_of_ours_are_noted_and_the_own_name_is_not() {
        let graph = graph(&[("a/src/lib.rs", "use mpexec_b::B;\nfn f() { mpexec_c::g(); mpexec_a::h() }")]);
        let outside: Vec<_> = graph.outside.iter().map(|o| (o.name.as_str(), o.line)).collect();
        assert_eq!(outside, [("mpexec_b", 1), ("mpexec_c", 2)]);
    }

    #[test]
    fn each_program_below_bin_is_a_graph_of_its_own() {
        assert_eq!(place("bin/p.rs"), Some(("p.rs", vec![])));
        assert_eq!(place("bin/q/main.rs"), Some(("q", vec![])));
        assert_eq!(place("bin/q/x.rs"), Some(("q", vec!["x".to_owned()])));
        assert_eq!(place("main.rs"), Some(("", vec![])));
        assert_eq!(place("x/main.rs"), Some(("", vec!["x".to_owned(), "main".to_owned()])));
        assert_eq!(place("notes.md"), None);
    }
}
