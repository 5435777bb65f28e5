//! Rows and lines as arguments, in sentences.

use super::*;

/// A task of these parameters; those named in `with` have a value already.
fn shape(task: &[(&str, &str)], with: &[&str], width: Option<usize>, titles: &[&str]) -> Result<Shape, Failure> {
    let with: Vec<_> = with.iter().map(|pair| crate::numbers::pair(pair).unwrap()).collect();
    let titles: Vec<_> = titles.iter().map(|&title| title.to_owned()).collect();
    let parameters = task.iter().map(|(name, structure)| parameter(name, structure)).collect();
    Shape::of("f", parameters, &with, width, &titles, false)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

const COUNT: &[(&str, &str)] = &[("row", "seq<i64>"), ("minimum", "i64"), ("maximum", "i64")];

#[track_caller]
fn row(shape: &Shape, cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| Cell::Text(cell.as_bytes())).collect();
    text(shape.of_row(&cells))
}

#[test]
fn a_row_is_the_one_list_that_is_left() {
    let shape = shape(COUNT, &["minimum=4", "maximum=8"], Some(3), &[]).unwrap();
    assert_eq!(row(&shape, &["8", "+3", " 007"]), "[[8,3,7],4,8]");
}

#[test]
fn values_go_by_title_if_the_titles_name_all_that_is_wanted_and_else_by_place() {
    let task = &[("item", "str"), ("number", "u32")];
    let titled = shape(task, &[], Some(3), &["number", "colour", "item"]).unwrap();
    assert_eq!(row(&titled, &["7", "red", "12"]), r#"["12",7]"#);
    let placed = shape(task, &[], Some(2), &["a", "b"]).unwrap();
    assert_eq!(row(&placed, &["a \"b\"", "7"]), r#"["a \"b\"",7]"#);
}

#[test]
fn titles_that_name_a_part_of_what_is_wanted_are_refused() {
    let task = &[("item", "str"), ("number", "u32")];
    let Err(Failure::Error { line, .. }) = shape(task, &[], Some(2), &["number", "itm"]) else {
        panic!("they are taken")
    };
    assert!(line.contains("called number, itm, which name number of f and not item"), "{line}");
    // What has a value already needs no title.
    assert!(shape(task, &["item=x"], Some(1), &["number"]).is_ok());
}

#[test]
fn a_cell_is_what_its_parameter_wants() {
    let task = &[("a", "option<f64>"), ("b", "bool"), ("c", "option<str>"), ("d", "seq<i64>"), ("e", "f64")];
    let shape = shape(task, &[], Some(5), &[]).unwrap();
    assert_eq!(row(&shape, &["NA", "true", "", "[1]", ".5"]), "[null,true,null,[1],0.5]");
    assert_eq!(row(&shape, &["1e3", "yes", "x", "2", "inf"]), r#"[1e3,"yes","x",2,"inf"]"#);
}

#[test]
fn numbers_that_json_has_not_are_null_where_null_may_stand() {
    let task = &[("a", "option<f64>"), ("b", "f64"), ("c", "option<i64>")];
    let each = shape(task, &[], Some(3), &[]).unwrap();
    assert_eq!(row(&each, &["-inf", "NaN", "inf"]), r#"[null,"NaN","inf"]"#);
    let list = shape(&[("row", "seq<option<f64>>")], &[], Some(4), &[]).unwrap();
    assert_eq!(row(&list, &["1", "NaN", "", "Infinity"]), "[[1,null,null,null]]");
    let strict = shape(&[("row", "seq<f64>")], &[], Some(2), &[]).unwrap();
    assert_eq!(row(&strict, &["1", "NaN"]), r#"[[1,"NaN"]]"#);
}

#[test]
fn rows_that_have_too_many_or_too_few_values_are_refused_before_anything_is_called() {
    for (with, width) in [(&[][..], 2), (&["row=[]"], 3), (&["number=1"], 1)] {
        assert!(shape(COUNT, with, Some(width), &[]).is_err(), "{with:?}");
    }
    assert!(shape(COUNT, &["row=1", "row=2"], None, &[]).is_err());
}

#[test]
fn a_line_without_values_of_ours_is_handed_on_as_it_is() {
    let shape = shape(COUNT, &[], None, &[]).unwrap();
    assert_eq!(text(shape.of_line(b" [[1], 2 , 3]\r\n")), "[[1], 2 , 3]");
}

#[test]
fn lines_get_the_values_that_are_the_same_in_all_calls() {
    let shape = shape(COUNT, &["minimum=4"], None, &[]).unwrap();
    for (line, call) in [
        ("[[8, 3], 9]", r#"{"minimum":4,"row":[8, 3],"maximum":9}"#),
        (r#"{"row": [8], "maximum": 9}"#, r#"{"minimum":4,"row": [8], "maximum": 9}"#),
        ("{ }", r#"{"minimum":4 }"#),
        ("7", r#"{"minimum":4,"row":7}"#),
        ("[1,2,3]", "[1,2,3,4]"),
        ("[1,", "[1,"),
    ] {
        assert_eq!(text(shape.of_line(line.as_bytes())), call, "{line}");
    }
}

#[test]
fn a_typed_value_is_json_or_else_a_text() {
    let task = &[("name", "str"), ("n", "i64"), ("maybe", "option<str>")];
    let shape = shape(task, &["name=5", "n=5", "maybe=null"], None, &[]).unwrap();
    assert_eq!(text(shape.of_row(&[])), r#"["5",5,null]"#);
    let shape = super::tests::shape(task, &["name=\"5\"", "n=five", "maybe=null "], None, &[]).unwrap();
    assert_eq!(text(shape.of_row(&[])), r#"["5","five","null "]"#);
}
