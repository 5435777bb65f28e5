//! `mpexec run`: a command for each argument, run by workers.

mod ended;
mod ending;
mod joblog;
mod open;
mod retries;
mod source;
mod template;

use std::any::type_name;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mpexec::names::one_line;
use mpexec::tasks::{CommandEnd, CommandJob, RUN_COMMAND, UNTIL_KILLED, leave_no_part, run_command};
use mpexec_core::{TaskError, named};
use mpexec_runs::{decode, encode, key_of};

use crate::console::Console;
use crate::failure::Failure;
use crate::flow::{Collector, Flow, Next};
use crate::input::OutputFolder;
use crate::interrupt::{Running, Work};
use crate::keeping::{Computes, HAND_ON_EVERY, Looked, MOST_RANGES, Shelf};
use crate::numbers::grouped;
use crate::pieces::Pieces;
use crate::plan::{Place, RunPlan};
use crate::printer::Printer;
use crate::progress::{Progress, Unit};
use crate::workforce;
use ended::{Ended, has_failed, told};
use ending::Ending;
use joblog::Joblog;
use open::Open;
use retries::Retries;
use source::Source;
use template::Template;

/// So much later than a worker should have ended a command the pool ends both.
const SLACK: Duration = Duration::from_secs(1);

/// Runs the commands, and prints what they print.
///
/// # Errors
/// The [`Failure`] that ended it early, or that of the commands.
pub(crate) fn run(plan: &RunPlan, console: &Arc<Console>, running: &Arc<Running>) -> Result<(), Failure> {
    running.is(Work { unit: "commands", verb: "run", file: false }, console);
    let template = (!plan.command.is_empty()).then(|| Template::of(&plan.command)).transpose()?.map(Arc::new);
    let mut source = Source::open(&plan.arguments)?;
    let mut printer = Printer::open(&Place::Stdout, None)?;
    if plan.dry_run {
        let mut number = 0;
        while let Some(argument) = source.next()? {
            number += 1;
            let line = understood(template.as_ref(), &argument).shown(&argument, number);
            printer.push(&[&line[..], b"\n"].concat())?;
        }
        return printer.finish(running);
    }
    let _folder = plan.results.as_deref().map(OutputFolder::make).transpose()?;
    let shelf = keep(plan, running)?;
    let joblog = plan.joblog.as_deref().map(Joblog::create).transpose()?;
    let commands = source.number();
    let (workers, _) = workforce::size(plan.pool.workers, console, |_| Pieces::single(commands.unwrap_or(u64::MAX)));
    running.check()?;
    let (ending, asked_to_end) = Ending::new()?;
    // Each try is a call.
    let pool = Arc::new(workforce::build(&plan.pool, None, workers, console, 1, |builder| {
        // The worker itself asks a command to end, and kills it; this is for a worker that cannot.
        let limit = plan.limits.timeout.map(|limit| limit.saturating_add(UNTIL_KILLED).saturating_add(SLACK));
        let builder = plan.limits.apply(builder, limit).context(&asked_to_end)?;
        Ok(match plan.nice {
            Some(nice) => builder.nice(nice),
            None => builder,
        })
    })?);
    running.holds(Arc::clone(&pool));
    running.begin(commands);
    let collecting = Commands {
        shelf: shelf.clone(),
        aside: HashMap::new(),
        plan: plan.clone(),
        template: template.clone(),
        arguments: Arc::default(),
        console: Arc::clone(console),
        running: Arc::clone(running),
        printer: Some(printer),
        joblog,
        progress: Progress::start(console, plan.progress, Unit::Tasks, commands.unwrap_or_default(), true),
        ending: Arc::clone(&ending),
        ended: 0,
        done: 0,
        failed: 0,
        first: None,
    };
    let arguments = Arc::clone(&collecting.arguments);
    // What is kept is put in order by whoever keeps it. No command waits behind another, so that they begin in order.
    let flow = Flow::narrow(plan.keep_order && shelf.is_none(), workers, collecting);
    ending.of(&flow);
    // Who has not ended when the grace is over is killed with the workers.
    running.when_time_is_short(move || ending.ask());
    if let Some(results) = plan.results.clone() {
        running.when_dismissed(move || open::leave_no_parts(&results));
    }
    let retries = Arc::new(Retries::new(plan.limits.retries));
    let (trying, retrying) = (Arc::clone(&retries), Arc::clone(&pool));
    let journaled = Arc::clone(running);
    flow.try_again(move |call, outcome, may| {
        let number = retries.number_of(call);
        if let Some(end) = outcome.ok().filter(|end| has_failed(end)) {
            journaled.journal().ended_badly(end.worker, number);
        }
        let job = retries.after(call, outcome).filter(|_| may)?;
        Some(retries.numbered(call, || retrying.apply_async(named(RUN_COMMAND, run_command), (job,))))
    });
    let stopping = Arc::clone(&flow);
    running.when_stopping(move || stopping.stop(Next::Finish));
    let reading = Arc::clone(running);
    let (caller, limits, asked) = (Arc::clone(&pool), plan.limits, plan.clone());
    let (known, feeding, shown) = (shelf.clone(), Arc::clone(&arguments), template.clone());
    // A command line may come again, and there may be millions of them.
    let mut copies: HashMap<u128, u32> = HashMap::new();
    let (mut number, mut passed) = (0, 0_u32);
    let handing = Arc::clone(&flow);
    flow.feed(
        move || loop {
            let argument = reading.journal().reading(|| source.next())?;
            let Some(shelf) = &known else { return Ok(argument) };
            let Some(text) = &argument else { return shelf.end().map(|()| None) };
            let words = understood(shown.as_ref(), text).words(text, number + 1);
            feeding.put(number, text);
            number += 1;
            let same = key_of(&words, 0);
            let copy = copies.entry(u128::from_str_radix(&same[..32], 16).unwrap_or_default()).or_default();
            let key = if *copy == 0 { same } else { key_of(&words, u64::from(*copy)) };
            *copy += 1;
            if shelf.wants_named(key) {
                return Ok(argument);
            }
            passed += 1;
            if passed.is_multiple_of(HAND_ON_EVERY) {
                handing.collector().hand_on(false)?;
            }
        },
        move |call, argument| {
            let index = shelf.as_ref().map_or(call, |shelf| shelf.task_of(call));
            let words = understood(template.as_ref(), argument).words(argument, index + 1);
            arguments.put(index, argument);
            let job = CommandJob {
                words: words.into_iter().map(Into::into).collect(),
                timeout: limits.timeout,
                tries: 1,
                folder: asked.results_of(index),
            };
            trying.begins(call, &job);
            trying.numbered(call, || caller.apply_async(named(RUN_COMMAND, run_command), (job,)))
        },
    )?;
    let ran = flow.wait();
    workforce::hear_out(&pool, console);
    if let (Some(results), true) = (&plan.results, ran.is_err() || running.is_stopping() || plan.halt.is_some()) {
        // Who writes there still is killed first.
        pool.terminate();
        drop(pool.join_timeout(UNTIL_KILLED));
        open::leave_no_parts(results);
    }
    let mut ended = flow.collector();
    ended.progress.clear();
    let ran = ran.and_then(|skipped| ended.hand_on(true).map(|()| skipped));
    let ran = ran.and_then(|skipped| ended.show_the_rest().map(|()| skipped));
    // What is finished is published also when the work has ended early; the first failure is the one to be told.
    let settled = ended.settle();
    let ran = ran.and_then(|skipped| settled.as_ref().map(|_| skipped).map_err(Clone::clone));
    // Behind the last result somebody may still have to read.
    let printer = ended.printer.take();
    let printed = running.journal().handing_on(|| printer.map_or(Ok(()), |printer| printer.finish(running)));
    let skipped = ran.and_then(|skipped| running.check().map(|()| skipped))?;
    printed?;
    running.finish()?;
    if let (Some(shelf), Ok(Some(ranges)), 0) = (&ended.shelf, settled, ended.failed) {
        shelf.done(ranges)?;
    }
    match ended.first.take() {
        None => Ok(()),
        Some((_, first)) => {
            // Of arguments that were not read, nobody knows how many they are.
            let skipped = commands.map_or(skipped + ended.ended, |all| all.saturating_sub(ended.done));
            let (failed, done) = (grouped(ended.failed), grouped(ended.done));
            let rest = flow.missing(skipped, commands.is_some(), "run");
            Err(Failure::task(format!("{failed} of {done} commands failed{rest}; the first: {first}")))
        }
    }
}

/// The template, or the argument itself as a command line.
fn understood(template: Option<&Arc<Template>>, argument: &[u8]) -> Arc<Template> {
    template.map_or_else(|| Arc::new(Template::line(argument)), Arc::clone)
}

/// Opens the run folder, if one was asked for.
fn keep(plan: &RunPlan, running: &Arc<Running>) -> Result<Option<Arc<Shelf>>, Failure> {
    let Some(keeping) = &plan.keeping else { return Ok(None) };
    let signature = format!("{} -> {}", type_name::<CommandJob>(), type_name::<CommandEnd>());
    let what = Computes {
        task: RUN_COMMAND,
        signature,
        worker: None,
        inputs: &Looked::default(),
        range: 1,
        most: MOST_RANGES,
    };
    Ok(Some(Shelf::new(&keeping.open(&what, running)?, "command")))
}

/// What is done with commands that have ended.
struct Commands {
    /// Where results are kept until their turn, if they are.
    shelf: Option<Arc<Shelf>>,
    /// Of commands that have failed, by their index, until their turn: they are not kept, and run again the next time.
    aside: HashMap<u64, CommandEnd>,
    plan: RunPlan,
    template: Option<Arc<Template>>,
    arguments: Arc<Open>,
    console: Arc<Console>,
    running: Arc<Running>,
    /// Taken at the end.
    printer: Option<Printer>,
    joblog: Option<Joblog>,
    progress: Progress,
    ending: Arc<Ending>,
    /// Those that were asked to end: nothing is told of them, as of those that never began.
    ended: u64,
    done: u64,
    failed: u64,
    /// The first failure by the number of its command, in words.
    first: Option<(u64, String)>,
}

impl Collector<CommandEnd> for Commands {
    fn arrives(&mut self, call: u64, outcome: Result<&CommandEnd, &TaskError>) -> Result<Next, Failure> {
        let index = self.index_of(call);
        match Ended::of(outcome) {
            Ended::Asked => {
                self.ended += 1;
                return Ok(Next::GoOn);
            }
            // It is told after what was printed before it.
            Ended::Never(_) => return Ok(Next::GoOn),
            Ended::Itself(end) => self.count(index, end, told(&end.exit))?,
            Ended::Lost(end, failure) => {
                if let Some(folder) = self.plan.results_of(index) {
                    leave_no_part(&folder);
                }
                self.count(index, &end, Some(failure))?;
            }
        }
        Ok(match self.plan.halt {
            Some(halt) if halt.is_reached(self.failed, self.done) => {
                if halt.now {
                    self.ending.begin()
                } else {
                    Next::Finish
                }
            }
            _ => Next::GoOn,
        })
    }

    fn take(&mut self, call: u64, outcome: Result<&CommandEnd, &TaskError>) -> Result<Next, Failure> {
        let index = self.index_of(call);
        let lost;
        let end = match Ended::of(outcome) {
            Ended::Asked => return Ok(Next::GoOn),
            Ended::Never(error) => return Err(Failure::of_task(error, &format!("command {}: {error}", index + 1))),
            Ended::Itself(end) => end,
            Ended::Lost(end, _) => {
                lost = end;
                &lost
            }
        };
        let Some(shelf) = self.shelf.clone() else {
            self.show(index, end)?;
            return Ok(Next::GoOn);
        };
        if has_failed(end) {
            self.aside.insert(index, end.clone());
            shelf.put(call, None)?;
        } else {
            shelf.put(call, encode(end))?;
        }
        self.hand_on(false)?;
        Ok(Next::GoOn)
    }

    fn weight(end: &CommandEnd) -> u64 {
        (end.stdout.len() + end.stderr.len()) as u64
    }
}

impl Commands {
    /// Which of all commands a call is for.
    fn index_of(&self, call: u64) -> u64 {
        self.shelf.as_ref().map_or(call, |shelf| shelf.task_of(call))
    }

    /// One more has ended, and so: what is told of that does not wait for what is printed.
    fn count(&mut self, index: u64, end: &CommandEnd, failure: Option<String>) -> Result<(), Failure> {
        let number = index + 1;
        let shown = || {
            let argument = self.arguments.of(index);
            understood(self.template.as_ref(), &argument).shown(&argument, number)
        };
        let line = || one_line(&String::from_utf8_lossy(&shown()));
        if let Some(joblog) = &mut self.joblog {
            joblog.add(number, end, &shown())?;
        }
        if let Some(failure) = failure {
            self.failed += 1;
            self.running.one_failed();
            self.progress.fail();
            self.running.journal().failed(|| format!("command {number} {failure}: {}", line()));
            if self.first.as_ref().is_none_or(|(first, _)| index < *first) {
                self.first = Some((index, format!("command {number} {failure}: {}", line())));
            }
        }
        let took = Duration::from_secs_f64(end.seconds.max(0.0));
        self.running.journal().took(took, || format!("{number}: {}", line()));
        self.done += 1;
        self.running.advance(1);
        self.progress.advance(1);
        Ok(())
    }

    /// Prints what a command has printed.
    fn show(&mut self, index: u64, end: &CommandEnd) -> Result<(), Failure> {
        let argument = self.arguments.take(index);
        let printer = self.printer.as_mut();
        if !end.stdout.is_empty() {
            let tagged = self.plan.tagged(&end.stdout, &argument);
            let journal = self.running.journal();
            printer.map_or(Ok(()), |printer| journal.handing_on(|| printer.push(&tagged)))?;
        }
        if !end.stderr.is_empty() {
            self.console.raw(&self.plan.tagged(&end.stderr, &argument))?;
        }
        Ok(())
    }

    /// Shows the commands whose turn it is, or all that have ended.
    fn hand_on(&mut self, any: bool) -> Result<(), Failure> {
        let Some(shelf) = self.shelf.clone() else { return Ok(()) };
        while let Some(done) = shelf.take(any)? {
            // A command is a range of its own.
            let index = done.range();
            let kept = done.results().next().flatten().and_then(decode::<CommandEnd>);
            let Some(end) = kept.or_else(|| self.aside.remove(&index)) else {
                return Err(Failure::files(format!("the result of command {} cannot be decoded", index + 1)));
            };
            if done.is_stored() {
                self.count(index, &end, None)?;
            }
            self.show(index, &end)?;
        }
        Ok(())
    }

    /// Shows the commands that have failed and had no turn, as in a share of a run.
    fn show_the_rest(&mut self) -> Result<(), Failure> {
        let mut rest: Vec<_> = self.aside.drain().collect();
        rest.sort_unstable_by_key(|(index, _)| *index);
        rest.into_iter().try_for_each(|(index, end)| self.show(index, &end))
    }

    /// All that is kept is published: how many commands there are, if those are all.
    fn settle(&self) -> Result<Option<u64>, Failure> {
        self.shelf.as_ref().map_or(Ok(None), |shelf| shelf.settle())
    }
}
