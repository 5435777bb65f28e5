//! `mpexec map`: the rows of an input become calls of a task in the user's own worker program.

mod input;
mod inputs;
mod outcome;
mod shape;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use mpexec_core::{Pool, TaskError, TaskInfo};

use crate::console::Console;
use crate::failure::Failure;
use crate::flow::{Collector, Flow, Next};
use crate::input::{OutputFolder, Outputs};
use crate::interrupt::{Running, Work};
use crate::keeping::{Computes, HAND_ON_EVERY, Looked, MOST_RANGES_OF_CALLS, Shelf};
use crate::numbers::grouped;
use crate::pieces::Pieces;
use crate::plan::{MapPlan, Place};
use crate::printer::Printer;
use crate::progress::{Progress, Unit};
use crate::{closest, workforce};
use inputs::{Begins, Calls, Inputs};

/// Calls the task for each row, and writes what came of it.
///
/// # Errors
/// The [`Failure`] that ended it early, or that of the calls; a file is there in the second case.
pub(crate) fn run(plan: &MapPlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { unit: "calls", verb: "made", file: plan.place != Place::Stdout }, console);
    let files = crate::input::files(&plan.inputs)?;
    let looked = Arc::new(Looked::at(&files, plan.keeping.as_ref())?);
    let outputs = Outputs::named(plan.outputs(&files)?).and(&looked);
    let mut input = Inputs::open(&files, &plan.reading, &outputs)?;
    let (workers, _) =
        workforce::size(plan.pool.workers, console, |_| Pieces::single(input.rows().unwrap_or(u64::MAX)));
    running.check()?;
    let program = plan.pool.table_worker.as_deref();
    let attempts = plan.limits.retries.saturating_add(1);
    let pool = Arc::new(workforce::build(&plan.pool, program, workers, console, attempts, |builder| {
        // Standard output belongs to the results.
        Ok(plan.limits.apply(builder, plan.limits.timeout).stdout(mpexec_core::Output::Null))
    })?);
    running.holds(Arc::clone(&pool));
    let calls = Calls { task: find(&pool, &plan.task)?, with: plan.with.clone() };
    let mut shape = input.shape(&calls)?;
    let shelf = match &plan.keeping {
        Some(keeping) => {
            let (task, signature) = (&plan.task[..], calls.task.to_string());
            let what =
                Computes { task, signature, worker: program, inputs: &looked, range: 1, most: MOST_RANGES_OF_CALLS };
            Some(Shelf::new(&keeping.open(&what, running)?, "rows"))
        }
        None => None,
    };
    for path in files.iter().filter(|path| path.as_path() != Path::new("-")) {
        // One that cannot be opened is told by whoever reads it.
        File::open(path).map_or(Ok(()), |file| outputs.refuse(&file, path))?;
    }
    let each = plan.per_file.then(|| {
        let places = files.iter().map(|file| plan.place_of(file)).collect();
        Each { begins: input.begins(), places, at: 0 }
    });
    let _folder = match &plan.place {
        Place::File(folder) if plan.per_file => Some(OutputFolder::make(folder)?),
        _ => None,
    };
    let printer = Printer::open(each.as_ref().map_or(&plan.place, |each| &each.places[0]), plan.packing)?;
    let (rows, bad) = (input.rows(), input.bad_rows());
    running.begin(rows);
    let printing = plan.place == Place::Stdout;
    let calling = Calling {
        shelf: shelf.clone(),
        fail_fast: plan.fail_fast,
        printer: Some(printer),
        each,
        running: Arc::clone(running),
        progress: Progress::start(console, plan.progress, Unit::Tasks, rows.unwrap_or_default(), printing),
        line: Vec::new(),
        done: 0,
        failed: 0,
        first: None,
    };
    let kept = shelf.clone();
    // What is kept is put in order by whoever keeps it.
    let flow = Flow::new(plan.ordered && shelf.is_none(), calling);
    let stopping = Arc::clone(&flow);
    running.when_stopping(move || stopping.stop(Next::Finish));
    let (name, caller) = (plan.task.clone(), Arc::clone(&pool));
    let reading = Arc::clone(running);
    let (handing, mut passed) = (Arc::clone(&flow), 0_u32);
    flow.feed(
        move || loop {
            let row = reading.journal().reading(|| input.next(&calls, &mut shape))?;
            match (&shelf, &row) {
                (Some(shelf), Some(row)) if !shelf.wants(row) => {
                    passed += 1;
                    if passed.is_multiple_of(HAND_ON_EVERY) {
                        handing.collector().hand_on(false)?;
                    }
                }
                (Some(shelf), None) => return shelf.end().map(|()| None),
                _ => return Ok(row),
            }
        },
        move |_, text| caller.apply_json_async(&name, text),
    )?;
    let called = flow.wait();
    workforce::hear_out(&pool, console);
    if called.is_ok() && !running.is_stopping() {
        workforce::see_off(&pool);
    }
    let mut calling = flow.collector();
    let called = called.and_then(|skipped| calling.hand_on(true).map(|()| skipped));
    // What is finished is published also when the work has ended early; the first failure is the one to be told.
    let settled = calling.settle();
    let called = called.and_then(|skipped| settled.as_ref().map(|_| skipped).map_err(Clone::clone));
    let whole = !(running.is_stopping() || plan.fail_fast && calling.failed > 0);
    let called =
        called.and_then(|skipped| if whole { calling.go_to_the_last().map(|()| skipped) } else { Ok(skipped) });
    calling.progress.clear();
    let (done, failed, first) = (calling.done, calling.failed, calling.first.take());
    let printer = calling.printer.take();
    // What was stopped by a signal may well have come to the end of what it was given.
    let called = called.and_then(|skipped| running.check().and_then(|()| running.finish()).map(|()| skipped));
    let skipped = match called {
        Ok(skipped) => skipped,
        Err(failure) => {
            if let Some(printer) = printer {
                printer.stop();
            }
            return Err(failure);
        }
    };
    // Behind the last result somebody may still have to read.
    running.named(running.journal().handing_on(|| printer.map_or(Ok(()), |printer| printer.finish(running))))?;
    if let (Some(shelf), Ok(Some(ranges)), true) = (&kept, settled, whole) {
        shelf.done(ranges)?;
    }
    bad.lock().unwrap_or_else(PoisonError::into_inner).tell(&plan.reading, console);
    match first {
        None => Ok(()),
        Some((_, first)) => {
            // Of rows that were not read, nobody knows how many they are.
            let skipped = rows.map_or(skipped, |all| all.saturating_sub(done));
            let (failed, done) = (grouped(failed), grouped(done));
            let rest = if whole { String::new() } else { flow.missing(skipped, rows.is_some(), "made") };
            Err(Failure::task(format!("{failed} of {done} calls failed{rest}; the first: {first}")))
        }
    }
}

/// What the worker program says of the task.
fn find(pool: &Pool, name: &str) -> Result<TaskInfo, Failure> {
    let tasks = pool.functions();
    match tasks.iter().find(|task| task.name == name) {
        Some(task) if task.json => Ok(task.clone()),
        Some(_) => Err(Failure::usage(format!(
            "the task {name:?} cannot be called with JSON: only one with #[task] can, if it does not say `json = false`"
        ))),
        None => {
            let names = || tasks.iter().filter(|task| task.json).map(|task| task.name.as_str());
            let remedy = match closest::to(name, names()) {
                Some(known) => format!("; did you mean {known:?}?"),
                None if names().next().is_none() => "; it has none, for none of its functions has #[task]".to_owned(),
                None => "; mpexec tasks lists what it has".to_owned(),
            };
            Err(Failure::usage(format!("the worker program has no task {name:?}{remedy}")))
        }
    }
}

/// Whether the same call would fail so again: then its failure is a result, and kept. A worker that died or took too long may have had other reasons.
fn comes_again(error: &TaskError) -> bool {
    matches!(
        error,
        TaskError::Panicked { .. }
            | TaskError::Returned(_)
            | TaskError::ArgumentUndecodable { .. }
            | TaskError::ArgumentUnencodable { .. }
            | TaskError::ResultUnencodable { .. }
    )
}

/// How a call has failed, on one line.
fn failed(index: u64, error: &TaskError) -> String {
    Failure::one_line(&format!("call {index}: {error}"))
}

/// The files to which the results of each input go by themselves, one after the other.
struct Each {
    begins: Begins,
    places: Vec<Place>,
    /// Which of them is open.
    at: usize,
}

impl Each {
    /// Goes on to the file of this input; those between, whose inputs had no rows, are empty.
    fn go_on(&mut self, input: usize, printer: &mut Option<Printer>, running: &Running) -> Result<(), Failure> {
        while self.at < input {
            let done = printer.take();
            running.input_holds(self.at)?;
            running.named(done.map_or(Ok(()), |printer| printer.finish(running)))?;
            self.at += 1;
            *printer = Some(Printer::open(&self.places[self.at], None)?);
        }
        Ok(())
    }
}

/// What is done with outcomes.
struct Calling {
    fail_fast: bool,
    /// Where results are kept until their turn, if they are.
    shelf: Option<Arc<Shelf>>,
    /// Taken at the end.
    printer: Option<Printer>,
    /// If results go to several files.
    each: Option<Each>,
    running: Arc<Running>,
    progress: Progress,
    line: Vec<u8>,
    done: u64,
    failed: u64,
    /// The first failure by the number of its call, in words.
    first: Option<(u64, String)>,
}

impl Collector<String> for Calling {
    fn arrives(&mut self, call: u64, outcome: Result<&String, &TaskError>) -> Result<Next, Failure> {
        match outcome {
            // It is told after the results before it.
            Err(TaskError::Pool(_) | TaskError::PoolClosed { .. }) => {}
            outcome => {
                let index = self.index_of(call);
                self.count(index, outcome.err().map(|error| failed(index, error)).as_deref());
            }
        }
        Ok(self.next())
    }

    fn take(&mut self, call: u64, outcome: Result<&String, &TaskError>) -> Result<Next, Failure> {
        let index = self.index_of(call);
        if let Err(error @ (TaskError::Pool(_) | TaskError::PoolClosed { .. })) = outcome {
            return Err(Failure::of_task(error, &format!("call {index}: {error}")));
        }
        let mut shown = index;
        if let Some(each) = &mut self.each {
            let (input, row) = each.begins.place_of(index);
            if self.shelf.is_none() {
                each.go_on(input, &mut self.printer, &self.running)?;
            }
            shown = row;
        }
        self.line.clear();
        outcome::write(shown, outcome, &mut self.line);
        match &self.shelf {
            None => {
                if let Some(printer) = &mut self.printer {
                    self.running.journal().handing_on(|| printer.push(&self.line))?;
                }
            }
            // Its message is one line, and so is the result.
            Some(shelf) => {
                let failure = outcome.err().map(|error| failed(index, error)).unwrap_or_default();
                let result = [failure.as_bytes(), b"\n", &self.line[..]].concat();
                match outcome.err().is_none_or(comes_again) {
                    true => shelf.put(call, Some(result))?,
                    false => shelf.put_aside(call, result)?,
                }
                self.hand_on(false)?;
            }
        }
        Ok(self.next())
    }

    fn weight(result: &String) -> u64 {
        result.len() as u64
    }
}

impl Calling {
    /// Which of all calls it is.
    fn index_of(&self, call: u64) -> u64 {
        self.shelf.as_ref().map_or(call, |shelf| shelf.task_of(call))
    }

    /// Whether it goes on. A failure of an earlier run that was kept counts like one of this: an undisturbed run would have ended there.
    fn next(&self) -> Next {
        if self.fail_fast && self.failed > 0 { Next::Kill } else { Next::GoOn }
    }

    /// One more is done; with this failure, if it is one. That does not wait for its turn.
    fn count(&mut self, index: u64, failure: Option<&str>) {
        if let Some(failure) = failure {
            self.failed += 1;
            self.running.one_failed();
            self.progress.fail();
            self.running.journal().failed(|| failure.to_owned());
            if self.first.as_ref().is_none_or(|(first, _)| index < *first) {
                self.first = Some((index, failure.to_owned()));
            }
        }
        self.done += 1;
        self.running.advance(1);
        self.progress.advance(1);
    }

    /// Prints the kept results whose turn it is, or all that are there.
    fn hand_on(&mut self, any: bool) -> Result<(), Failure> {
        let Some(shelf) = self.shelf.clone() else { return Ok(()) };
        while let Some(done) = shelf.take(any)? {
            for (index, result) in (done.first_task()..).zip(done.results()) {
                let result = result.unwrap_or_default();
                let end = result.iter().position(|&byte| byte == b'\n').unwrap_or(result.len());
                let (failure, line) = (&result[..end], result.get(end + 1..).unwrap_or_default());
                if done.is_stored() {
                    let failure = (!failure.is_empty()).then(|| String::from_utf8_lossy(failure));
                    self.count(index, failure.as_deref());
                }
                if let Some(each) = &mut self.each {
                    each.go_on(each.begins.place_of(index).0, &mut self.printer, &self.running)?;
                }
                if let Some(printer) = &mut self.printer {
                    self.running.journal().handing_on(|| printer.push(line))?;
                }
            }
        }
        Ok(())
    }

    /// Inputs behind the last row have files too.
    fn go_to_the_last(&mut self) -> Result<(), Failure> {
        let Calling { each: Some(each), printer, running, .. } = self else { return Ok(()) };
        each.go_on(each.places.len() - 1, printer, running)
    }

    /// All that is kept is published: how many ranges there are, if those are all.
    fn settle(&self) -> Result<Option<u64>, Failure> {
        self.shelf.as_ref().map_or(Ok(None), |shelf| shelf.settle())
    }
}
