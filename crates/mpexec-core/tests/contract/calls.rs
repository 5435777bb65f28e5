//! Calls and their results are those of the plain loop, whatever the number of tasks, the form of the call, or the way
//! in which arguments are given.

use std::io::Write;

use mpexec_core::{Pool, Text, Transport, Workers, context, current_task};
use serde::{Deserialize, Serialize};

use crate::common::{Scratch, builder, pool};

crate::contract!(
    every_form_equals_the_plain_loop_for_every_number_of_items,
    ten_threads_share_one_pool,
    arguments_may_be_borrowed_owned_or_given_by_reference,
    up_to_eight_arguments_arrive_in_order,
    text_and_slices_are_borrowed_in_the_worker,
    imap_keeps_the_order_and_stays_ended,
    imap_unordered_brings_each_index_once_and_stays_ended,
    a_task_knows_its_index_attempt_and_worker,
    the_context_reaches_every_worker,
    the_context_is_decoded_once_in_each_worker_and_in_each_replacement,
    a_context_of_another_type_is_named,
    unusual_values_arrive_intact,
);

fn square(n: u64) -> u64 {
    n.wrapping_mul(n)
}

fn within(row: Vec<i64>, minimum: i64, maximum: i64) -> usize {
    row.into_iter().filter(|n| (minimum..=maximum).contains(n)).count()
}

fn every_form_equals_the_plain_loop_for_every_number_of_items(transport: Transport) {
    let pool = pool(transport, 2);
    for count in [0, 1, 10, 100, 100_000] {
        let wanted: Vec<u64> = (0..count).map(square).collect();
        assert_eq!(pool.map(square, 0..count).unwrap(), wanted);
        assert_eq!(pool.map_async(square, 0..count).get().unwrap(), wanted);
        assert_eq!(pool.imap(square, 0..count).collect::<Result<Vec<_>, _>>().unwrap(), wanted);
        // A filter hides the length of the input.
        assert_eq!(pool.map(square, (0..count).filter(|_| true)).unwrap(), wanted);
    }
    for count in [0, 1, 10, 100, 10_000] {
        let rows: Vec<Vec<i64>> = (0..count).map(|i| (0..5).map(|j| (i * 7 + j * 3) % 10).collect()).collect();
        let wanted: Vec<usize> = rows.iter().map(|row| within(row.clone(), 4, 8)).collect();
        assert_eq!(pool.starmap(within, rows.iter().map(|row| (row, 4, 8))).unwrap(), wanted);
        assert_eq!(pool.starmap_async(within, rows.iter().map(|row| (row, 4, 8))).get().unwrap(), wanted);
        let each = rows.iter().take(100).map(|row| pool.apply(within, (row, 4, 8)).unwrap());
        assert!(each.eq(wanted.iter().copied().take(100)));
        let pending: Vec<_> = rows.iter().map(|row| pool.apply_async(within, (row, 4, 8))).collect();
        assert!(pending.into_iter().map(|pending| pending.get().unwrap()).eq(wanted));
    }
}

fn ten_threads_share_one_pool(transport: Transport) {
    let pool = pool(transport, 3);
    std::thread::scope(|scope| {
        for thread in 0..10u64 {
            let pool = &pool;
            scope.spawn(move || {
                let from = thread * 1_000;
                for _ in 0..5 {
                    let wanted: Vec<u64> = (from..from + 500).map(square).collect();
                    assert_eq!(pool.map(square, from..from + 500).unwrap(), wanted);
                    assert_eq!(pool.apply(square, (from,)).unwrap(), square(from));
                    let pending: Vec<_> = (from..from + 20).map(|n| pool.apply_async(square, (n,))).collect();
                    let lazy = pool.imap(square, from..from + 50).map(Result::unwrap);
                    assert!(lazy.eq((from..from + 50).map(square)));
                    assert!(pending.into_iter().map(|pending| pending.get().unwrap()).eq(wanted.into_iter().take(20)));
                }
            });
        }
    });
}

fn arguments_may_be_borrowed_owned_or_given_by_reference(transport: Transport) {
    let pool = pool(transport, 1);
    let row = vec![8, 8, 3, 7, 7];
    assert_eq!(pool.apply(within, (&row, 4, 8)).unwrap(), 4);
    assert_eq!(pool.apply(within, (row.as_slice(), 4, 8)).unwrap(), 4);
    assert_eq!(pool.apply(within, (row.clone(), &4, &8)).unwrap(), 4);
    let names = ["a".to_owned(), String::new(), "ccc".to_owned()];
    assert_eq!(pool.map(|name: String| name.len(), &names).unwrap(), [1, 0, 3]);
    assert_eq!(pool.map(|name: String| name.len(), ["a", "", "ccc"]).unwrap(), [1, 0, 3]);
}

fn up_to_eight_arguments_arrive_in_order(transport: Transport) {
    let pool = pool(transport, 1);
    assert_eq!(pool.apply(|| 5u8, ()).unwrap(), 5);
    let digits = |a: u8, b: u16, c: u32, d: u64, e: i8, f: i16, g: i32, h: i64| format!("{a}{b}{c}{d}{e}{f}{g}{h}");
    assert_eq!(pool.apply(digits, (1, 2, 3, 4, 5, 6, 7, 8)).unwrap(), "12345678");
}

fn text_and_slices_are_borrowed_in_the_worker(transport: Transport) {
    let pool = pool(transport, 1);
    let sum = |numbers: &[f64], name: &str| format!("{name}: {}", numbers.iter().fold(0.0, |sum, n| sum + n));
    let numbers = vec![0.5, 1.5, 2.0];
    assert_eq!(pool.apply(sum, (&numbers, Text("sum"))).unwrap(), "sum: 4");
    assert_eq!(pool.apply(sum, (numbers.as_slice(), String::from("s"))).unwrap(), "s: 4");
    assert_eq!(pool.apply(sum, (&[1.0, 2.0], &String::new())).unwrap(), ": 3");
    assert_eq!(pool.apply(sum, (Vec::new(), Text("none"))).unwrap(), "none: 0");
    let rows = [vec![1.0], vec![], vec![2.0, 3.0]];
    assert_eq!(pool.map(|row: &[f64]| row.iter().sum::<f64>(), &rows).unwrap(), [1.0, 0.0, 5.0]);
}

fn imap_keeps_the_order_and_stays_ended(transport: Transport) {
    let pool = pool(transport, 3);
    let mut results = pool.imap(square, 0..1_000);
    for n in 0..1_000 {
        assert_eq!(results.next().unwrap().unwrap(), square(n));
    }
    assert!((0..3).all(|_| results.next().is_none()));
}

fn imap_unordered_brings_each_index_once_and_stays_ended(transport: Transport) {
    let pool = pool(transport, 3);
    let mut results = pool.imap_unordered(square, (0..1_000).rev());
    let mut all: Vec<(u64, u64)> = results.by_ref().map(|(index, result)| (index, result.unwrap())).collect();
    assert!((0..3).all(|_| results.next().is_none()));
    all.sort_unstable();
    assert!(all.into_iter().eq((0..1_000).map(|index| (index, square(999 - index)))));
}

fn a_task_knows_its_index_attempt_and_worker(transport: Transport) {
    let pool = pool(transport, 2);
    let known = |_: u8| current_task().map(|task| (task.index, task.attempt, task.worker));
    for (index, known) in pool.map(known, [0; 100]).unwrap().into_iter().enumerate() {
        let (told, attempt, worker) = known.unwrap();
        assert_eq!((told, attempt), (index as u64, 1));
        assert!(worker < 2);
    }
    for _ in 0..3 {
        assert_eq!(pool.apply(known, (0,)).unwrap().map(|known| known.0), Some(0), "a call is a job of its own");
    }
    assert_eq!(current_task(), None);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Limits {
    name: String,
    table: Vec<u64>,
}

fn the_context_reaches_every_worker(transport: Transport) {
    for length in [3, 1_000_000] {
        let limits = Limits { name: "limits".into(), table: (0..length).collect() };
        let pool = builder(transport, 2).context(&limits).unwrap().build().unwrap();
        assert!(pool.wait_ready(None));
        let look = |n: u64| {
            let limits = context::<Limits>();
            (limits.name.clone(), limits.table.len(), n.min(limits.table[2]))
        };
        let wanted = |n: u64| ("limits".to_owned(), limits.table.len(), n.min(2));
        assert!(pool.map(look, 0..100).unwrap().into_iter().eq((0..100).map(wanted)));
    }
}

/// A context that writes down each time that it is decoded.
#[derive(Serialize)]
struct Witnessed {
    log: String,
    value: u64,
}

impl<'de> Deserialize<'de> for Witnessed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Witnessed, D::Error> {
        let (log, value) = <(String, u64)>::deserialize(deserializer)?;
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        // In one piece: another worker may write at the same time.
        file.write_all(format!("{}\n", std::process::id()).as_bytes()).unwrap();
        Ok(Witnessed { log, value })
    }
}

fn the_context_is_decoded_once_in_each_worker_and_in_each_replacement(transport: Transport) {
    let log = Scratch::new();
    let witnessed = Witnessed { log: log.text(), value: 7 };
    let pool = builder(transport, 2).max_tasks_per_worker(3).context(&witnessed).unwrap().build().unwrap();
    let mut processes = pool.map(|n: u64| (std::process::id(), n * context::<Witnessed>().value), 0..24).unwrap();
    assert!((0..24).zip(&processes).all(|(n, (_, value))| *value == n * 7));
    processes.sort_unstable();
    processes.dedup_by_key(|(pid, _)| *pid);
    let text = std::fs::read_to_string(log.path()).unwrap();
    let mut decoded: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    decoded.sort_unstable();
    // 24 tasks, three for each worker; the two last may share theirs.
    assert!((8..=9).contains(&decoded.len()), "{decoded:?}");
    if transport != Transport::Memory {
        assert!(decoded.iter().eq(processes.iter().map(|(pid, _)| pid)), "{decoded:?} are not {processes:?}");
    }
}

fn a_context_of_another_type_is_named(transport: Transport) {
    let with = builder(transport, 1).context(&5u32).unwrap().build().unwrap();
    let error = with.apply(|| context::<String>().len(), ()).unwrap_err().to_string();
    assert!(error.contains("u32") && error.contains("String"), "{error}");
    assert_eq!(with.apply(|| *context::<u32>(), ()).unwrap(), 5, "the worker lives on");
    let without = Pool::builder().transport(transport).workers(Workers::Exact(1)).build().unwrap();
    let error = without.apply(|| *context::<u32>(), ()).unwrap_err().to_string();
    assert!(error.contains("context"), "{error}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Empty,
    Named { x: Option<f64>, tags: Vec<(String, u8)> },
    Wide(u128, i128, char),
}

fn unusual_values_arrive_intact(transport: Transport) {
    let pool = pool(transport, 2);
    let shapes = vec![
        Shape::Empty,
        Shape::Named { x: None, tags: vec![] },
        Shape::Named { x: Some(-0.0), tags: vec![(String::new(), 0), ("ü€🦀\0".into(), 255)] },
        Shape::Wide(u128::MAX, i128::MIN, '\u{10ffff}'),
    ];
    assert_eq!(pool.map(|shape: Shape| shape, &shapes).unwrap(), shapes);
    assert_eq!(pool.apply(|all: Vec<Shape>| all, (&shapes,)).unwrap(), shapes);
    assert!(pool.apply(|x: f64| x, (f64::NAN,)).unwrap().is_nan());
    let map = std::collections::BTreeMap::from([(1u8, vec!["a".to_owned()]), (2, vec![])]);
    assert_eq!(pool.apply(|map: std::collections::BTreeMap<u8, Vec<String>>| map, (&map,)).unwrap(), map);
}
