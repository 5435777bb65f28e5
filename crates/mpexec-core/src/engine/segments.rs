//! A group of results taken apart: runs of ordinary ones, and the few that need more than being handed on.

use mpexec_wire::{ENTRY_HEADER, ParcelRef, Results, Status, pad8};

use crate::link::LinkError;

/// One part of a group of results.
#[derive(Debug)]
pub(super) enum Segment {
    Run {
        offset: u32,
        count: u32,
        from: usize,
        to: usize,
        /// Not all of them are values.
        faulty: bool,
    },
    Skipped {
        offset: u32,
    },
    Large {
        offset: u32,
        status: Status,
        parcel: ParcelRef,
    },
}

/// Splits a group into runs of ordinary results and the few special ones; returns the offset after the last.
pub(super) fn split(
    bytes: &[u8],
    from: usize,
    first: u32,
    count: u32,
    segments: &mut Vec<Segment>,
) -> Result<u32, LinkError> {
    let mut at = from;
    let mut next = first;
    for entry in Results::new(bytes.get(from..).unwrap_or_default(), first, count) {
        let entry = entry.map_err(LinkError::broken)?;
        let end = at + ENTRY_HEADER + pad8(entry.payload.len());
        next = entry.offset + 1;
        match (entry.status, entry.parcel()) {
            (Status::Skipped, _) => segments.push(Segment::Skipped { offset: entry.offset }),
            (status, Some(parcel)) => segments.push(Segment::Large { offset: entry.offset, status, parcel }),
            (_, None) => match segments.last_mut() {
                Some(Segment::Run { count, to, faulty, .. }) => {
                    *count += 1;
                    *to = end;
                    *faulty |= entry.status != Status::Ok;
                }
                _ => {
                    let faulty = entry.status != Status::Ok;
                    segments.push(Segment::Run { offset: entry.offset, count: 1, from: at, to: end, faulty });
                }
            },
        }
        at = end;
    }
    Ok(next)
}
