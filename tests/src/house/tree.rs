//! All files of the project, read once, each with the place it has in its crate.
//!
//! The rules work on a [`Tree`] and not on the disk, so that their own tests can hand them a small bad sample.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use super::lexer::{self, Token};
use super::manifest::{self, Entry};

/// The project's files, sorted by path, and its crates.
#[derive(Debug)]
pub struct Tree {
    /// Every text file.
    pub files: Vec<File>,
    /// Every crate: a folder whose `Cargo.toml` has a `[package]`.
    pub crates: Vec<Crate>,
}

/// One text file.
#[derive(Debug)]
pub struct File {
    /// Its path from the project's root, with `/` on every platform.
    pub path: String,
    /// What stands in it.
    pub text: String,
    /// Its tokens if it is Rust source, else none.
    pub tokens: Vec<Token>,
}

/// One crate of the project.
#[derive(Debug)]
pub struct Crate {
    /// Its name in `Cargo.toml`.
    pub name: String,
    /// Its folder from the project's root.
    pub folder: String,
    /// The entries of its manifest.
    pub manifest: Vec<Entry>,
}

impl File {
    /// Whether this is Rust source.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file stands in a folder of tests, or in the crate that only tests use.
    pub fn is_in_tests(&self) -> bool {
        let mut folders = self.path.split('/').rev().skip(1);
        folders.any(|folder| folder == "tests" || folder.ends_with("-testkit"))
    }
}

impl Crate {
    /// The name as paths in code write it: with `_` for `-`.
    pub fn ident(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The path of its manifest.
    pub fn manifest_path(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }

    /// The crate's files with their paths from its folder.
    pub fn files<'t>(&'t self, tree: &'t Tree) -> impl Iterator<Item = (&'t str, &'t File)> {
        tree.files.iter().filter_map(|file| {
            let inner = file.path.strip_prefix(&self.folder)?.strip_prefix('/')?;
            Some((inner, file))
        })
    }
}

impl Tree {
    /// A tree of the given `(path, text)` pairs: what the rules' own tests use.
    ///
    /// ```
    /// use mpexec_tests::house::Tree;
    ///
    /// let tree = Tree::of(&[("crates/a/Cargo.toml", "[package]\nname = \"a\""), ("crates/a/src/lib.rs", "fn f() {}")]);
    /// assert_eq!(tree.crates[0].name, "a");
    /// assert_eq!(tree.crates[0].files(&tree).count(), 2);
    /// ```
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self::from_files(files.iter().map(|&(path, text)| (path.to_owned(), text.to_owned())).collect())
    }

    /// Reads the project whose root folder is `root`: the files that Git tracks or would track, and without Git all but
    /// hidden folders and `target`. Files that are not UTF-8 text are left out.
    ///
    /// # Errors
    /// When a folder or a file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let paths = match listed_by_git(root) {
            Some(paths) => paths,
            None => walked(root)?,
        };
        let mut files = Vec::new();
        for path in paths {
            match fs::read(root.join(&path)) {
                Ok(bytes) => files.extend(String::from_utf8(bytes).ok().map(|text| (path, text))),
                // Removed but not yet committed: Git still lists it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("{path}: {error}"))),
            }
        }
        Ok(Self::from_files(files))
    }

    fn from_files(mut pairs: Vec<(String, String)>) -> Self {
        pairs.sort();
        let files: Vec<File> = pairs
            .into_iter()
            .map(|(path, text)| {
                let tokens = if path.ends_with(".rs") { lexer::tokens(&text) } else { Vec::new() };
                File { path, text, tokens }
            })
            .collect();
        let crates = files.iter().filter_map(crate_of).collect();
        Self { files, crates }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The file at `path`.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

fn crate_of(file: &File) -> Option<Crate> {
    let folder = file.path.strip_suffix("/Cargo.toml")?;
    let manifest = manifest::entries(&file.text);
    let name = manifest.iter().find(|e| e.table == "package" && e.key == "name")?;
    Some(Crate { name: name.value.trim_matches('"').to_owned(), folder: folder.to_owned(), manifest })
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

/// The hidden folders that belong to the project.
const SHOWN: &[&str] = &[".ci", ".cargo"];

fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut folders = vec![String::new()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if !entry.file_type()?.is_dir() {
                found.push(path);
            } else if SHOWN.contains(&name.as_str()) || !(name == "target" || name.starts_with('.')) {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_itself_is_read_with_and_without_git() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let this = "tests/src/house/tree.rs";
        let tree = Tree::read(&root).unwrap();
        assert!(tree.file(this).is_some_and(|file| !file.tokens.is_empty()));
        assert!(tree.crates.iter().any(|c| c.name == "mpexec-core" && c.ident() == "mpexec_core"));
        assert!(walked(&root).unwrap().iter().any(|path| path == this));
    }

    #[test]
    fn a_folder_of_tests_is_known_by_its_name() {
        let tree = Tree::of(&[("a/tests/x.rs", ""), ("crates/my-testkit/src/lib.rs", ""), ("a/src/tests.rs", "")]);
        let inside: Vec<_> = tree.files.iter().filter(|f| f.is_in_tests()).map(|f| f.path.as_str()).collect();
        assert_eq!(inside, ["a/tests/x.rs", "crates/my-testkit/src/lib.rs"]);
    }
}
