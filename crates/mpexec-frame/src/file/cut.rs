//! How all rows of one or more files are read.

use arrow_schema::SchemaRef;

use crate::chunk::Target;
use crate::text::{Columns, Layout};

/// How all rows are read, in chunks of so many.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) rows: u64,
    /// The columns that are read.
    pub(crate) schema: SchemaRef,
    /// What every chunk is to be; `None`: it is so already.
    pub(crate) target: Option<Target>,
    /// Of each file that is a text: its layout, and what its columns are read as.
    pub(crate) texts: Vec<Option<(Layout, Columns)>>,
}
