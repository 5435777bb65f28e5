//! What a task prints, taken up with its result.
//!
//! In a worker of a pool that captures, standard output and error are two files in memory, which the coordinator holds too. Before
//! a task they are cleared; after it they are read, cleared again, and travel with its result. When the task takes its
//! worker down, what it had printed is still there for the coordinator to read.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use mpexec_wire::{Captured, Status, encode};

use super::call::{Call, Entry, ResultSink, Spill};
use super::panics;
use crate::os::sheet::{Sheet, flush_standard_output};

/// How often the memory of what is too much is given back while a task prints.
const THIN_OUT: Duration = Duration::from_millis(100);
/// What stays of the end, for the report of a death.
const END: u64 = 64 << 10;

#[derive(Debug)]
struct Sheets {
    stdout: Sheet,
    stderr: Sheet,
    /// Of each, so many bytes are kept.
    most: u64,
}

static SHEETS: OnceLock<Sheets> = OnceLock::new();

/// From now on what is printed can be taken up. To be called before any task runs.
pub(super) fn begin(most: u64) -> io::Result<()> {
    let [stdout, stderr] = Sheet::own()?;
    let sheets = SHEETS.get_or_init(|| Sheets { stdout, stderr, most });
    // A task that prints without end must not fill the machine's memory.
    let thin_out = move || loop {
        std::thread::park_timeout(THIN_OUT);
        sheets.stdout.thin_out(sheets.most, END);
        sheets.stderr.thin_out(sheets.most, END);
    };
    std::thread::Builder::new().name("mpexec-output".into()).stack_size(128 << 10).spawn(thin_out)?;
    Ok(())
}

impl Sheets {
    fn clear(&self) {
        flush_standard_output();
        // A task may have closed them, or sent them elsewhere; the next one prints here again.
        Sheet::put_in_place(&self.stdout, &self.stderr);
        self.stdout.clear();
        self.stderr.clear();
    }
}

/// Runs a task; the result holds what it ended as, and what it printed meanwhile.
pub(crate) fn run(call: &mut Call<'_>, entry: Entry) -> Status {
    let sheets = SHEETS.get();
    if let Some(sheets) = sheets {
        sheets.clear();
    }
    let (status, result) = run_apart(call.input, entry);
    let mut captured = Captured { status: status as u16, result, ..Captured::default() };
    if let Some(sheets) = sheets {
        flush_standard_output();
        let take = |sheet: &Sheet| (sheet.read(0, sheets.most), sheet.len().saturating_sub(sheets.most));
        (captured.stdout, captured.stdout_cut) = take(&sheets.stdout);
        (captured.stderr, captured.stderr_cut) = take(&sheets.stderr);
        sheets.clear();
    }
    match encode(&captured, &mut call.sink) {
        Ok(_) => Status::Ok,
        Err(_) => {
            let why = call.sink.why_refused();
            call.fail(Status::ResultUnencodable, &why)
        }
    }
}

/// The task's own result, on the heap.
fn run_apart(input: &[u8], entry: Entry) -> (Status, Vec<u8>) {
    let mut inner = Call { input, sink: ResultSink::new(&mut [], usize::MAX) };
    let status = match panics::catch(|| entry(&mut inner)) {
        Ok(status) => status,
        Err(report) => {
            inner.sink.restart();
            match encode(&report, &mut inner.sink) {
                Ok(_) => Status::Panicked,
                Err(_) => inner.fail(Status::ResultUnencodable, "the panic's own report could not be written"),
            }
        }
    };
    match inner.sink.finish() {
        Err(Spill::Heap(bytes)) => (status, bytes),
        // With no room in place and no limit on the heap, only what is empty is not there.
        Ok(_) | Err(Spill::Parcel(..)) => (status, Vec::new()),
    }
}
