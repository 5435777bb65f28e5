//! Which columns count: all of them, or those that somebody named.

use serde::{Deserialize, Serialize};

use crate::one_line::one_line;

/// The columns that somebody chose, by name or by number from 1 on: `2`, or `+2` where a column has that as its name.
///
/// ```
/// use mpexec_data::Columns;
/// let names = ["year", "price", "2"].map(String::from);
/// assert_eq!(Columns::named(["price", "1"]).places(&names, 3)?, [1, 0]);
/// assert_eq!(Columns::named(["2"]).places(&names, 3)?, [2]); // a name comes before a number
/// assert_eq!(Columns::all().places(&names, 3)?, [0, 1, 2]);
/// # Ok::<(), mpexec_data::ColumnError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// `None`: all of them.
    chosen: Option<Vec<String>>,
}

/// Why columns cannot be chosen so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are described, the names of their fields say the rest")]
pub enum ColumnError {
    /// There is no column of this name or number.
    #[error("has no column {name:?}; it has {has}")]
    Unknown { name: String, has: String },
    /// One column is chosen twice.
    #[error("the column {name:?} is chosen twice; name it once")]
    Twice { name: String },
    /// Two columns have the name, so it chooses none.
    #[error("has several columns named {name:?}; choose by number, +{first} or +{second}")]
    Ambiguous { name: String, first: usize, second: usize },
}

/// As many names are told as fit on a line.
const TOLD: usize = 12;

impl Columns {
    /// All columns.
    pub fn all() -> Columns {
        Columns::default()
    }

    /// These columns: a name, or a number from 1 on where no other column has it as its name.
    pub fn named<I: IntoIterator<Item = S>, S: Into<String>>(names: I) -> Columns {
        Columns { chosen: Some(names.into_iter().map(Into::into).collect()) }
    }

    /// Whether all columns are meant.
    pub fn is_all(&self) -> bool {
        self.chosen.is_none()
    }

    /// The names or numbers as they were given; `None` if all columns are meant.
    pub fn chosen(&self) -> Option<&[String]> {
        self.chosen.as_deref()
    }

    /// The places from 0 on of the chosen ones among `count` columns with these names; a table without titles has none.
    ///
    /// # Errors
    /// A [`ColumnError`] that says what there is.
    pub fn places(&self, names: &[String], count: usize) -> Result<Vec<usize>, ColumnError> {
        let Some(chosen) = &self.chosen else { return Ok((0..count).collect()) };
        let mut places = Vec::with_capacity(chosen.len());
        for name in chosen {
            let place = place(name, names, count)?;
            if places.contains(&place) {
                return Err(ColumnError::Twice { name: name.clone() });
            }
            places.push(place);
        }
        Ok(places)
    }
}

fn place(name: &str, names: &[String], count: usize) -> Result<usize, ColumnError> {
    let mut named = (0..).zip(names).filter(|(_, known)| known.as_str() == name).map(|(place, _)| place);
    let number = name.parse::<usize>().ok().filter(|number| (1..=count).contains(number));
    // Of several columns with a number as their name it is the one at this place.
    let own = number.filter(|number| names.get(number - 1).is_some_and(|known| known == name));
    match (named.next(), named.next()) {
        (Some(first), Some(second)) => match own {
            Some(number) => Ok(number - 1),
            None => Err(ColumnError::Ambiguous { name: name.into(), first: first + 1, second: second + 1 }),
        },
        (Some(place), None) => Ok(place),
        (None, _) => match number {
            Some(number) => Ok(number - 1),
            None => Err(ColumnError::Unknown { name: one_line(name), has: told(names, count) }),
        },
    }
}

fn told(names: &[String], count: usize) -> String {
    if names.is_empty() {
        return format!("{count} without names, to be chosen by numbers from 1 on");
    }
    let mut list: Vec<_> = names.iter().take(TOLD).map(|name| one_line(name)).collect();
    if names.len() > TOLD {
        list.push(format!("and {} more", names.len() - TOLD));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(chosen: &[&str], names: &[&str]) -> Result<Vec<usize>, String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        Columns::named(chosen.iter().copied()).places(&names, 3).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_found_by_name_and_by_number() {
        assert_eq!(places(&["c", "1"], &["a", "b", "c"]), Ok(vec![2, 0]));
        assert_eq!(places(&["3"], &[]), Ok(vec![2]));
        assert_eq!(places(&["3", "1"], &["1", "x", "1"]), Ok(vec![2, 0]));
        assert_eq!(places(&["1"], &["2", "1", "2"]), Ok(vec![1]));
        // With a sign it is a number whatever the names are.
        assert_eq!(places(&["+1", "1", "+3"], &["3", "1", "3"]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn what_cannot_be_chosen_is_told_with_what_there_is() {
        assert_eq!(places(&["d"], &["a", "b", "c"]).unwrap_err(), "has no column \"d\"; it has a, b, c");
        for number in ["0", "4", "-1", "a"] {
            assert!(
                places(&[number], &[])
                    .unwrap_err()
                    .ends_with("it has 3 without names, to be chosen by numbers from 1 on")
            );
        }
        assert!(places(&["a", "1"], &["a", "b", "c"]).unwrap_err().contains("chosen twice"));
        assert!(places(&["a"], &["a", "b", "a"]).unwrap_err().ends_with("choose by number, +1 or +3"));
    }
}
