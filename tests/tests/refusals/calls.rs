//! Calls that cannot be: what each is refused with.

use crate::{refused, told};

#[test]
fn a_closure_that_captures_is_told_where_its_values_could_go() {
    let sentences = [
        "a task must capture nothing: it runs in another process, where captured variables do not exist",
        "Pass the values as arguments (pool.starmap(f, items.map(|item| (item, limit))))",
        "shared context (Pool::builder().context(value))",
    ];
    refused("let limit = 5; pool.map(move |n: u64| n + limit, 0..3)", &sentences);
}

#[test]
fn a_function_pointer_is_told_to_be_a_name() {
    let code = "fn double(n: u64) -> u64 { n * 2 } let f: fn(u64) -> u64 = double; pool.map(f, 0..3)";
    refused(code, &["give a function by its name, not as a fn pointer"]);
}

#[test]
fn a_result_that_cannot_be_sent_is_told_what_it_lacks() {
    let code = "struct Secret(u64); pool.map(|n: u64| Secret(n), 0..3)";
    refused(
        code,
        &["`Secret` cannot be the result of a task", "a result is owned and has serde's `Serialize` and `Deserialize`"],
    );
}

#[test]
fn an_error_that_cannot_be_sent_is_told_which_forms_take_it() {
    let error = "#[derive(Debug)] struct Odd; impl std::fmt::Display for Odd { fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result { Ok(()) } } impl std::error::Error for Odd {}";
    let sentences = ["cannot be the result of a task", "return `anyhow::Error` or `Box<dyn Error>`", "`try_map`"];
    refused(&format!("{error} pool.map(|n: u64| if n > 1 {{ Err(Odd) }} else {{ Ok(n) }}, 0..3)"), &sentences);
}

#[test]
fn an_error_that_is_none_is_told_to_become_text() {
    let code = "struct Odd; pool.try_map(|n: u64| if n > 1 { Err(Odd) } else { Ok(n) }, 0..3)";
    refused(code, &["`Odd` is no error that a task can tell of", ".map_err(|error| error.to_string())"]);
}

#[test]
fn nine_parameters_are_told_to_be_at_most_eight() {
    let code = "pool.starmap(|a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8| a, [(1, 2, 3, 4, 5, 6, 7, 8, 9)])";
    refused(code, &["is nothing that a pool can call", "with up to eight parameters"]);
}

#[test]
fn arguments_that_do_not_fit_are_told_what_does() {
    let count = "fn count(row: Vec<i64>, least: i64) -> usize { row.len() }";
    refused(
        &format!("{count} pool.apply(count, (vec![1_i64], \"4\"))"),
        &[
            "`&str` cannot be given as an argument for a parameter `i64`",
            "for an owned parameter give a value of its type or a reference",
        ],
    );
    refused(
        &format!("{count} pool.apply(count, (vec![1_i64],))"),
        &["are not the arguments of this task", "give a tuple with one value for each parameter"],
    );
    refused(
        &format!("{count} pool.map(count, [(vec![1_i64], 4)])"),
        &["is not what this task takes", "for tasks of more use `starmap` with tuples"],
    );
}

#[test]
fn a_task_whose_plain_data_json_cannot_give_is_told_to_do_without() {
    let plain = "#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)] #[repr(C)] struct Place { x: f64, y: f64 }";
    let program = |option: &str| {
        format!(
            "{} {plain}\n#[task{option}]\nfn far(all: &[Place]) -> f64 {{ all[0].x }} fn main() {{}}",
            crate::compiler::HEAD
        )
    };
    told(&program(""), &["`&[Place]` cannot be read from JSON", "#[task(json = false)]"]);
    crate::compile(&program("(json = false)")).unwrap_or_else(|said| panic!("{said}"));
}
