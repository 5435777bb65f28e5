//! One row of JSON, held against the bounds value by value as it is parsed. Nothing of it is kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::table::RowFault;
use crate::{CellBounds, JsonTable};

/// What one value is: in range or not, or no number.
pub(super) type Cell = Result<bool, String>;

/// What is known of the columns while a row is read.
pub(super) struct Row<'a> {
    pub(super) table: &'a JsonTable,
    /// For each column, the place among those that count.
    pub(super) places: &'a [Option<usize>],
    /// Whether all columns count, so that no other may come.
    pub(super) all: bool,
    pub(super) bounds: &'a CellBounds,
    /// The values of the columns that count; what does not come stays missing.
    pub(super) cells: &'a mut [Cell],
}

/// The first column that is not as in the table, and why.
pub(super) type Odd = Option<(usize, RowFault)>;

impl Row<'_> {
    fn column(&self, name: &str, expected: usize) -> Option<usize> {
        // Most rows have the order of the first.
        if self.table.names.get(expected).is_some_and(|known| known == name) {
            return Some(expected);
        }
        self.table.names.iter().position(|known| known == name)
    }
}

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = Odd;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Odd, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = Odd;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.table.names.is_empty(), self.table.fields) {
            (false, _) => f.write_str("an object as in the first row"),
            (true, 1) => f.write_str("a number, or an array of one"),
            (true, fields) => write!(f, "an array of {fields} values as in the first row"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Odd, A::Error> {
        if self.table.names.is_empty() {
            // If it is no JSON, that is what is wrong with it.
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        }
        let (mut odd, mut next) = (None, 0);
        while let Some(column) = map.next_key_seed(Key { row: &self, expected: next })? {
            match column.map(|column| self.places[column]) {
                Ok(Some(place)) => self.cells[place] = map.next_value_seed(Value(self.bounds))?,
                known => {
                    map.next_value::<IgnoredAny>()?;
                    if let (Err(name), true, None) = (known, self.all, &odd) {
                        odd = Some((self.table.fields, RowFault::unknown_key(&name)));
                    }
                }
            }
            next += 1;
        }
        Ok(odd)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Odd, A::Error> {
        if !self.table.names.is_empty() {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut has = 0;
        loop {
            let there = match self.places.get(has).copied().flatten() {
                Some(place) => match values.next_element_seed(Value(self.bounds))? {
                    Some(cell) => {
                        self.cells[place] = cell;
                        true
                    }
                    None => false,
                },
                None => values.next_element::<IgnoredAny>()?.is_some(),
            };
            if !there {
                break;
            }
            has += 1;
        }
        let (has, wants) = (has as u64, self.table.fields as u64);
        Ok(match has.cmp(&wants) {
            std::cmp::Ordering::Less => Some((has as usize, RowFault::TooFew { has, wants })),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some((wants as usize, RowFault::TooMany { has, wants })),
        })
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Odd, E> {
        self.alone(|value| value.visit_i64(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Odd, E> {
        self.alone(|value| value.visit_u64(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Odd, E> {
        self.alone(|value| value.visit_f64(number))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Odd, E> {
        self.alone(|value| value.visit_bool(truth))
    }

    fn visit_unit<E: Error>(self) -> Result<Odd, E> {
        self.alone(|value| value.visit_unit())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Odd, E> {
        self.alone(|value| value.visit_str(text))
    }
}

impl Row<'_> {
    /// The row is one value.
    fn alone<E: Error>(self, visit: impl FnOnce(Value<'_>) -> Result<Cell, E>) -> Result<Odd, E> {
        if self.table.fields != 1 || !self.table.names.is_empty() {
            return Err(E::invalid_type(serde::de::Unexpected::Other("one value"), &self));
        }
        if let Some(place) = self.places[0] {
            self.cells[place] = visit(Value(self.bounds))?;
        }
        Ok(None)
    }
}

/// The name of a column: its place, or the name if there is no such.
struct Key<'r, 'a> {
    row: &'r Row<'a>,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.row.column(name, self.expected).ok_or_else(|| name.to_owned()))
    }
}

/// One value.
struct Value<'a>(&'a CellBounds);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cell, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
        Ok(Ok(self.0.holds_signed(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
        Ok(Ok(self.0.holds_unsigned(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Cell, E> {
        Ok(Ok(self.0.holds_float(number)))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Cell, E> {
        Ok(Ok(self.0.holds_signed(truth.into())))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Ok(false))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Err(text.chars().take(80).collect()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Cell, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err("[…]".into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err("{…}".into()))
    }
}
