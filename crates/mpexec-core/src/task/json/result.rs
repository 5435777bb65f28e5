//! A result as a JSON text.
//!
//! Whoever calls with JSON has no type that could tell `Ok` from `Err`, so a `Result` does not arrive as serde would write it,
//! `{"Ok": ..}`: its value stands alone, and its error makes the task fail. Which of the two it is shows in what its `Serialize`
//! asks for first; everything else goes straight on to serde_json.

use serde::{Serialize, Serializer};
use serde_json::Error;

use crate::error::ReturnedError;

type Json<'w> = serde_json::Serializer<&'w mut Vec<u8>>;

/// Writes a result to `out`; for an `Err` that is a value, what it is: its text if it is a text, else its JSON.
pub(crate) fn write<R: Serialize>(result: &R, out: &mut Vec<u8>) -> Result<Result<(), ReturnedError>, Error> {
    let mut is_err = false;
    result.serialize(Top { json: &mut Json::new(out), is_err: &mut is_err })?;
    if !is_err {
        return Ok(Ok(()));
    }
    let text = serde_json::from_slice::<String>(out);
    Ok(Err(ReturnedError::of(vec![text.unwrap_or_else(|_| String::from_utf8_lossy(out).into_owned())])))
}

/// Sees the outermost value.
struct Top<'s, 'w> {
    json: &'s mut Json<'w>,
    is_err: &'s mut bool,
}

/// Goes on to serde_json, whatever it is.
macro_rules! go_on {
    ($($method:ident($($name:ident: $type:ty),*) -> $answer:ident;)*) => {
        $(fn $method(self, $($name: $type),*) -> Result<Self::$answer, Error> {
            self.json.$method($($name),*)
        })*
    };
}

impl<'s, 'w> Serializer for Top<'s, 'w> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = <&'s mut Json<'w> as Serializer>::SerializeSeq;
    type SerializeTuple = <&'s mut Json<'w> as Serializer>::SerializeTuple;
    type SerializeTupleStruct = <&'s mut Json<'w> as Serializer>::SerializeTupleStruct;
    type SerializeTupleVariant = <&'s mut Json<'w> as Serializer>::SerializeTupleVariant;
    type SerializeMap = <&'s mut Json<'w> as Serializer>::SerializeMap;
    type SerializeStruct = <&'s mut Json<'w> as Serializer>::SerializeStruct;
    type SerializeStructVariant = <&'s mut Json<'w> as Serializer>::SerializeStructVariant;

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        number: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        match (name, variant) {
            ("Result", "Ok") => value.serialize(self.json),
            ("Result", "Err") => {
                *self.is_err = true;
                value.serialize(self.json)
            }
            _ => self.json.serialize_newtype_variant(name, number, variant, value),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.json.serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        self.json.serialize_newtype_struct(name, value)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.json.collect_str(value)
    }

    go_on! {
        serialize_bool(value: bool) -> Ok;
        serialize_i8(value: i8) -> Ok;
        serialize_i16(value: i16) -> Ok;
        serialize_i32(value: i32) -> Ok;
        serialize_i64(value: i64) -> Ok;
        serialize_i128(value: i128) -> Ok;
        serialize_u8(value: u8) -> Ok;
        serialize_u16(value: u16) -> Ok;
        serialize_u32(value: u32) -> Ok;
        serialize_u64(value: u64) -> Ok;
        serialize_u128(value: u128) -> Ok;
        serialize_f32(value: f32) -> Ok;
        serialize_f64(value: f64) -> Ok;
        serialize_char(value: char) -> Ok;
        serialize_str(value: &str) -> Ok;
        serialize_bytes(value: &[u8]) -> Ok;
        serialize_none() -> Ok;
        serialize_unit() -> Ok;
        serialize_unit_struct(name: &'static str) -> Ok;
        serialize_unit_variant(name: &'static str, number: u32, variant: &'static str) -> Ok;
        serialize_seq(length: Option<usize>) -> SerializeSeq;
        serialize_tuple(length: usize) -> SerializeTuple;
        serialize_tuple_struct(name: &'static str, length: usize) -> SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, number: u32, variant: &'static str, length: usize) -> SerializeTupleVariant;
        serialize_map(length: Option<usize>) -> SerializeMap;
        serialize_struct(name: &'static str, length: usize) -> SerializeStruct;
        serialize_struct_variant(name: &'static str, number: u32, variant: &'static str, length: usize) -> SerializeStructVariant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[track_caller]
    fn json<R: Serialize>(result: &R) -> String {
        let mut out = Vec::new();
        write(result, &mut out).unwrap().unwrap();
        String::from_utf8(out).unwrap()
    }

    fn error<R: Serialize>(result: &R) -> String {
        write(result, &mut Vec::new()).unwrap().unwrap_err().to_string()
    }

    #[derive(Serialize)]
    enum Shape {
        Dot,
        Circle(f64),
        Line(i8, i8),
        Box { width: u8 },
    }

    #[test]
    fn every_shape_of_value_is_written_as_serde_json_writes_it() {
        #[track_caller]
        fn same<R: Serialize>(value: R) {
            assert_eq!(json(&value), serde_json::to_string(&value).unwrap());
        }
        same(true);
        same((-1_i8, -2_i16, -3_i32, -4_i64, i128::MIN));
        same(-1_i8);
        same(-2_i16);
        same(-3_i32);
        same(i64::MIN);
        same(i128::MIN);
        same(1_u8);
        same(2_u16);
        same(3_u32);
        same(u64::MAX);
        same(u128::MAX);
        same(0.1_f32);
        same(0.1_f64);
        same('ß');
        same("a\n\"b");
        same(());
        same(None::<u8>);
        same(Some(1));
        same(vec![1, 2]);
        same([1, 2]);
        same(BTreeMap::from([(1, "one")]));
        same(Shape::Dot);
        same(Shape::Circle(1.0));
        same(Shape::Line(1, 2));
        same(Shape::Box { width: 3 });
        same(format_args!("{}", 5));
    }

    #[test]
    fn an_ok_stands_alone_and_an_err_is_an_error() {
        assert_eq!(json(&Ok::<_, ()>(vec![1, 2])), "[1,2]");
        assert_eq!(json(&Some(Ok::<_, ()>(1))), "{\"Ok\":1}", "only the outermost");
        assert_eq!(error(&Err::<(), _>("as \"said\"")), "as \"said\"");
        assert_eq!(error(&Err::<(), _>(Shape::Box { width: 3 })), "{\"Box\":{\"width\":3}}");
    }

    #[test]
    fn keys_that_json_does_not_have_are_refused() {
        let refused = write(&BTreeMap::from([((1, 2), 3)]), &mut Vec::new()).unwrap_err();
        assert!(refused.to_string().contains("key must be a string"), "{refused}");
    }
}
