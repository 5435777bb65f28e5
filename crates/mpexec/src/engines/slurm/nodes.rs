//! What `sinfo` lists of nodes.

use std::collections::HashSet;

/// What stands behind the state of a node that saves power, is started or is to be maintained: it gets jobs as any other of its state. (`*` says that it does not answer.)
const MARKS: [char; 6] = ['~', '#', '%', '$', '@', '^'];

/// Some nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes {
    pub(super) count: u64,
    /// Of the one that has the fewest; 0 if nobody knows.
    pub(super) processors: u64,
}

impl Nodes {
    /// Those in one of these states, of what `sinfo` lists: name, state and processors, once for each partition in which a node is.
    pub(super) fn of(listed: &str, states: &[&str]) -> Nodes {
        let (mut nodes, mut seen) = (Nodes::default(), HashSet::new());
        for line in listed.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(state)) = (words.next(), words.next()) else { continue };
            if !states.contains(&state.trim_end_matches(MARKS)) || !seen.insert(name) {
                continue;
            }
            nodes.count += 1;
            let processors = words.next().and_then(|word| word.parse::<u64>().ok());
            let fewest = [Some(nodes.processors).filter(|fewest| *fewest > 0), processors];
            nodes.processors = fewest.into_iter().flatten().min().unwrap_or_default();
        }
        nodes
    }
}

/// Whether a line of `sinfo` is of the partition that jobs go to of which nothing is said.
pub(super) fn is_of_default(line: &str) -> bool {
    line.trim_end().ends_with('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_nodes_are_counted_and_the_processors_of_the_smallest() {
        let listed = "a idle 16\nb idle 8\nc alloc 4\nd down 2\ne idle* 2\n";
        assert_eq!(Nodes::of(listed, &["idle"]), Nodes { count: 2, processors: 8 });
        assert_eq!(Nodes::of(listed, &["alloc", "mix"]), Nodes { count: 1, processors: 4 });
        assert_eq!(Nodes::of("a idle\n", &["idle"]), Nodes { count: 1, processors: 0 });
        assert_eq!(Nodes::of(listed, &["comp"]), Nodes::default());
    }

    #[test]
    fn nodes_that_save_power_are_idle_and_one_in_two_partitions_is_one() {
        let listed = "a idle~ 16 long\nb idle# 8 long\na idle~ 16 short\nc idle% 8 short\n";
        assert_eq!(Nodes::of(listed, &["idle"]), Nodes { count: 3, processors: 8 });
    }
}
