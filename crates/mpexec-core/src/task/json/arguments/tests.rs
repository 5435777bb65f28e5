//! What a text may be, and what is said of one that is none.

use proptest::prelude::*;

use super::*;

const ROW: &[&str] = &["row", "minimum", "maximum"];

fn row(text: &str) -> Result<(Vec<i64>, i64, i64), String> {
    let read = || {
        let mut input = JsonInput::new(text.as_bytes(), ROW)?;
        Ok((input.next()?, input.next()?, input.next()?))
    };
    read().map_err(|BadJson(why)| why)
}

fn one<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let read = || JsonInput::new(text.as_bytes(), &["row"])?.next();
    read().map_err(|BadJson(why)| why)
}

#[test]
fn an_array_gives_all_arguments_by_their_places() {
    assert_eq!(row(" [ [8,3] ,\n4, 8 ] ").unwrap(), (vec![8, 3], 4, 8));
}

#[test]
fn an_object_gives_all_arguments_by_their_names_in_any_order() {
    assert_eq!(row(r#"{"maximum": 8, "row": [8, 3], "min\u0069mum": 4}"#).unwrap(), (vec![8, 3], 4, 8));
}

#[test]
fn an_array_or_object_is_never_the_only_argument_itself() {
    assert_eq!(one("5"), Ok(5));
    assert_eq!(one(" \"five\"\n"), Ok("five".to_owned()));
    assert_eq!(one("null"), Ok(None::<u8>));
    assert_eq!(one("[5]"), Ok(5));
    assert_eq!(one(r#"{"row": 5}"#), Ok(5));
    assert_eq!(one("[[5, 6]]"), Ok(vec![5, 6]));
    assert_eq!(one(r#"{"row": [5]}"#), Ok(vec![5]));
    let why = one::<Vec<u8>>("[5]").unwrap_err();
    assert_eq!(why, "argument `row`: invalid type: integer `5`, expected a sequence at line 1 column 2");
    let why = one::<Vec<u8>>("[5, 6]").unwrap_err();
    assert!(why.starts_with("too many arguments; expected [row], {\"row\": ..}, or the value alone"), "{why}");
}

#[test]
fn no_parameters_want_no_arguments() {
    let none = |text: &str| JsonInput::new(text.as_bytes(), &[]).map(drop).map_err(|BadJson(why)| why);
    assert_eq!((none("[]"), none("{ }")), (Ok(()), Ok(())));
    for text in ["", "null", "5", "[1]", r#"{"a": 1}"#, "[] []"] {
        assert!(none(text).is_err(), "{text:?}");
    }
}

#[track_caller]
fn refused(text: &str, why: &str) {
    assert_eq!(row(text).unwrap_err(), why, "{text:?}");
}

#[test]
fn what_is_wrong_is_told_with_the_parameter_and_where() {
    refused(r#"[[1], "x", 3]"#, "argument `minimum`: invalid type: string \"x\", expected i64 at line 1 column 9");
    refused(
        "[[1],\n 2,\n  3.5]",
        "argument `maximum`: invalid type: floating point `3.5`, expected i64 at line 3 column 5",
    );
    refused(
        "{\"minimum\": 1,\n \"row\": [1,\n  true],\n \"maximum\": 2}",
        "argument `row`: invalid type: boolean `true`, expected i64 at line 3 column 6",
    );
    refused("[[1], 2, 3", "EOF while parsing a list at line 1 column 10");
    refused("[[1], 2x, 3]", "expected `,` or `]` at line 1 column 8");
    refused("[[1], -, 3]", "argument `minimum`: invalid number at line 1 column 8");
    refused("[[1], 2, 3] 4", "trailing characters at line 1 column 13");
}

#[test]
fn missing_unknown_and_doubled_arguments_are_named() {
    let all = "expected [row, minimum, maximum] or {\"row\": .., \"minimum\": .., \"maximum\": ..}";
    refused("[[1]]", &format!("missing: `minimum`, `maximum`; {all}"));
    refused(r#"{"row": [1], "maximum": 3}"#, &format!("missing: `minimum`; {all}"));
    refused("[[1], 2, 3, 4]", &format!("too many arguments; {all} at line 1 column 14"));
    refused(r#"{"rows": [1]}"#, &format!("no parameter is named `rows`; {all} at line 1 column 7"));
    refused(r#"{"row": [1], "row": [2]}"#, "argument `row` is given twice at line 1 column 18");
    refused("5", all);
    refused("  ", &format!("no JSON; {all}"));
}

#[test]
fn numbers_are_exact() {
    assert_eq!(one(&i64::MIN.to_string()), Ok(i64::MIN));
    assert_eq!(one(&u64::MAX.to_string()), Ok(u64::MAX));
    assert_eq!(one(&u128::MAX.to_string()), Ok(u128::MAX));
    assert_eq!(one(&i128::MIN.to_string()), Ok(i128::MIN));
    assert!(one::<u64>(&(u128::from(u64::MAX) + 1).to_string()).is_err());
}

#[test]
fn nesting_without_end_is_an_error() {
    let deep = "[".repeat(1 << 20);
    assert!(row(&deep).is_err());
    let closed = format!("[{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert!(one::<serde_json::Value>(&closed).unwrap_err().contains("recursion limit exceeded"));
}

proptest! {
    #[test]
    fn any_bytes_are_arguments_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = JsonInput::new(&bytes, ROW).and_then(|mut input| input.next::<Vec<i64>>());
        let _ = JsonInput::new(&bytes, &["row"]).and_then(|mut input| input.next::<String>());
    }

    #[test]
    fn a_text_cut_or_changed_at_any_byte_is_arguments_or_an_error(cut in 0..80usize, at in 0..80usize, byte: u8) {
        let mut text = r#"{"minimum": 4, "row": [8, 8, 3, 7, 7], "maximum": 8}"#.as_bytes().to_vec();
        text.truncate(cut);
        if let Some(place) = text.get_mut(at) {
            *place = byte;
        }
        let _ = JsonInput::new(&text, ROW).and_then(|mut input| input.next::<Vec<i64>>());
    }

    #[test]
    fn every_float_is_read_as_the_one_that_was_written(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = serde_json::to_string(&value).unwrap();
        prop_assert_eq!(one::<f64>(&text).unwrap().to_bits(), bits);
    }
}
