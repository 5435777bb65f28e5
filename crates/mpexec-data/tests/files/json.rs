//! JSON lines: any table in any form and order of names gives the counts of the plain loop, and a broken line is told.

use mpexec_data::{CellBounds, JsonCounter, JsonTable, OnBadRow, PartCounts};
use proptest::prelude::*;

fn counter(text: &str, columns: Option<Vec<usize>>) -> JsonCounter {
    let table = JsonTable::guess(text.as_bytes(), true).unwrap();
    let columns = columns.unwrap_or_else(|| (0..table.fields).collect());
    JsonCounter::new(table, columns, CellBounds::parse("4", "8").unwrap())
}

fn count(text: &str, on_bad_row: OnBadRow) -> Result<PartCounts, String> {
    counter(text, None).count(text.as_bytes(), on_bad_row, true).map_err(|bad| bad.to_string())
}

proptest! {
    #[test]
    fn any_table_in_any_form_gives_the_counts_of_the_plain_loop(
        table in proptest::collection::vec((-3i64..12, any::<f64>(), proptest::option::of(0u64..12), any::<bool>()), 1..40),
        arrays in any::<bool>(),
    ) {
        let mut text = String::new();
        for (row, &(a, b, c, turned)) in table.iter().enumerate() {
            let b = serde_json::to_string(&b).unwrap();
            let c = c.map_or("null".to_owned(), |c| c.to_string());
            text += &match (arrays, row > 0 && turned) {
                (true, _) => format!("[{a}, {b},{c}]\n"),
                (false, false) => format!("{{\"a\":{a},\"b\":{b},\"c\":{c}}}\r\n"),
                (false, true) => format!("{{\"c\":{c}, \"b\":{b}, \"a\":{a} }}\n\n"),
            };
        }
        let plain = table.iter().map(|&(a, b, c, _)| {
            u8::from((4..=8).contains(&a)) + u8::from((4.0..=8.0).contains(&b)) + u8::from(c.is_some_and(|c| (4..=8).contains(&c)))
        });
        prop_assert_eq!(count(&text, OnBadRow::Fail).unwrap().counts, plain.collect::<Vec<_>>());
    }
}

#[test]
fn chosen_columns_alone_are_looked_at() {
    let text = "{\"a\":\"x\",\"b\":5,\"c\":{\"d\":[1]}}\n{\"b\":9,\"e\":1}\n";
    let part = counter(text, Some(vec![1])).count(text.as_bytes(), OnBadRow::Fail, true).unwrap();
    assert_eq!(part.counts, [1, 0]);
}

#[test]
fn single_numbers_are_rows_of_one_column() {
    assert_eq!(count("4\n5.5\nnull\ntrue\n9\n", OnBadRow::Fail).unwrap().counts, [1, 1, 0, 0, 0]);
}

#[test]
fn whole_numbers_are_exact() {
    let text = "[9007199254740993,18446744073709551615]\n[9007199254740992,18446744073709551614]\n";
    let table = JsonTable::guess(text.as_bytes(), true).unwrap();
    let bounds = CellBounds::parse("9007199254740993", "18446744073709551614").unwrap();
    let part = JsonCounter::new(table, vec![0, 1], bounds).count(text.as_bytes(), OnBadRow::Fail, true).unwrap();
    assert_eq!(part.counts, [1, 1]);
}

#[test]
fn a_row_that_cannot_be_counted_is_told_with_its_line_and_column() {
    let told = |text: &str| count(text, OnBadRow::Fail).unwrap_err();
    assert_eq!(
        told("{\"a\":1,\"b\":2}\n\n{\"a\":1,\"b\":\"x\"}\n"),
        "line 3, column 2: found \"x\", which is no number"
    );
    assert_eq!(told("[1,2]\n[1]\n"), "line 2, column 2: the row has 1 field where the table has 2");
    assert_eq!(told("[1,2]\n[1,2,3]\n"), "line 2, column 3: the row has 3 fields where the table has 2");
    assert_eq!(told("{\"a\":1}\n{\"a\":1,\"b\":2}\n"), "line 2, column 2: the key \"b\" is not in the first row");
    assert_eq!(told("{\"a\":1}\n{\"a\":\n"), "line 2, column 5: no row of JSON: EOF while parsing a value");
    assert_eq!(told("{\"a\":1}\n{\"a\":1} 2\n"), "line 2, column 9: no row of JSON: trailing characters");
    assert!(
        told("{\"a\":1}\n[1]\n")
            .contains(": no row of JSON: invalid type: sequence, expected an object as in the first row")
    );
    assert!(told("[1]\n{\"a\":1}\n").contains("invalid type: map"));
    for (text, column) in [("{\"a\":NaN}\n", 6), ("[1,-Infinity]\n", 5), ("{\"a\":1}\n{\"a\": NaN}\n", 7)] {
        let line = text.lines().count();
        let what = "no row of JSON, which has neither NaN nor infinities; what is missing is null";
        assert_eq!(told(text), format!("line {line}, column {column}: {what}"));
    }
    assert_eq!(told("{\"a\":[1]}\n"), "line 1, column 1: found \"[…]\", which is no number");
}

#[test]
fn bad_rows_are_left_out_or_taken_for_missing() {
    let text = "{\"a\":5,\"b\":6}\n{\"a\":5,\"b\":\"x\"}\nnonsense\n{\"a\":4}\n";
    let skipped = count(text, OnBadRow::Skip).unwrap();
    assert_eq!((skipped.counts, skipped.bad), (vec![2, 1], 2));
    let nulled = count(text, OnBadRow::Null).unwrap();
    assert_eq!((nulled.counts, nulled.bad, nulled.first_bad.unwrap().line), (vec![2, 1, 0, 1], 2, 2));
}
