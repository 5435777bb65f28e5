//! The name that somebody may have meant who typed another one.

/// A name is meant if no more than a third of it is typed wrong.
const TYPOS: usize = 3;

/// The most similar of these names, if one is similar enough.
pub(crate) fn to<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.map(|name| (distance(typed, name), name));
    let (best, name) = scored.min_by_key(|(distance, _)| *distance)?;
    (best * TYPOS <= name.chars().count().max(TYPOS)).then_some(name)
}

/// How many letters are wrong, missing or too many; two that have changed places are one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = rows[i][j] + usize::from(x != y);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_few_wrong_letters_is_meant_and_a_stranger_is_not() {
        let names = ["howmany_within_range", "mean", "distance"];
        for (typed, meant) in [
            ("howmany_in_range", Some("howmany_within_range")),
            ("maen", Some("mean")),
            ("distanec", Some("distance")),
            ("sum", None),
            ("", None),
        ] {
            assert_eq!(to(typed, names.into_iter()), meant, "{typed}");
        }
        assert_eq!(to("x", [].into_iter()), None);
    }
}
