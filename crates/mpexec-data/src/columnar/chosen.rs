//! Which columns of a file that lies column by column are read. Such a file of pandas has the index of its frame among them, which is
//! none of the frame's columns: pandas makes an index of it again.

use arrow_schema::Schema;
use serde::Deserialize;

use crate::{ColumnError, Columns};

/// Where pandas says what the columns were.
const PANDAS: &str = "pandas";

/// As much of that as is needed. An index that is a range has no column, and is no name here but how long it is.
#[derive(Deserialize)]
struct Pandas {
    index_columns: Vec<serde_json::Value>,
}

/// The places of the columns that are meant, of a file with these. All of them are all but those of an index of pandas.
///
/// ```
/// use arrow_schema::{DataType, Field, Schema};
/// use mpexec_data::{Columns, columns_of};
/// let fields = ["day", "price"].map(|name| Field::new(name, DataType::Int64, true));
/// let told = [("pandas".to_owned(), r#"{"index_columns":["day"]}"#.to_owned())];
/// let schema = Schema::new_with_metadata(fields.to_vec(), std::collections::HashMap::from(told));
/// assert_eq!(columns_of(&schema, &Columns::all())?, [1]);
/// assert_eq!(columns_of(&schema, &Columns::named(["price", "day"]))?, [1, 0]);
/// # Ok::<(), mpexec_data::ColumnError>(())
/// ```
///
/// # Errors
/// A [`ColumnError`] that says what there is.
pub fn columns_of(schema: &Schema, columns: &Columns) -> Result<Vec<usize>, ColumnError> {
    let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let mut places = columns.places(&names, names.len())?;
    if columns.is_all() {
        let told = schema.metadata().get(PANDAS).and_then(|told| serde_json::from_str::<Pandas>(told).ok());
        let index = told.map(|told| told.index_columns).unwrap_or_default();
        let of_index = |place: usize| index.iter().any(|name| name.as_str() == Some(&names[place]));
        // One of an index alone has nothing else.
        if !places.iter().all(|&place| of_index(place)) {
            places.retain(|&place| !of_index(place));
        }
    }
    Ok(places)
}
