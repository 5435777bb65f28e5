//! What the compiler refuses, it refuses in our words, which say what to do.
//!
//! Of the compiler's output only our own sentences are looked for: the rest changes with its version. Some refusals come only
//! when code is generated, so code is generated; nothing is linked.

#![expect(clippy::unwrap_used, reason = "a test ends where something is wrong")]

mod calls;
mod compiler;
mod tasks;

use compiler::compile;

/// `code` stands in a function with a pool; the compiler must refuse it, and say each of the sentences.
#[track_caller]
fn refused(code: &str, sentences: &[&str]) {
    let program = format!("{}\nfn main() {{ let pool = Pool::new().unwrap(); {code}; }}", compiler::HEAD);
    told(&program, sentences);
}

/// The same for a whole program.
#[track_caller]
fn told(program: &str, sentences: &[&str]) {
    let said = compile(program).expect_err("the compiler takes it");
    for sentence in sentences {
        assert!(said.contains(sentence), "not said: {sentence}\n{said}");
    }
}

#[test]
fn what_is_right_is_not_refused() {
    let right = "let row = vec![1_i64]; pool.starmap(|row: Vec<i64>, least: i64| row.len() as i64 + least, [(&row, 4)]).unwrap();
                 pool.map(double, 0..3).unwrap(); pool.try_map(parse, [String::new()]).unwrap()";
    let head = compiler::HEAD;
    let functions = "#[task] fn double(n: u64) -> u64 { 2 * n } fn parse(text: String) -> std::io::Result<u8> { Ok(text.len() as u8) }";
    let program = format!("{head}\n{functions}\nfn main() {{ let pool = Pool::new().unwrap(); {right}; }}");
    compile(&program).unwrap_or_else(|said| panic!("{said}"));
}
