//! One value asked for: what is asked is written down, and the smallest value that shows the most is given.

use std::any::type_name;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::enums::Choice;
use super::trace::{Body, Container, DEEPEST, Format, Group, Shape, Trace, Variant};

/// Numbers that are offered, and texts: some types take not every value.
const NUMBERS: [u8; 3] = [1, 0, 2];
const TEXTS: [&str; 9] = [
    "",
    "0",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "127.0.0.1",
    "http://localhost/",
    "/",
];

/// Nobody reads it: it only ends a round.
#[derive(Debug)]
pub(super) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the structure cannot be seen any further")
    }
}

impl std::error::Error for Stop {}

impl Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Stop {
        Stop
    }
}

/// A place in the structure.
pub(super) struct Walk<'t> {
    at: At<'t>,
    out: &'t mut Format,
}

/// Where a place lies.
#[derive(Clone, Copy)]
struct At<'t> {
    trace: &'t Trace,
    /// The smallest value is wanted: this was looked into before.
    small: bool,
    depth: usize,
}

impl<'t> Walk<'t> {
    pub(super) fn new(trace: &'t Trace, out: &'t mut Format) -> Walk<'t> {
        Walk { at: At { trace, small: false, depth: 0 }, out }
    }

    /// What stands together without a name. Formats that are known already are kept.
    fn group(self, group: Group, count: usize) -> Result<Fields<'t>, Stop> {
        if !matches!(self.out, Format::Group(known, all) if *known == group && all.len() == count) {
            *self.out = Format::Group(group, vec![Format::Unknown; count]);
        }
        let Format::Group(_, formats) = self.out else { return Err(Stop) };
        // Of what need not be there the smallest is nothing.
        let left = if self.at.small && group != Group::Tuple { 0 } else { count };
        Ok(Fields { at: self.at, formats: &mut formats[..left], next: 0 })
    }

    fn plain<V, R>(
        self,
        name: &'static str,
        offers: usize,
        visit: impl FnOnce(usize) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        *self.out = Format::Plain(name);
        let visitor = type_name::<V>();
        let given = visit(self.at.trace.offer(visitor, offers));
        if given.is_err() {
            self.at.trace.refused(visitor, offers);
        }
        given
    }

    fn structure<'de, V: Visitor<'de>>(
        self,
        name: &'static str,
        shape: Shape,
        count: usize,
        visit: impl FnOnce(Fields<'_>) -> Result<V::Value, Stop>,
    ) -> Result<V::Value, Stop> {
        let blank = || Container { name, body: Body::Struct(shape, vec![Format::Unknown; count]) };
        let trace = self.at.trace;
        let (number, new) = trace.enter(type_name::<V>(), blank);
        *self.out = Format::Container(number);
        // The formats are taken out meanwhile: inside, the same type may come again, and then is not looked into.
        let mut formats = match &mut trace.containers.borrow_mut()[number].body {
            Body::Struct(_, formats) if new => std::mem::take(formats),
            _ => Vec::new(),
        };
        formats.resize(count, Format::Unknown);
        let given = visit(Fields { at: At { small: !new, ..self.at }, formats: &mut formats, next: 0 });
        if new && let Body::Struct(_, kept) = &mut trace.containers.borrow_mut()[number].body {
            *kept = formats;
        }
        given
    }
}

/// Several values in a row: the fields of a struct, at most one element of a sequence, at most one pair of a map.
struct Fields<'t> {
    at: At<'t>,
    formats: &'t mut [Format],
    next: usize,
}

impl Fields<'_> {
    /// The next place, one deeper, if that is allowed.
    fn place(&mut self) -> Result<Option<Walk<'_>>, Stop> {
        let Some(out) = self.formats.get_mut(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        if self.at.depth >= DEEPEST || !self.at.trace.step() {
            return Err(Stop);
        }
        Ok(Some(Walk { at: At { depth: self.at.depth + 1, ..self.at }, out }))
    }
}

impl<'de> SeqAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Stop> {
        self.place()?.map(|place| seed.deserialize(place)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.formats.len() - self.next)
    }
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.place()?.ok_or(Stop)?)
    }
}

/// A variant, as its enum's visitor and then its own is shown it.
struct Shown<'t> {
    at: At<'t>,
    choice: Choice,
}

impl Shown<'_> {
    fn parts<R>(
        self,
        shape: Shape,
        count: usize,
        visit: impl FnOnce(Fields<'_>) -> Result<R, Stop>,
    ) -> Result<R, Stop> {
        let Shown { at, choice } = self;
        let mut formats = choice.take(at.trace, shape, count);
        let given = visit(Fields { at, formats: &mut formats, next: 0 });
        choice.put(at.trace, formats);
        given
    }
}

impl<'de, 't> EnumAccess<'de> for Shown<'t> {
    type Error = Stop;
    type Variant = Shown<'t>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Shown<'t>), Stop> {
        let number = u32::try_from(self.choice.variant).map_err(|_| Stop)?;
        Ok((seed.deserialize(number.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Shown<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.parts(Shape::Unit, 0, |_| Ok(()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        self.parts(Shape::Tuple, 1, |mut fields| seed.deserialize(fields.place()?.ok_or(Stop)?))
    }

    fn tuple_variant<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Stop> {
        self.parts(Shape::Tuple, count, |fields| visitor.visit_seq(fields))
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Stop> {
        self.parts(Shape::Named(names), names.len(), |fields| visitor.visit_seq(fields))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $number:ty)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            let offer = |nth: usize| visitor.$visit(<$number>::from(NUMBERS[nth]));
            self.plain::<V, _>(stringify!($number), NUMBERS.len(), offer)
        }
    )*};
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Stop;

    fn is_human_readable(&self) -> bool {
        false // The codec of the link is not.
    }

    numbers! {
        deserialize_i16 visit_i16 i16   deserialize_i32 visit_i32 i32   deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128   deserialize_u8 visit_u8 u8   deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32   deserialize_u64 visit_u64 u64   deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f32 f32   deserialize_f64 visit_f64 f64
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("i8", NUMBERS.len(), |nth| visitor.visit_i8(NUMBERS[nth].cast_signed()))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("bool", 2, |nth| visitor.visit_bool(nth == 1))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("char", 2, |nth| visitor.visit_char(['a', '0'][nth]))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("str", TEXTS.len(), |nth| visitor.visit_borrowed_str(TEXTS[nth]))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("str", TEXTS.len(), |nth| visitor.visit_string(TEXTS[nth].to_owned()))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("bytes", 1, |_| visitor.visit_borrowed_bytes(b""))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("bytes", 1, |_| visitor.visit_byte_buf(Vec::new()))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.plain::<V, _>("()", 1, |_| visitor.visit_unit())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let mut inner = self.group(Group::Option, 1)?;
        match inner.place()? {
            Some(place) => visitor.visit_some(place),
            None => visitor.visit_none(),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(self.group(Group::Seq, 1)?)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(self.group(Group::Map, 2)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, count: usize, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_seq(self.group(Group::Tuple, count)?)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.structure::<V>(name, Shape::Unit, 0, |_| visitor.visit_unit())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.structure::<V>(name, Shape::Tuple, 1, |mut fields| {
            visitor.visit_newtype_struct(fields.place()?.ok_or(Stop)?)
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        count: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure::<V>(name, Shape::Tuple, count, |fields| visitor.visit_seq(fields))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.structure::<V>(name, Shape::Named(names), names.len(), |fields| visitor.visit_seq(fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let variants = || names.iter().map(|name| Variant { name, ..Variant::default() }).collect();
        let blank = || Container { name, body: Body::Enum(variants()) };
        let trace = self.at.trace;
        let (number, new) = trace.enter(type_name::<V>(), blank);
        *self.out = Format::Container(number);
        let choice = Choice::make(trace, number, new).ok_or(Stop)?;
        let before = choice.begin(trace);
        let given = visitor.visit_enum(Shown { at: At { small: choice.small, ..self.at }, choice });
        choice.end(trace, &before, given.is_ok());
        given
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_u32(0)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop) // The bytes of the link do not say their own type.
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop)
    }
}
