//! Little-endian fields of fixed layouts.
//!
//! The layouts are read and written field by field, never by casting a struct: so they mean the same on every machine, and a
//! field cannot hold what its type forbids.

/// An integer with a little-endian form.
pub(crate) trait Field: Copy {
    fn put(self, bytes: &mut [u8], at: usize);
    fn get(bytes: &[u8], at: usize) -> Self;
}

macro_rules! fields {
    ($($int:ty)*) => {$(
        impl Field for $int {
            #[inline(always)]
            fn put(self, bytes: &mut [u8], at: usize) {
                bytes[at..at + size_of::<Self>()].copy_from_slice(&self.to_le_bytes());
            }

            #[inline(always)]
            fn get(bytes: &[u8], at: usize) -> Self {
                let mut raw = [0; size_of::<Self>()];
                raw.copy_from_slice(&bytes[at..at + size_of::<Self>()]);
                Self::from_le_bytes(raw)
            }
        }
    )*};
}

fields!(u16 u32 u64);

/// The field at `at`; the caller has made sure that it lies within `bytes`, which are of a constant length.
#[inline(always)]
pub(crate) fn get<T: Field>(bytes: &[u8], at: usize) -> T {
    T::get(bytes, at)
}

/// Sets the field at `at`, as [`get`].
#[inline(always)]
pub(crate) fn put<T: Field>(bytes: &mut [u8], at: usize, value: T) {
    value.put(bytes, at);
}
