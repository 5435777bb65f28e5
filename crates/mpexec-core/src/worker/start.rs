//! How a worker begins: it finds that it is one, takes its socket, shakes hands, serves and leaves.
//!
//! A worker knows itself by an argument *and* by a socket of its parent on descriptor 0, never by an environment
//! variable, which a task that runs another mpexec program would hand on.

use std::path::PathBuf;
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

use mpexec_wire::{
    FileId, FrameKind, FromWorker, Hello, PROTOCOL, Settings, Status, ToWorker, Transport, Welcome, decode,
};

use super::call::Entry;
use super::functions::{Functions, duplicate, told};
use super::{ambient, capture, guard, parent, serve};
use crate::config::WORKER_MARK;
use crate::error::PoolError;
use crate::link::control::{Reader, Socket, Writer, wrap};
use crate::link::parcels::{CONTEXT_LENGTH, CONTEXT_PARCEL, Parcels};
use crate::link::{LinkError, shm, socket};
use crate::os::closing::Foreign;
use crate::os::{blackbox, cgroup, death, descriptors, exe, fork, memory, place, status_signal};

/// A worker that cannot shake hands leaves with this code.
const REFUSED: i32 = 97;

/// A worker whose last task did not return a value leaves with this code.
const FAILED: i32 = 1;

/// So many descriptors come with the welcome for the rings; behind them comes the black box, if there is one.
const RINGS: usize = 4;

/// The ends that a worker on a thread of this process serves.
pub(crate) use crate::link::shm::worker::{ShmInbox as ThreadInbox, ShmOutbox as ThreadOutbox};

static INITIALISED: AtomicBool = AtomicBool::new(false);

/// Whether `init` was called in this process.
pub(crate) fn initialised() -> bool {
    INITIALISED.load(Ordering::Relaxed)
}

/// What a process finds when it asks whether it is a worker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// An ordinary program.
    Program,
    /// A worker of the process with this id.
    Worker(u32),
    /// Called by hand as if it were a worker.
    Impostor,
}

pub(crate) fn role() -> Role {
    let marked = std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER_MARK);
    match (marked, marked.then(descriptors::coordinator_on_stdin).flatten()) {
        (false, _) => Role::Program,
        (true, Some(coordinator)) => Role::Worker(coordinator),
        (true, None) => Role::Impostor,
    }
}

/// See [`crate::init`].
pub(crate) fn init(by_offset: fn(u64) -> Option<Entry>) {
    INITIALISED.store(true, Ordering::Relaxed);
    match role() {
        Role::Program => {}
        Role::Worker(coordinator) => be_worker(coordinator, by_offset),
        Role::Impostor => {
            eprintln!(
                "this is an mpexec worker: it is started by a program that has a process pool, with a socket as its \
                 standard input, and does nothing when called by hand"
            );
            exit(REFUSED);
        }
    }
}

fn be_worker(coordinator: u32, by_offset: fn(u64) -> Option<Entry>) -> ! {
    ambient::mark_worker_process();
    fork::mark_this_process();
    status_signal::bear();
    death::settle_in("mpexec-worker");
    let socket = match descriptors::take_socket_from_stdin() {
        Ok(socket) => wrap(socket),
        Err(error) => leave_refusing(None, &format!("it cannot take its socket: {error}")),
    };
    if let Err(error) = death::die_with_parent(coordinator) {
        leave_refusing(Some(&socket), &format!("it cannot ask to die with its coordinator: {error}"));
    }
    if let Some(path) = std::env::args_os().nth(2).map(PathBuf::from)
        && cgroup::enter(&path).is_ok()
    {
        // Should it not be in there, the coordinator sees that.
        death::take_along(&path);
    }
    match shake_hands_and_serve(&socket, by_offset) {
        Ok(Status::Ok) => exit(0),
        // As a program whose `main` panics. It is what `Process::exit_status` shows; a pool does not ask.
        Ok(_) => exit(FAILED),
        // The coordinator is gone or going: nobody is left to tell.
        Err(LinkError::Closed) => death::kill_own_group(),
        Err(LinkError::Refused(reason)) => leave_refusing(Some(&socket), &reason),
        Err(error) => leave_refusing(Some(&socket), &error.to_string()),
    }
}

/// Tells the coordinator why, and leaves.
fn leave_refusing(socket: Option<&Socket>, reason: &str) -> ! {
    let told = socket.is_some_and(|socket| {
        let refusal = FromWorker::Refused { reason: reason.to_owned() };
        Writer::new(socket.clone(), true).message(&refusal, &[]).is_ok()
    });
    if !told {
        eprintln!("mpexec worker {}: {reason}", std::process::id());
    }
    exit(REFUSED);
}

fn shake_hands_and_serve(socket: &Socket, by_offset: fn(u64) -> Option<Entry>) -> Result<Status, LinkError> {
    let mut reader = Reader::new(socket.clone(), true);
    let mut writer = Writer::new(socket.clone(), true);
    let (welcome, attached) = loop {
        let message = reader.next(|kind, payload, attached| match kind {
            FrameKind::Control => Ok((decode::<ToWorker>(payload).map_err(LinkError::broken)?, attached)),
            _ => Err(LinkError::broken("data came before the handshake")),
        })?;
        match message {
            Some((ToWorker::Welcome(welcome), attached)) => break (welcome, attached),
            Some(_) => return Err(LinkError::broken("the first message is not a welcome")),
            None => drop(reader.fill()?),
        }
    };
    // What the coordinator sends can be closed here.
    let mut attached: Vec<_> = attached.into_iter().map(Foreign::trusted).collect();
    let rings = if matches!(welcome.transport, Transport::Shm { .. }) { RINGS } else { 0 };
    if attached.len() > rings
        && let Some(black_box) = attached.pop()
    {
        // Without it, it cannot be told where this worker crashed, should it; all else goes on.
        let _ = blackbox::carry(black_box);
    }
    live_by(&welcome.settings)?;
    let own = exe::own_id()?;
    let functions = check(&welcome, &own, by_offset)?;
    let context_parcel = take_context(welcome.context)?;
    let hello = FromWorker::Hello(Hello {
        protocol: PROTOCOL,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        executable: own,
        // One executable cannot differ from itself: all but the names is not worth the time of a start.
        functions: told(welcome.same_executable.is_none()),
    });
    let parcels = Parcels::default();
    let outlives = welcome.settings.outlives;
    if outlives {
        writer.outlive_the_reader();
    }
    match welcome.transport {
        Transport::Shm { .. } => {
            let (bell, page, results, tasks) = match (attached.pop(), attached.pop(), attached.pop(), attached.pop()) {
                (Some(bell), Some(page), Some(results), Some(tasks)) => (bell, page, results, tasks),
                _ => {
                    return Err(LinkError::broken("the welcome came without its four descriptors"));
                }
            };
            let (mut inbox, mut out) = shm::worker::open(tasks, results, page, bell, writer, parcels.clone())?;
            out.say(&hello)?;
            let ending = outlives.then(|| {
                let orphaned = inbox.outlive();
                Box::new(move || orphaned.store(true, Ordering::SeqCst)) as guard::Ending
            });
            guard::start(reader, parcels.clone(), |_, _| Ok(()), ending).map_err(no_guard)?;
            await_context(context_parcel, &parcels)?;
            let last = serve::serve(&mut inbox, &mut out, &mut { functions }, welcome.worker)?;
            out.say(&FromWorker::Bye)?;
            Ok(last)
        }
        Transport::Socket => {
            writer.message(&hello, &[])?;
            let (mut inbox, mut out, take_in) = socket::worker::open(writer, parcels.clone());
            reader.expect_data();
            let ending = outlives.then(|| Box::new(inbox.ending()) as guard::Ending);
            guard::start(reader, parcels.clone(), take_in, ending).map_err(no_guard)?;
            await_context(context_parcel, &parcels)?;
            let last = serve::serve(&mut inbox, &mut out, &mut { functions }, welcome.worker)?;
            out.say(&FromWorker::Bye)?;
            Ok(last)
        }
    }
}

/// While there is one thread only: niceness and processors are inherited by those to come.
fn live_by(settings: &Settings) -> Result<(), LinkError> {
    death::call_it(&settings.name);
    parent::born(&settings.name, &settings.parent);
    if settings.outlives {
        death::live_on();
    } else {
        // Where the system has no such score, or lets nobody change it, it chooses by itself.
        let _ = memory::be_first_to_go();
    }
    if settings.nice != 0 {
        let by = settings.nice;
        place::be_nicer(by)
            .map_err(|error| LinkError::Refused(format!("it cannot change its niceness by {by}: {error}")))?;
    }
    if !settings.processors.is_empty() {
        let set = &settings.processors;
        place::run_on(set)
            .map_err(|error| LinkError::Refused(format!("it cannot run on the processors {set:?}: {error}")))?;
    }
    if let Some(most) = settings.capture {
        capture::begin(most)
            .map_err(|error| LinkError::Refused(format!("it cannot capture what is printed: {error}")))?;
    }
    Ok(())
}

fn no_guard(error: std::io::Error) -> LinkError {
    LinkError::Refused(format!("it cannot start the thread that watches its coordinator: {error} (ulimit -u?)"))
}

/// A context in the welcome is kept; of a large one only the length is there, and it comes as a parcel.
fn take_context(context: Option<Vec<u8>>) -> Result<Option<u64>, LinkError> {
    let Some(context) = context else { return Ok(None) };
    if let Ok(length) = <[u8; CONTEXT_LENGTH]>::try_from(context.as_slice()) {
        return Ok(Some(u64::from_le_bytes(length)));
    }
    ambient::set_context(context).map_err(LinkError::broken)?;
    Ok(None)
}

fn await_context(length: Option<u64>, parcels: &Parcels) -> Result<(), LinkError> {
    match length {
        None => Ok(()),
        Some(length) => ambient::set_context(parcels.take(CONTEXT_PARCEL, length)?).map_err(LinkError::broken),
    }
}

/// Whether the two sides fit, and which functions can be had by offset.
fn check(welcome: &Welcome, own: &FileId, by_offset: fn(u64) -> Option<Entry>) -> Result<Functions, LinkError> {
    if welcome.protocol != PROTOCOL {
        return Err(LinkError::Refused(format!(
            "the coordinator (mpexec-core {}) speaks protocol {}, this worker program (mpexec-core {}) speaks {PROTOCOL}: build both with the same version",
            welcome.version,
            welcome.protocol,
            env!("CARGO_PKG_VERSION"),
        )));
    }
    if let Some((name, first, second)) = duplicate() {
        let (first, second) = (first.to_string(), second.to_string());
        return Err(LinkError::Refused(PoolError::DuplicateTask { name, first, second }.to_string()));
    }
    match &welcome.same_executable {
        Some(theirs) if theirs == own => Ok(Functions::new(Some(by_offset))),
        Some(_) => {
            Err(LinkError::Refused("it was started from another file than the coordinator's own executable".to_owned()))
        }
        None => Ok(Functions::new(None)),
    }
}
