//! Functions that cannot have `#[task]`: what each is refused with.

use crate::{compiler, told};

#[track_caller]
fn no_task(item: &str, sentence: &str) {
    told(&format!("{}\n{item} fn main() {{}}", compiler::HEAD), &[sentence]);
}

#[test]
fn a_method_is_told_to_be_a_function() {
    let item = "struct Rows; impl Rows { #[task] fn count(&self) -> usize { 0 } }";
    no_task(
        item,
        "a method cannot be a task: `self` stays in its own process. Make it a function that takes what it needs",
    );
}

#[test]
fn a_generic_function_is_told_to_be_one_function() {
    let item = "#[task] fn length<T>(all: Vec<T>) -> usize { all.len() }";
    no_task(item, "Write a function for the types you need, which calls this one");
    no_task("#[task] fn show(it: impl ToString) -> String { it.to_string() }", "name the type");
}

#[test]
fn an_async_function_is_told_to_block() {
    no_task("#[task] async fn nothing() {}", "Block on the future inside a plain function");
}

#[test]
fn a_task_of_nine_parameters_is_told_to_put_some_together() {
    let item = "#[task] fn many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8) {}";
    no_task(item, "Put some of them together in a struct, or into the pool's context");
}

#[test]
fn an_option_that_does_not_exist_is_told_which_do() {
    no_task("#[task(nam = \"x\")] fn f() {}", "#[task(name = \"...\", json = false)]");
    no_task("#[task(json = false, json = true)] fn f() {}", "`json` is said twice");
    no_task("#[task] struct Rows;", "#[task] belongs on a function with a body");
}
