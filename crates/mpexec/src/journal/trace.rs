//! `--trace`: the run in the trace event format that Perfetto and the browsers' own viewers read.
//!
//! Each worker is a track, on which no two events overlap; how much waits is a counter; deaths are instants. Events are written one
//! after the other, so a long run needs no more memory than a short one.

use std::io::{self, Write};

use serde_json::json;

use super::figures::{Figures, told};

/// Writes the whole file.
pub(super) fn write(figures: &Figures, out: &mut impl Write) -> io::Result<()> {
    let pid = figures.pid;
    let mut events = Events { out, any: false };
    events.begin()?;
    events.add(&json!({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": format!("mpexec {pid}")}}))?;
    for worker in 0..figures.workers {
        let name = format!("worker {worker}");
        events
            .add(&json!({"ph": "M", "pid": pid, "tid": worker + 1, "name": "thread_name", "args": {"name": name}}))?;
        events.add(&json!({"ph": "M", "pid": pid, "tid": worker + 1, "name": "thread_sort_index", "args": {"sort_index": worker}}))?;
    }
    for span in &figures.recording.spans {
        let name = match (span.batches, span.died) {
            (_, true) => "died".to_owned(),
            (1, _) => format!("job {}, tasks from {}", span.job, span.first),
            (batches, _) => format!("{batches} batches"),
        };
        let (begun, ended) = (micros(span.begun), micros(span.ended));
        events.add(&json!({
            "ph": "X", "pid": pid, "tid": span.worker + 1, "cat": "batch", "name": name, "ts": begun, "dur": ended - begun,
            "args": {
                "tasks": span.tasks, "failed": span.failed, "batches": span.batches, "first": span.first, "job": span.job,
                "worker_pid": span.pid, "queued_us": micros(span.queued), "sent_us": micros(span.sent),
                "received_us": micros(span.received), "running_us": micros(span.running),
            },
        }))?;
    }
    for event in &figures.recording.events {
        events.add(&json!({
            "ph": "i", "s": "t", "pid": pid, "tid": event.worker + 1, "cat": "worker", "name": told(&event.what),
            "ts": micros(event.at), "args": {"worker_pid": event.pid},
        }))?;
    }
    for depth in &figures.recording.depths {
        let args = json!({"queued": depth.queued, "with workers": depth.held});
        events.add(&json!({"ph": "C", "pid": pid, "name": "tasks", "ts": micros(depth.at), "args": args}))?;
    }
    events.end(&figures.command)
}

fn micros(time: std::time::Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

struct Events<'a, W> {
    out: &'a mut W,
    any: bool,
}

impl<W: Write> Events<'_, W> {
    fn begin(&mut self) -> io::Result<()> {
        self.out.write_all(b"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")
    }

    fn add(&mut self, event: &serde_json::Value) -> io::Result<()> {
        self.out.write_all(if std::mem::replace(&mut self.any, true) { b",\n" } else { b"\n" })?;
        serde_json::to_writer(&mut *self.out, event)?;
        Ok(())
    }

    fn end(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.out, "\n],\"otherData\":{}}}", json!({"command": command}))
    }
}
