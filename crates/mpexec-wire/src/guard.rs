//! A deserialiser around any deserialiser that bounds what hostile bytes can cost.
//!
//! A binary format without self-description believes three things that a stranger may write: a length, a depth, and a
//! number of elements. The codec's own limit knows none but the first, and that only as a constant. This wrapper needs no
//! constant, because it never lets the inner deserialiser act on a claim before the bytes behind it were seen:
//!
//! - an *owned* text or byte string is asked for as a *borrowed* one, which must lie within the message, and copied then;
//! - the size hint of a sequence or map, from which collections reserve, never exceeds the message's length in bytes;
//! - every step that data alone can repeat (option, enum, sequence, map) counts as one level of depth. Structs, tuples and
//!   newtypes do not: their nesting is fixed by the type;
//! - an element of a sequence or map that consumed no byte is charged to a budget, by its size in memory but at least 1:
//!   `Vec<()>` of 2^60 elements ends quickly, an honest one of a million passes.
//!
//! It knows nothing of the codec inside; a successor is wrapped the same way.

use std::{fmt, marker::PhantomData};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use crate::{owning::Owning, watch::Watch};

/// A seed for the whole value.
pub(crate) struct Guarded<'w, T> {
    watch: &'w Watch,
    value: PhantomData<T>,
}

impl<'w, T> Guarded<'w, T> {
    #[inline]
    pub(crate) fn new(watch: &'w Watch) -> Self {
        Self { watch, value: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Guarded<'_, T> {
    type Value = T;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<T, D::Error> {
        T::deserialize(Guard { inner, watch: self.watch })
    }
}

/// The deserialiser around a deserialiser.
struct Guard<'w, D> {
    inner: D,
    watch: &'w Watch,
}

/// Values that always consume bytes and hold no others.
macro_rules! leaves {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.watch.moved();
            self.inner.$method(visitor)
        }
    )*};
}

/// Values that hold others.
macro_rules! around {
    ($method:ident($($arg:ident: $type:ty),*)) => {
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($arg,)* Plain::new(visitor, self.watch))
        }
    };
}

/// Values that hold others as the data says: each is a level of depth.
macro_rules! deeper {
    ($method:ident($($arg:ident: $type:ty),*), $how:ident) => {
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let Self { inner, watch } = self;
            watch.deeper(|| inner.$method($($arg,)* $how::new(visitor, watch)))
        }
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guard<'_, D> {
    type Error = D::Error;

    leaves! {
        deserialize_bool deserialize_char
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_str deserialize_bytes
        deserialize_any deserialize_identifier deserialize_ignored_any
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.watch.moved();
        self.inner.deserialize_str(Owning(visitor))
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.watch.moved();
        self.inner.deserialize_bytes(Owning(visitor))
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    // Their nesting is fixed by the type, so they are no level of depth.
    around! { deserialize_newtype_struct(name: &'static str) }
    around! { deserialize_tuple(len: usize) }
    around! { deserialize_tuple_struct(name: &'static str, len: usize) }
    around! { deserialize_struct(name: &'static str, fields: &'static [&'static str]) }

    deeper! { deserialize_option(), Plain }
    deeper! { deserialize_enum(name: &'static str, variants: &'static [&'static str]), Plain }
    deeper! { deserialize_seq(), Counted }
    deeper! { deserialize_map(), Counted }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// A visitor, seed or access of the inner deserialiser's, under the same watch.
///
/// `COUNTED` is true where the number of parts comes from the message and false where it comes from the type: only the
/// former can claim a number out of all proportion.
struct Watched<'w, X, const COUNTED: bool> {
    inner: X,
    watch: &'w Watch,
}

impl<'w, X, const COUNTED: bool> Watched<'w, X, COUNTED> {
    #[inline]
    fn new(inner: X, watch: &'w Watch) -> Self {
        Self { inner, watch }
    }
}

type Plain<'w, X> = Watched<'w, X, false>;
type Counted<'w, X> = Watched<'w, X, true>;

/// Hands the parts of a compound value on to the visitor it was made for, each under guard.
impl<'de, V: Visitor<'de>, const COUNTED: bool> Visitor<'de> for Watched<'_, V, COUNTED> {
    type Value = V::Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(out)
    }

    #[inline]
    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let watch = self.watch;
        self.inner.visit_some(Guard { inner, watch })
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let watch = self.watch;
        self.inner.visit_newtype_struct(Guard { inner, watch })
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Watched::<A, COUNTED>::new(inner, self.watch))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Watched::<A, COUNTED>::new(inner, self.watch))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Plain::new(inner, self.watch))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Plain<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        let watch = self.watch;
        self.inner.deserialize(Guard { inner, watch })
    }
}

impl<'de, A: SeqAccess<'de>, const COUNTED: bool> SeqAccess<'de> for Watched<'_, A, COUNTED> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        if !COUNTED {
            return self.inner.next_element_seed(Plain::new(seed, self.watch));
        }
        self.watch.begin();
        let element = self.inner.next_element_seed(Plain::new(seed, self.watch))?;
        if element.is_some() {
            self.watch.end(size_of::<S::Value>())?;
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.watch.bounded(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>, const COUNTED: bool> MapAccess<'de> for Watched<'_, A, COUNTED> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.watch.begin();
        self.inner.next_key_seed(Plain::new(seed, self.watch))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(Plain::new(seed, self.watch))?;
        self.watch.end(size_of::<S::Value>())?;
        Ok(value)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.watch.bounded(self.inner.size_hint())
    }
}

impl<'w, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Plain<'w, A> {
    type Error = A::Error;
    type Variant = Plain<'w, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(seed)?;
        Ok((value, Plain::new(variant, self.watch)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Plain<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Plain::new(seed, self.watch))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Plain::new(visitor, self.watch))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Plain::new(visitor, self.watch))
    }
}
