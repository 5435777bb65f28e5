//! No two modules import each other, not even by way of others.
//!
//! A ring of modules is one large module in many files: none of them can be read, tested or moved alone. Parent and child
//! are no ring: a folder's `mod.rs` is made of its children, and they may use what it holds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::house::modules::{Edge, Modules};
use crate::house::{Tree, Violation};

use super::Rule;

/// The modules of a crate form no ring.
pub const CYCLES: Rule = Rule {
    why: "Modules that import each other in a ring cannot be understood one by one. Move what both need into a module \
          below both, or pass it in.",
    find: violations,
};

/// Who imports whom among the children of one module, each with the first place where it happens.
type Siblings<'e> = BTreeMap<&'e str, BTreeMap<&'e str, &'e Edge>>;

fn violations(tree: &Tree) -> Vec<Violation> {
    let graphs = tree.crates.iter().flat_map(|krate| Modules::of_crate(krate, tree));
    graphs.flat_map(|graph| rings(&graph)).collect()
}

fn rings(graph: &Modules) -> Vec<Violation> {
    let mut families: BTreeMap<&[String], Siblings<'_>> = BTreeMap::new();
    for edge in &graph.edges {
        let shared = edge.from.iter().zip(&edge.to).take_while(|(a, b)| a == b).count();
        if let (Some(from), Some(to)) = (edge.from.get(shared), edge.to.get(shared)) {
            let siblings = families.entry(&edge.from[..shared]).or_default();
            siblings.entry(from).or_default().entry(to).or_insert(edge);
        }
    }
    families.values().flat_map(rings_of).collect()
}

fn rings_of(siblings: &Siblings<'_>) -> Vec<Violation> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for start in siblings.keys() {
        let Some(ring) = shortest_ring(siblings, start).filter(|_| !told.contains(start)) else {
            continue;
        };
        told.extend(ring.iter().copied());
        let edges = ring.iter().zip(ring.iter().cycle().skip(1)).map(|(from, to)| siblings[from][to]);
        let steps: Vec<String> =
            edges.zip(&ring).map(|(edge, from)| format!("{from} ({}:{})", edge.path, edge.line)).collect();
        let first = siblings[ring[0]][ring[1 % ring.len()]];
        let what = format!("a ring of modules: {} -> {start}", steps.join(" -> "));
        found.push(Violation::new(&first.path, first.line, what));
    }
    found
}

/// The shortest way from a module back to itself.
fn shortest_ring<'e>(siblings: &Siblings<'e>, start: &'e str) -> Option<Vec<&'e str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for &next in siblings.get(at).into_iter().flat_map(BTreeMap::keys) {
            if next == start {
                let mut ring = vec![at];
                while let Some(&before) = came_from.get(ring[ring.len() - 1]) {
                    ring.push(before);
                }
                ring.reverse();
                return Some(ring);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::samples::broken;
    use super::*;

    const MANIFEST: (&str, &str) = ("a/Cargo.toml", "[package]\nname = \"a\"");

    #[test]
    fn a_ring_of_three_modules_is_told_once_with_every_step() {
        let files = [
            MANIFEST,
            ("a/src/lib.rs", "mod x; mod y; mod z; pub use z::Z;"),
            ("a/src/x.rs", "use crate::y::Y;"),
            ("a/src/y/mod.rs", "mod inner;"),
            ("a/src/y/inner.rs", "//! y\nuse crate::Z;"),
            ("a/src/z.rs", "fn f() { super::x::g() }"),
        ];
        let found = violations(&Tree::of(&files));
        assert_eq!(found.len(), 1);
        let ring =
            "a/src/x.rs:1: a ring of modules: x (a/src/x.rs:1) -> y (a/src/y/inner.rs:2) -> z (a/src/z.rs:1) -> x";
        assert_eq!(found[0].to_string(), ring);
    }

    #[test]
    fn two_rings_are_told_as_two() {
        let files = [
            MANIFEST,
            ("a/src/lib.rs", "mod w; mod x; mod y; mod z;"),
            ("a/src/w.rs", "use crate::x;"),
            ("a/src/x.rs", "use crate::w;"),
            ("a/src/y.rs", "use crate::z;"),
            ("a/src/z.rs", "use crate::y;"),
        ];
        assert_eq!(broken(CYCLES, &files), ["a/src/w.rs:1", "a/src/y.rs:1"]);
    }

    #[test]
    fn a_ring_inside_a_folder_is_found_too() {
        let files = [
            MANIFEST,
            ("a/src/r/mod.rs", "mod x; mod y;"),
            ("a/src/r/x.rs", "use super::y::Y;"),
            ("a/src/r/y.rs", "use crate::r::x::X;"),
        ];
        assert_eq!(broken(CYCLES, &files), ["a/src/r/x.rs:1"]);
    }

    #[test]
    fn a_child_that_uses_its_parent_is_no_ring() {
        let files = [
            MANIFEST,
            ("a/src/lib.rs", "mod r; pub use r::R; use r::x::X;"),
            ("a/src/r/mod.rs", "mod x; use x::X; pub struct R;"),
            ("a/src/r/x.rs", "use super::R; use crate::r::R as S;"),
        ];
        assert_eq!(broken(CYCLES, &files), [""; 0]);
    }
}
