//! Structures of types of every kind, as serde shows them.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::structure_of;

#[derive(Deserialize)]
struct Point {
    #[serde(rename = "east")]
    _x: f64,
    _y: f64,
}

#[derive(Deserialize)]
struct Pair<T>(T, T);

#[derive(Deserialize)]
struct Metres(#[expect(dead_code)] f64);

#[derive(Deserialize)]
struct Nothing;

#[derive(Deserialize)]
#[expect(dead_code)]
enum Shape {
    Dot,
    Circle(Point, f64),
    Group(Vec<Shape>),
    Inner { colour: Option<Colour>, next: Option<Box<Shape>> },
}

#[derive(Deserialize)]
#[expect(dead_code)]
enum Colour {
    Red,
    Rgb(u8, u8, u8),
    Mixed(Box<Colour>, Box<Colour>),
}

#[derive(Deserialize)]
struct Node {
    _value: i64,
    _left: Option<Box<Node>>,
    _right: Option<Box<Node>>,
    _others: Vec<Node>,
}

#[test]
fn plain_values_are_called_by_their_types() {
    assert_eq!(structure_of::<(bool, i8, u64, f32, char, String)>(), "(bool, i8, u64, f32, char, str)");
    assert_eq!(structure_of::<(i128, u128, ())>(), "(i128, u128, ())");
    assert_eq!(structure_of::<usize>(), "u64", "so does it travel");
}

#[test]
fn collections_show_what_they_hold() {
    assert_eq!(structure_of::<Vec<Option<i64>>>(), "seq<option<i64>>");
    assert_eq!(structure_of::<BTreeMap<String, HashSet<u8>>>(), "map<str, seq<u8>>");
    assert_eq!(structure_of::<[f64; 3]>(), "[f64; 3]");
    assert_eq!(structure_of::<(f64, u8)>(), "(f64, u8)");
}

#[test]
fn structs_show_their_fields_once_and_go_by_their_names_then() {
    assert_eq!(structure_of::<Point>(), "struct Point{east: f64, _y: f64}");
    assert_eq!(structure_of::<Vec<Metres>>(), "seq<struct Metres(f64)>");
    assert_eq!(structure_of::<Nothing>(), "struct Nothing");
    assert_eq!(structure_of::<(Point, u8, Point)>(), "(struct Point{east: f64, _y: f64}, u8, Point)");
}

#[test]
fn types_of_one_name_and_different_parameters_are_kept_apart() {
    let two = structure_of::<(Pair<u8>, Pair<u16>, Pair<u8>, Pair<u16>)>();
    assert_eq!(two, "(struct Pair(u8, u8), struct Pair#2(u16, u16), Pair, Pair#2)");
}

#[test]
fn enums_show_all_their_variants_also_those_inside_of_others() {
    assert_eq!(
        structure_of::<Vec<Shape>>(),
        "seq<enum Shape{Dot, Circle(struct Point{east: f64, _y: f64}, f64), Group(seq<Shape>), \
         Inner{colour: option<enum Colour{Red, Rgb(u8, u8, u8), Mixed(Colour, Colour)}>, next: option<Shape>}}>"
    );
    assert_eq!(structure_of::<Result<u8, String>>(), "enum Result{Ok(u8), Err(str)}");
}

#[test]
fn recursive_types_have_an_end() {
    let node = "struct Node{_value: i64, _left: option<Node>, _right: option<Node>, _others: seq<Node>}";
    assert_eq!(structure_of::<Node>(), node);
    assert_eq!(structure_of::<Colour>(), "enum Colour{Red, Rgb(u8, u8, u8), Mixed(Colour, Colour)}");
}

#[test]
fn an_enum_without_an_end_is_seen_as_far_as_can_be() {
    #[derive(Deserialize)]
    #[expect(dead_code)]
    enum Endless {
        One(Box<Endless>),
        Two(Box<Endless>, u8),
    }
    let seen = structure_of::<Endless>();
    assert!(seen.starts_with("enum Endless{One("), "{seen}");
}

#[test]
fn types_that_refuse_values_are_offered_others() {
    assert_eq!(structure_of::<(NonZeroU32, u8)>(), "(u32, u8)");
    assert_eq!(structure_of::<(Duration, u8)>(), "(struct Duration{secs: u64, nanos: u32}, u8)");
    assert!(structure_of::<IpAddr>().starts_with("enum IpAddr{V4("), "{}", structure_of::<IpAddr>());

    /// Refuses everything but a date.
    struct Date;
    impl<'de> Deserialize<'de> for Date {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
            let text = String::deserialize(deserializer)?;
            if text == "1970-01-01" { Ok(Date) } else { Err(serde::de::Error::custom("no date")) }
        }
    }
    assert_eq!(structure_of::<Date>(), "str");
}

#[test]
fn what_panics_or_cannot_travel_is_unknown_and_harms_nobody() {
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Panics, D::Error> {
            panic!("not today")
        }
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code)]
    enum Untagged {
        Number(u8),
        Text(String),
    }
    assert_eq!(structure_of::<(u8, Panics)>(), "(u8, ?)");
    assert_eq!(structure_of::<Untagged>(), "?");
}

#[test]
fn a_structure_is_the_same_each_time() {
    assert_eq!(structure_of::<Shape>(), structure_of::<Shape>());
}
