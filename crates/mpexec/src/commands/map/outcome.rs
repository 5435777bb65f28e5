//! What became of a call, as a line of JSON for programs.

use mpexec_core::{Exit, TaskError};
use serde::Serialize;
use serde_json::value::RawValue;

/// One call.
#[derive(Serialize)]
struct Line<'a> {
    /// Which call it was, from 0 on.
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Told>,
}

/// Why it failed. What a kind of failure does not have is left out.
#[derive(Default, Serialize)]
struct Told {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    /// Seconds, or bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stderr: Option<String>,
}

/// Writes the line of a call to `out`.
pub(super) fn write(index: u64, outcome: Result<&String, &TaskError>, out: &mut Vec<u8>) {
    let raw;
    let line = match outcome {
        Ok(json) => match serde_json::from_str::<&RawValue>(json) {
            Ok(ok) => Line { index, ok: Some(ok), error: None },
            Err(error) => {
                let message = format!("the worker's answer is no JSON: {error}");
                Line { index, ok: None, error: Some(Told { kind: "result_undecodable", message, ..Told::default() }) }
            }
        },
        Err(error) => {
            raw = told(error);
            Line { index, ok: None, error: Some(raw) }
        }
    };
    // To memory, and of what can be written.
    let _ = serde_json::to_writer(&mut *out, &line);
    out.push(b'\n');
}

fn told(error: &TaskError) -> Told {
    let message = error.to_string();
    let plain = |kind| Told { kind, message: message.clone(), ..Told::default() };
    match error {
        TaskError::Panicked { message, location, .. } => {
            Told { message: message.clone(), location: location.clone(), ..plain("panicked") }
        }
        TaskError::Crashed { pid, exit, stderr, .. } => {
            let (exit_code, signal) = match exit {
                Exit::Code(code) => (Some(*code), None),
                Exit::Signal(number) => (None, Some(*number)),
                Exit::Unknown => (None, None),
            };
            let (pid, stderr) = (Some(*pid), Some(stderr.clone()));
            Told { pid, exit_code, signal, stderr, ..plain("crashed") }
        }
        TaskError::TimedOut { pid, limit } => {
            Told { pid: Some(*pid), limit: Some(limit.as_secs_f64()), ..plain("timed_out") }
        }
        TaskError::CpuTimeExceeded { pid, limit } => {
            Told { pid: Some(*pid), limit: Some(limit.as_secs_f64()), ..plain("cpu_time_exceeded") }
        }
        TaskError::OutOfMemory { pid, limit, .. } => {
            Told { pid: Some(*pid), limit: Some(*limit as f64), ..plain("out_of_memory") }
        }
        TaskError::Returned(returned) => {
            let causes = returned.chain().skip(1).map(str::to_owned).collect();
            Told { message: returned.message().to_owned(), causes, ..plain("returned") }
        }
        TaskError::OutcomeUnknown { .. } => plain("outcome_unknown"),
        TaskError::Cancelled { .. } => plain("cancelled"),
        TaskError::ArgumentUndecodable { message } => {
            Told { message: message.clone(), ..plain("argument_undecodable") }
        }
        TaskError::ArgumentUnencodable { .. } => plain("argument_unencodable"),
        TaskError::ResultUnencodable { .. } => plain("result_unencodable"),
        TaskError::ResultUndecodable { .. } => plain("result_undecodable"),
        TaskError::UnknownFunction { .. } => plain("unknown_function"),
        TaskError::NoJson { .. } => plain("no_json"),
        _ => plain("pool"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_line_has_the_index_and_the_result_or_the_error_with_what_is_known() {
        let line = |outcome: Result<String, TaskError>| {
            let mut out = Vec::new();
            write(7, outcome.as_ref(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(line(Ok("[1.50, \"a\"]".to_owned())), "{\"index\":7,\"ok\":[1.50, \"a\"]}\n");
        let panicked = TaskError::Panicked { message: "no".into(), location: Some("a.rs:1:2".into()), backtrace: None };
        let wanted = r#"{"index":7,"error":{"kind":"panicked","message":"no","location":"a.rs:1:2"}}"#;
        assert_eq!(line(Err(panicked)), format!("{wanted}\n"));
        let late = line(Err(TaskError::TimedOut { pid: 3, limit: Duration::from_millis(1500) }));
        assert!(late.contains(r#""kind":"timed_out""#) && late.contains(r#""pid":3,"limit":1.5}"#), "{late}");
        assert!(line(Ok("{".to_owned())).contains("result_undecodable"));
    }
}
