//! Reads what the rules need of a `Cargo.toml`: its entries, line by line, and its dependencies.
//!
//! Manifests are plain tables of short entries, so a reader of lines is enough, and every entry keeps its line for the
//! message. It is not a reader of TOML.

/// One `key = value` of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The table it stands in, such as `dev-dependencies` or `target.'cfg(unix)'.dependencies`; empty at the top.
    pub table: String,
    /// The key as written, such as `serde` or `serde.workspace`.
    pub key: String,
    /// The value as written, without its comment; of a value over several lines, all of them.
    pub value: String,
    /// The line of the key, counted from 1.
    pub line: usize,
}

/// A dependency of a crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name under which the crate uses it.
    pub name: String,
    /// Where it stands.
    pub kind: DependencyKind,
    /// Whether its version is taken from the workspace's table.
    pub from_workspace: bool,
    /// Whether it names a version itself.
    pub has_version: bool,
    /// Its line in the manifest.
    pub line: usize,
}

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependencyKind {
    /// Everybody who builds the crate builds it.
    Normal,
    /// Tests, examples and benches only.
    Dev,
    /// The build script.
    Build,
}

/// The entries of a manifest, in its order.
///
/// ```
/// use mpexec_tests::house::manifest::entries;
///
/// let found = entries("[package]\nname = \"a\" # its name\n");
/// assert_eq!((found[0].table.as_str(), found[0].value.as_str(), found[0].line), ("package", "\"a\"", 2));
/// ```
pub fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut table = String::new();
    let mut open = 0_isize;
    for (number, line) in text.lines().enumerate() {
        let line = without_comment(line).trim();
        if open > 0 {
            if let Some(last) = found.last_mut() {
                last.value.push_str(line);
            }
            open += brackets(line);
        } else if line.starts_with('[') {
            table = line.trim_matches(['[', ']']).trim().to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            open = brackets(value);
            found.push(Entry {
                table: table.clone(),
                key: key.trim().trim_matches('"').to_owned(),
                value: value.trim().to_owned(),
                line: number + 1,
            });
        }
    }
    found
}

/// The dependencies among `entries`, without the workspace's own table of versions.
///
/// ```
/// use mpexec_tests::house::manifest::{dependencies, entries};
///
/// let found = dependencies(&entries("[dependencies]\nserde.workspace = true\nlibc = \"0.2\"\n"));
/// assert!(found[0].from_workspace && !found[0].has_version);
/// assert!(!found[1].from_workspace && found[1].has_version);
/// ```
pub fn dependencies(entries: &[Entry]) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    for entry in entries.iter().filter(|e| !e.table.starts_with("workspace")) {
        let Some((kind, named_by_table)) = dependency_table(&entry.table) else {
            continue;
        };
        let (name, field) = match (named_by_table, entry.key.split_once('.')) {
            (Some(name), _) => (name, Some(entry.key.as_str())),
            (None, Some((name, field))) => (name, Some(field)),
            (None, None) => (entry.key.as_str(), None),
        };
        let from_workspace = match field {
            Some(field) => field == "workspace",
            None => names_field(&entry.value, "workspace"),
        };
        let has_version = match field {
            Some(field) => field == "version",
            None => entry.value.starts_with('"') || names_field(&entry.value, "version"),
        };
        if let Some(known) = found.iter_mut().find(|d| d.name == name && d.kind == kind) {
            known.from_workspace |= from_workspace;
            known.has_version |= has_version;
        } else {
            found.push(Dependency { name: name.to_owned(), kind, from_workspace, has_version, line: entry.line });
        }
    }
    found
}

/// What kind of dependencies a table holds, and the one it is about when it is a table such as `dependencies.serde`.
fn dependency_table(table: &str) -> Option<(DependencyKind, Option<&str>)> {
    let kinds = [
        ("dev-dependencies", DependencyKind::Dev),
        ("build-dependencies", DependencyKind::Build),
        ("dependencies", DependencyKind::Normal),
    ];
    kinds.into_iter().find_map(|(word, kind)| {
        let at = table.rfind(word)?;
        if at != 0 && !table[..at].ends_with('.') {
            return None;
        }
        match &table[at + word.len()..] {
            "" => Some((kind, None)),
            rest => Some((kind, Some(rest.strip_prefix('.')?.trim_matches('"')))),
        }
    })
}

/// Whether an inline table such as `{ workspace = true }` has the field.
fn names_field(value: &str, field: &str) -> bool {
    value.starts_with('{')
        && value.split(['{', ',']).any(|part| part.split_once('=').is_some_and(|(key, _)| key.trim() == field))
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

/// How many brackets a line opens more than it closes, those in strings apart.
fn brackets(line: &str) -> isize {
    let mut quoted = false;
    line.chars()
        .map(|c| match c {
            '"' => {
                quoted = !quoted;
                0
            }
            '[' | '{' if !quoted => 1,
            ']' | '}' if !quoted => -1,
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(text: &str) -> Vec<(String, DependencyKind, bool, bool, usize)> {
        dependencies(&entries(text))
            .into_iter()
            .map(|d| (d.name, d.kind, d.from_workspace, d.has_version, d.line))
            .collect()
    }

    #[test]
    fn every_way_to_write_a_dependency_is_understood() {
        use DependencyKind::{Build, Dev, Normal};
        let text = "\
[dependencies]
a.workspace = true
b = { workspace = true, features = [
  \"version\", # a feature, not a version
] }
c = \"1\"
[dev-dependencies]
d = { version = \"1\", path = \"x\" }
[target.'cfg(unix)'.dependencies]
e = { path = \"x\" }
[build-dependencies.f]
version = \"1\"
features = []
[workspace.dependencies]
g = \"1\"
[features]
dependencies = []
";
        let expected = [
            ("a", Normal, true, false, 2),
            ("b", Normal, true, false, 3),
            ("c", Normal, false, true, 6),
            ("d", Dev, false, true, 8),
            ("e", Normal, false, false, 10),
            ("f", Build, false, true, 12),
        ];
        assert_eq!(facts(text), expected.map(|(n, k, w, v, l)| (n.to_owned(), k, w, v, l)));
    }

    #[test]
    fn a_hash_in_a_string_begins_no_comment() {
        assert_eq!(entries("a = \"x # y\" # z")[0].value, "\"x # y\"");
    }
}
