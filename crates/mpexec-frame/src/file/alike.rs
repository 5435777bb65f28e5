//! What several files have in common: they are one table, so their columns must be the same.
//!
//! Files with types must have those of the first. A text says in its rows alone what it holds: of texts alone a column is what all of them
//! hold together, beside files with types it must hold what these do.

use std::sync::Arc;

use arrow_schema::{DataType, Schema, SchemaRef};
use mpexec_data::FileRef;

use super::cut::Cut;
use super::member::{Kind as Holds, Member};
use crate::FrameError;
use crate::chunk::Target;
use crate::kinds::{Kind, both};
use crate::text::{Columns, Layout, Text, layouts};
use crate::workplace::Workplace;

/// Looks at the columns as far as they are known before all rows were seen.
///
/// # Errors
/// A [`FrameError`] that names a file and a column that are not as in the first.
pub(crate) fn check(members: &[Member]) -> Result<(), FrameError> {
    let Some(first) = members.first() else { return Ok(()) };
    let names = first.names();
    let mut typed: Option<(&Member, SchemaRef)> = None;
    for member in members {
        let found = member.names();
        if let Some(at) = (0..found.len().min(names.len())).find(|&at| found[at] != names[at]) {
            let (found, wanted) = (&found[at], &names[at]);
            return Err(differs(member, &format!("its column {} is {found:?}, but {wanted:?}", at + 1), first));
        }
        if found.len() != names.len() {
            return Err(differs(member, &format!("has {} columns, but {}", found.len(), names.len()), first));
        }
        let Some(schema) = member.schema() else { continue };
        let Some((of, known)) = &typed else {
            typed = Some((member, schema));
            continue;
        };
        for (found, wanted) in schema.fields().iter().zip(known.fields()) {
            if found.data_type() != wanted.data_type() {
                return Err(holds(member, found.name(), found.data_type(), wanted.data_type(), of));
            }
        }
    }
    Ok(())
}

fn differs(member: &Member, how: &str, from: &Member) -> FrameError {
    let (file, from) = (member.path.display(), from.path.display());
    FrameError::Columns(format!("{file}: {how} in {from}; choose the same with --columns, or take them one by one"))
}

fn holds(member: &Member, name: &str, found: &DataType, wanted: &DataType, from: &Member) -> FrameError {
    differs(member, &format!("column {name:?} holds {found}, but {wanted}"), from)
}

/// Looks at all texts among the files, and so knows what the columns are.
pub(crate) fn cut(members: &[Member], rows: u64, place: Option<Workplace<'_>>) -> Result<Cut, FrameError> {
    let known: Vec<_> = members.iter().filter_map(text).collect();
    let mut found = layouts(&known, rows, place)?.into_iter();
    let of_one = |member: &Member| {
        let layout = text(member).and_then(|_| found.next())?;
        let columns = layout.columns.clone();
        Some((layout, columns))
    };
    let mut texts: Vec<_> = members.iter().map(of_one).collect();
    let schema = match (members, members.iter().find_map(|member| Some((member, member.schema()?)))) {
        ([one], None) => texts[0].as_ref().map(|(_, columns)| columns.schema(one.columns.as_deref())),
        (_, None) => Some(united(members, &mut texts)),
        (_, Some((typed, schema))) => {
            fitted(members, &mut texts, typed, &schema)?;
            Some(schema)
        }
    };
    let mut schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
    let mut target = None;
    if members.len() > 1 {
        // What else a file says of its columns may differ.
        let fields: Vec<_> = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        schema = Arc::new(Schema::new(fields));
        target = Some(Target::of(&schema)?);
    }
    Ok(Cut { rows, schema, target, texts })
}

/// The text that a file is, and where it lies.
fn text(member: &Member) -> Option<(&Text, &FileRef)> {
    match member {
        Member { kind: Holds::Text(text), input, .. } => Some((text, input)),
        _ => None,
    }
}

fn places(member: &Member, columns: &Columns) -> Vec<usize> {
    member.columns.clone().unwrap_or_else(|| (0..columns.kinds.len()).collect())
}

/// Texts alone: each column holds what all of them hold in it.
fn united(members: &[Member], texts: &mut [Option<(Layout, Columns)>]) -> SchemaRef {
    let mut kinds: Vec<Option<Kind>> = vec![None; members[0].names().len()];
    for gathers in [true, false] {
        for (member, text) in members.iter().zip(texts.iter_mut()) {
            let Some((_, columns)) = text else { continue };
            for (place, kind) in places(member, columns).into_iter().zip(&mut kinds) {
                if gathers {
                    *kind = both(*kind, columns.kinds[place]);
                } else {
                    columns.kinds[place] = *kind;
                }
            }
        }
    }
    let first = texts[0].as_ref().map(|(_, columns)| columns.schema(members[0].columns.as_deref()));
    first.unwrap_or_else(|| Arc::new(Schema::empty()))
}

/// Texts beside files with types: what stands in them must be of these.
fn fitted(
    members: &[Member],
    texts: &mut [Option<(Layout, Columns)>],
    typed: &Member,
    schema: &Schema,
) -> Result<(), FrameError> {
    for (member, text) in members.iter().zip(texts) {
        let Some((_, columns)) = text else { continue };
        for (place, field) in places(member, columns).into_iter().zip(schema.fields()) {
            let (kind, wanted) = (&mut columns.kinds[place], field.data_type());
            match *kind {
                Some(found) if !found.fits(wanted) => {
                    return Err(holds(member, field.name(), &Kind::of_column(*kind), wanted, typed));
                }
                Some(Kind::Whole) if wanted.is_floating() => *kind = Some(Kind::Float),
                Some(_) => {}
                None => *kind = Kind::of_type(wanted),
            }
        }
    }
    Ok(())
}
