//! Where this program's code lies: addresses as offsets from where the executable was loaded.
//!
//! Two processes of one executable load it at different places (address randomisation), so a function travels as its
//! distance from the load address. An offset is accepted only if it lies in a segment of the main program that is mapped
//! executable.
#![expect(unsafe_code, reason = "the loader's own list of segments is read through a C callback")]

use std::ops::Range;
use std::sync::OnceLock;

#[derive(Debug, Default)]
struct Text {
    base: usize,
    /// Executable segments, as addresses.
    segments: Vec<Range<usize>>,
}

fn text() -> &'static Text {
    static TEXT: OnceLock<Text> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = Text::default();
        // SAFETY: the callback has the type that dl_iterate_phdr asks for, and `text` outlives the call, which is the
        // only user of the pointer.
        unsafe { libc::dl_iterate_phdr(Some(first_object), (&raw mut text).cast()) };
        text
    })
}

/// The first object that the loader reports is the main program; stopping there.
unsafe extern "C" fn first_object(info: *mut libc::dl_phdr_info, _size: usize, out: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the loader passes a valid description for the time of the call, and `out` is the pointer given above.
    let (info, text) = unsafe { (&*info, &mut *out.cast::<Text>()) };
    text.base = info.dlpi_addr as usize;
    // SAFETY: the loader says that so many headers lie there.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0) {
        let start = text.base + header.p_vaddr as usize;
        text.segments.push(start..start + header.p_memsz as usize);
    }
    1
}

/// Where the main program was loaded.
pub(crate) fn loaded_at() -> usize {
    text().base
}

/// The offset of a code address, if it lies in the main program's text.
pub(crate) fn offset_of(address: usize) -> Option<u64> {
    let text = text();
    text.segments.iter().any(|segment| segment.contains(&address)).then(|| (address - text.base) as u64)
}

/// The code address at an offset, if that lies in the main program's text.
pub(crate) fn address_at(offset: u64) -> Option<usize> {
    let text = text();
    let address = text.base.checked_add(usize::try_from(offset).ok()?)?;
    text.segments.iter().any(|segment| segment.contains(&address)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somewhere() {}

    #[test]
    fn a_function_of_this_program_goes_to_an_offset_and_back() {
        let address = somewhere as fn() as usize;
        let offset = offset_of(address).unwrap();
        assert_eq!(address_at(offset), Some(address));
    }

    #[test]
    fn data_and_absurd_offsets_are_no_code() {
        let data = Box::new(1u8);
        assert_eq!(offset_of(&raw const *data as usize), None);
        assert_eq!(address_at(u64::MAX), None);
        assert_eq!(address_at(0), None);
    }
}
