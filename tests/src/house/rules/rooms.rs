//! Which room of `mpexec-core` may import which. Files at the top are doors, folders are rooms.
//!
//! Doors know the user's types; rooms know bytes and an index. As long as no room looks back at a door, and the
//! coordinator's room and the worker's never meet, each can be understood alone.

use std::collections::BTreeSet;

use crate::house::modules::{Edge, Modules};
use crate::house::tree::Crate;
use crate::house::{Tree, Violation};

use super::Rule;

/// Inside `mpexec-core`, imports go from the doors down to the operating system.
pub const ROOMS: Rule = Rule {
    why: "Inside mpexec-core imports go down only: doors -> engine, worker -> link -> os, and all may stand on the ground \
          floor (config, error, recording). Engine and worker run in different processes and share only what is below both. \
          Move the shared piece down, or pass it in as an argument.",
    find: violations,
};

/// No `use` brings in everything of another module.
pub const GLOBS: Rule = Rule {
    why: "`use room::*` hides where a name comes from, from the reader and from the tests of direction. Name what is used.",
    find: globs,
};

const CORE: &str = "mpexec-core";

/// What everybody may stand on; it stands on nothing else.
const GROUND: &[&str] = &["config", "error", "recording"];

/// The rooms, and what each may import beside the ground floor.
const ROOM_IMPORTS: &[(&str, &[&str])] = &[
    ("engine", &["link", "carry", "os"]),
    ("worker", &["link", "carry", "os"]),
    ("link", &["carry", "os"]),
    ("carry", &["os"]),
    ("os", &[]),
];

/// The rooms that a door may enter; below them it has no business.
const OPEN_TO_DOORS: &[&str] = &["engine", "worker", "carry"];

fn is_room(module: &str) -> bool {
    ROOM_IMPORTS.iter().any(|(room, _)| *room == module)
}

fn may_import(from: &str, to: &str) -> bool {
    let to_ground = GROUND.contains(&to);
    if GROUND.contains(&from) {
        return to_ground;
    }
    match ROOM_IMPORTS.iter().find(|(room, _)| *room == from) {
        Some((_, below)) => to_ground || below.contains(&to),
        None => to_ground || !is_room(to) || OPEN_TO_DOORS.contains(&to),
    }
}

fn violations(tree: &Tree) -> Vec<Violation> {
    let Some(core) = tree.crates.iter().find(|c| c.name == CORE) else {
        // A rule that finds nothing to check would hold for ever.
        return vec![Violation::new("Cargo.toml", 1, format!("there is no crate `{CORE}` to check"))];
    };
    let graphs = Modules::of_crate(core, tree);
    let crossed = graphs.iter().flat_map(|graph| &graph.edges).filter_map(crossing);
    crossed.chain(unknown_rooms(core, tree)).collect()
}

/// The root counts as a door: it is the first page that a user reads.
fn crossing(edge: &Edge) -> Option<Violation> {
    let from = edge.from.first().map_or("lib", String::as_str);
    let to = edge.to.first()?;
    (from != to && !may_import(from, to)).then(|| {
        let what = format!("`{from}` imports `{}`", edge.to.join("::"));
        Violation::new(&edge.path, edge.line, what)
    })
}

/// A folder is a room of the table, or holds the parts of a door that stands beside it.
fn unknown_rooms(core: &Crate, tree: &Tree) -> Vec<Violation> {
    let sources = || core.files(tree).filter_map(|(inner, file)| Some((inner.strip_prefix("src/")?, file)));
    let doors: BTreeSet<&str> = sources().filter_map(|(inner, _)| inner.strip_suffix(".rs")).collect();
    let mut seen = BTreeSet::new();
    sources()
        .filter(|(_, file)| file.is_rust())
        .filter_map(|(inner, file)| Some((inner.split_once('/')?.0, file)))
        .filter(|(folder, _)| !is_room(folder) && !doors.contains(folder) && seen.insert(*folder))
        .map(|(folder, file)| {
            Violation::new(&file.path, 1, format!("the folder `{folder}` is neither a room nor the parts of a door"))
        })
        .collect()
}

fn globs(tree: &Tree) -> Vec<Violation> {
    let shipped = tree.crates.iter().filter(|c| c.folder.starts_with("crates/"));
    let graphs = shipped.flat_map(|krate| Modules::of_crate(krate, tree));
    graphs
        .flat_map(|graph| graph.globs)
        .map(|glob| Violation::new(glob.path, glob.line, format!("`use {}::*`", glob.to.join("::"))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    const MANIFEST: (&str, &str) = ("crates/mpexec-core/Cargo.toml", "[package]\nname = \"mpexec-core\"");
    const ROOT: (&str, &str) = (
        "crates/mpexec-core/src/lib.rs",
        "mod config; mod engine; mod error; mod link; mod os; mod pool; mod worker; pub use pool::Pool; pub use worker::init;",
    );

    /// The violations when these files stand in the core.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let placed: Vec<_> =
            files.iter().map(|(path, text)| (format!("crates/mpexec-core/src/{path}"), *text)).collect();
        let mut all = vec![MANIFEST, ROOT];
        all.extend(placed.iter().map(|(path, text)| (path.as_str(), *text)));
        let places = broken(ROOMS, &all);
        places.iter().map(|place| place.replace("crates/mpexec-core/src/", "")).collect()
    }

    const LOWER: [(&str, &str); 4] = [("engine/mod.rs", ""), ("link/mod.rs", ""), ("os/mod.rs", ""), ("error.rs", "")];

    fn found_with_lower(file: (&str, &str)) -> Vec<String> {
        let mut files = vec![file];
        files.extend(LOWER.iter().filter(|(path, _)| *path != file.0));
        found(&files)
    }

    #[test]
    fn a_project_without_the_core_does_not_pass() {
        assert_eq!(broken(ROOMS, &[ROOT]), ["Cargo.toml:1"]);
    }

    #[test]
    fn imports_downwards_are_free() {
        let pool = ("pool.rs", "use crate::{engine::Engine, error::Error, worker};");
        let engine = ("engine/mod.rs", "use crate::link::Link; use crate::os; use super::config::C;");
        let link = ("link/mod.rs", "fn f() { crate::os::g(); crate::error::h() }");
        assert_eq!(
            found(&[pool, engine, link, ("worker.rs", ""), ("os/mod.rs", ""), ("error.rs", ""), ("config.rs", "")]),
            [""; 0]
        );
    }

    #[test]
    fn a_door_may_not_reach_below_the_rooms_it_opens() {
        assert_eq!(found_with_lower(("pool.rs", "//! x\nuse crate::link::Link;")), ["pool.rs:2"]);
        assert_eq!(found_with_lower(("process.rs", "fn f() { super::os::kill() }")), ["process.rs:1"]);
    }

    #[test]
    fn engine_and_worker_may_not_meet() {
        assert_eq!(found_with_lower(("worker/mod.rs", "use super::engine::Engine;")), ["worker/mod.rs:1"]);
        let meeting =
            [("engine/mod.rs", ""), ("engine/crank.rs", "use super::super::worker::serve;"), ("worker/mod.rs", "")];
        assert_eq!(found(&meeting), ["engine/crank.rs:1"]);
    }

    #[test]
    fn a_room_may_not_look_back_at_a_door_not_even_through_the_root() {
        let door = ("pool.rs", "pub struct Pool;");
        assert_eq!(found(&[door, ("engine/mod.rs", "use crate::pool::Pool;")]), ["engine/mod.rs:1"]);
        assert_eq!(found(&[door, ("engine/mod.rs", "use crate::Pool;")]), ["engine/mod.rs:1"]);
        assert_eq!(found(&[door, ("os/mod.rs", "fn f(p: &crate::Pool) {}")]), ["os/mod.rs:1"]);
    }

    #[test]
    fn the_ground_floor_stands_on_nothing_else() {
        assert_eq!(found_with_lower(("config.rs", "use crate::error::E; use crate::engine::X;")), ["config.rs:1"]);
        assert_eq!(found_with_lower(("error.rs", "use crate::os::X;")), ["error.rs:1"]);
        assert_eq!(found_with_lower(("os/mod.rs", "use crate::link::X;")), ["os/mod.rs:1"]);
    }

    #[test]
    fn a_folder_needs_a_place_in_the_table_or_a_door_beside_it() {
        assert_eq!(found(&[("cellar/mod.rs", ""), ("cellar/wine.rs", "")]), ["cellar/mod.rs:1"]);
        assert_eq!(found(&[("task.rs", ""), ("task/entry.rs", "")]), [""; 0]);
    }

    #[test]
    fn a_glob_of_another_module_is_found_and_that_of_an_enum_is_not() {
        let source =
            "mod a { pub enum E { X } }\npub use a::*;\nuse a::E::*;\n#[cfg(test)] mod tests { use super::*; }";
        let files = [MANIFEST, ("crates/mpexec-core/src/lib.rs", source)];
        assert_eq!(broken(GLOBS, &files), ["crates/mpexec-core/src/lib.rs:2"]);
    }
}
