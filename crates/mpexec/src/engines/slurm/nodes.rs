//! What `sinfo` lists of nodes.

/// Some nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nodes {
    pub(super) count: u64,
    /// Of the one that has the fewest; 0 if nobody knows.
    pub(super) processors: u64,
}

impl Nodes {
    /// Those in one of these states, of what `sinfo` lists: state, nodes, processors of each.
    pub(super) fn of(listed: &str, states: &[&str]) -> Nodes {
        let mut nodes = Nodes::default();
        for line in listed.lines() {
            let mut words = line.split_whitespace();
            if !words.next().is_some_and(|state| states.contains(&state)) {
                continue;
            }
            nodes.count += words.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
            // `8+` if some of them have more.
            let processors = words.next().and_then(|word| word.trim_end_matches('+').parse::<u64>().ok());
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
        let listed = "idle 3 16\nidle 2 8+\nalloc 5 4\ndown 1 2\n";
        assert_eq!(Nodes::of(listed, &["idle"]), Nodes { count: 5, processors: 8 });
        assert_eq!(Nodes::of(listed, &["alloc", "mix"]), Nodes { count: 5, processors: 4 });
        assert_eq!(Nodes::of("idle 3\n", &["idle"]), Nodes { count: 3, processors: 0 });
        assert_eq!(Nodes::of(listed, &["comp"]), Nodes::default());
    }
}
