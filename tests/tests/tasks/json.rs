//! JSON: functions of which the caller knows no more than the name, in this program and in another.

use mpexec_core::{Pool, TaskError, Workers};
use mpexec_tests::tasks::parse;

use crate::{LINKS, WORKER, own, with};

/// The same functions in another program and in this one, over each link.
fn everywhere(test: impl Fn(&Pool)) {
    for link in LINKS {
        test(&with(WORKER, link));
        test(&own(link));
    }
}

/// The text of what a call failed with, and that it was `kind`.
#[track_caller]
fn refused(pool: &Pool, name: &str, json: &str, kind: fn(&TaskError) -> bool) -> String {
    let error = pool.apply_json(name, json).unwrap_err();
    assert!(kind(&error), "{error:?}");
    error.to_string()
}

fn undecodable(error: &TaskError) -> bool {
    matches!(error, TaskError::ArgumentUndecodable { .. })
}

#[test]
fn arguments_come_by_place_by_name_or_alone() {
    everywhere(|pool| {
        let name = "howmany_within_range";
        assert_eq!(pool.apply_json(name, "[[8, 8, 3, 7, 7], 4, 8]").unwrap(), "4");
        let by_name = r#" {"maximum": 8, "minimum": 4, "row": [8, 8, 3, 7, 7]} "#;
        assert_eq!(pool.apply_json(name, by_name).unwrap(), "4");
        assert_eq!(pool.apply_json("parse", "\"42\"").unwrap(), "42");
        assert_eq!(pool.apply_json("process_id", "[]").unwrap(), pool.pids()[0].to_string());
        assert_eq!(pool.apply_json_async("process_id", b"{}").get().unwrap(), pool.pids()[0].to_string());
        let points = r#"{"from": {"x": 0, "y": 0}, "to": {"y": 4, "x": 3}}"#;
        assert_eq!(pool.apply_json("distance", points).unwrap(), "5.0");
    });
}

#[test]
fn a_borrowed_parameter_borrows_what_was_converted() {
    everywhere(|pool| assert_eq!(pool.apply_json("mean", r#"[[1, 2, 6], "m\u006d"]"#).unwrap(), "\"3 mm\""));
}

#[test]
fn what_is_wrong_with_a_text_is_told_by_the_parameters_name_and_the_place() {
    everywhere(|pool| {
        let wrong = refused(pool, "howmany_within_range", "[[8],\n 4.5, 8]", undecodable);
        assert!(
            wrong.contains("`minimum`: invalid type: floating point `4.5`, expected i64 at line 2 column 4"),
            "{wrong}"
        );
        let missing = refused(pool, "howmany_within_range", r#"{"row": [8], "maximum": 8}"#, undecodable);
        assert!(missing.contains("missing: `minimum`"), "{missing}");
        let unknown = refused(pool, "howmany_within_range", r#"{"min": 4}"#, undecodable);
        assert!(unknown.contains("no parameter is named `min`"), "{unknown}");
        let twice = refused(pool, "parse", r#"{"text": "1", "text": "2"}"#, undecodable);
        assert!(twice.contains("`text` is given twice"), "{twice}");
        for broken in ["", "[", "[[8], 4, 8", "nul", "\u{0}", "[[8], 4, 8] x"] {
            refused(pool, "howmany_within_range", broken, undecodable);
        }
        let not_text: &[u8] = b"\"\xff\"";
        assert!(undecodable(&pool.apply_json("parse", not_text).unwrap_err()));
        assert_eq!(pool.apply_json("add", "[1, 2]").unwrap(), "3", "the pool goes on");
    });
}

#[test]
fn numbers_arrive_exactly_both_ways() {
    let text = format!("[{},{},{},{}]", i64::MIN, u64::MAX, u128::MAX, 0.1 + 0.2);
    everywhere(|pool| assert_eq!(pool.apply_json("same", &text).unwrap(), text));
}

#[test]
fn an_ok_is_its_value_and_an_err_fails_the_task() {
    everywhere(|pool| {
        assert_eq!(pool.apply_json("checked_mean", "[[1, 2], null]").unwrap(), "1.5");
        let returned = |json: &str| match pool.apply_json("checked_mean", json).unwrap_err() {
            TaskError::Returned(error) => error.message().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(returned("[[], null]"), "Empty");
        assert_eq!(returned("[[1, 7.5], 5]"), "{\"TooHigh\":7.5}");
        assert_eq!(pool.apply_json("parse", "\"7\"").unwrap(), "7");
        let error = refused(pool, "parse", "\"x\"", |error| matches!(error, TaskError::Returned(_)));
        assert!(error.ends_with("the table is damaged: \"x\" is no number: invalid digit found in string"), "{error}");
        assert_eq!(pool.apply(parse, ("x",)).unwrap().unwrap_err().chain().count(), 3, "the typed call says the same");
    });
}

#[test]
fn what_json_cannot_hold_is_null_or_an_error() {
    everywhere(|pool| {
        let infinite = "[[1e308, 1e308], null]";
        assert_eq!(pool.apply_json("checked_mean", infinite).unwrap(), "null", "no number for infinity");
        let keys = refused(pool, "by_place", "[[[1, 2]]]", |it| matches!(it, TaskError::ResultUnencodable { .. }));
        assert!(keys.contains("BTreeMap") && keys.contains("key must be a string"), "{keys}");
    });
}

#[test]
fn who_has_a_json_door_can_be_asked() {
    everywhere(|pool| {
        let error = refused(pool, "no door", "[[1]]", |error| matches!(error, TaskError::NoJson { .. }));
        assert!(error.contains("\"no door\"") && error.contains("json = false"), "{error}");
        let error = refused(pool, "nobody", "[]", |error| matches!(error, TaskError::UnknownFunction { .. }));
        assert!(error.contains("\"nobody\""), "{error}");
        let doors: Vec<_> = pool.functions().into_iter().filter(|it| !it.json).map(|it| it.name).collect();
        assert_eq!(doors, ["no door"]);
    });
}

#[test]
fn streams_bring_one_result_for_each_text_in_order_or_with_its_index() {
    everywhere(|pool| {
        let texts = || (0..2_000).map(|n| if n == 1_000 { "[1]".to_owned() } else { format!("[{n}, {n}]") });
        let ordered: Vec<_> = pool.imap_json("add", texts()).collect();
        assert_eq!(ordered.len(), 2_000);
        for (n, result) in ordered.into_iter().enumerate() {
            match result {
                Ok(sum) => assert_eq!(sum, (2 * n).to_string()),
                Err(error) => assert!(n == 1_000 && undecodable(&error), "{n}: {error}"),
            }
        }
        let mut seen: Vec<_> = pool
            .imap_unordered_json("add", texts())
            .map(|(index, result)| {
                assert!(result.map_or(index == 1_000, |sum| sum == (2 * index).to_string()));
                index
            })
            .collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..2_000));
        let refused: Vec<_> = pool.imap_json("nobody", texts()).collect();
        assert!(matches!(refused[..], [Err(TaskError::UnknownFunction { .. })]));
    });
}

#[test]
fn texts_longer_than_a_message_travel_too() {
    everywhere(|pool| {
        let row = vec!["7"; 2 << 20].join(",");
        assert_eq!(pool.apply_json("howmany_within_range", format!("[[{row}], 7, 7]")).unwrap(), "2097152");
        let unit = "m".repeat(3 << 20);
        let result = pool.apply_json("mean", format!("[[2], \"{unit}\"]")).unwrap();
        assert!(result.len() == unit.len() + 4 && result.starts_with("\"2 m"), "{} bytes", result.len());
    });
}

#[test]
fn a_pool_without_processes_has_the_same_door() {
    let pool = Pool::builder().workers(Workers::Inline).build().unwrap();
    assert_eq!(pool.apply_json("add", r#"{"b": 2, "a": 1}"#).unwrap(), "3");
    let sums: Vec<_> = pool.imap_json("add", ["[1, 1]", "[2, 2]"]).map(Result::unwrap).collect();
    assert_eq!(sums, ["2", "4"]);
}
