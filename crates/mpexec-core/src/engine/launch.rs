//! Starting a worker and shaking hands with it.
//!
//! The welcome, with the rings' descriptors, is sent right after the spawn and lies in the socket when the worker comes
//! to its `init`; its hello is the only round trip.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use mpexec_ring::{ResultReceiver, Segments, TaskSender};
use mpexec_wire::{
    FileId, FrameKind, FromWorker, Greeting, Hello, PARCEL_REF, PROTOCOL, ParcelRef, ToWorker,
    Transport as WireTransport, Welcome, decode, peek_hello,
};

use super::Engine;
use super::functions::Names;
use super::printed::Sheets;
use super::scheduler::WorkerId;
use super::slot::{Phase, Slot, Starting, Tail};
use super::state::State;
use crate::config::{Output, Transport, WORKER_MARK};
use crate::error::PoolError;
use crate::link::control::{self, Reader, Socket, Writer};
use crate::link::parcels::CONTEXT_PARCEL;
use crate::link::shm::{Post, ShmLink};
use crate::link::socket::SocketLink;
use crate::link::{Link, LinkError, Progress, memory};
use crate::os::blackbox::BlackBox;
use crate::os::cgroup::WorkerGroup;
use crate::os::child::ChildProcess;
use crate::os::events::{Bell, Watch};
use crate::os::spawn::{self, Birth, Spawning};

/// What the in-process link runs as its worker; given by the door, because engine and worker do not know each other.
pub(crate) type ThreadWorker = fn(
    inbox: crate::link::shm::worker::ShmInbox,
    out: crate::link::shm::worker::ShmOutbox,
    number: u32,
    context: Option<Arc<Vec<u8>>>,
);

thread_local! {
    /// The engine whose tasks this thread runs, as its address: on the in-process link alone, where the engine is joined before
    /// it goes. 0 on any other thread.
    static SERVED_BY: Cell<usize> = const { Cell::new(0) };
}

/// A process that is being started as a worker, and what is there for it.
#[derive(Debug)]
pub(crate) struct Begun {
    pub since: Instant,
    spawning: Spawning,
    socket: Socket,
    rings: Option<Rings>,
    black_box: Option<BlackBox>,
    stdout: Option<Tail>,
    stderr: Option<Tail>,
    sheets: Option<Sheets>,
    group: Option<WorkerGroup>,
}

impl Begun {
    /// Once: what came of it, if that is known.
    pub(super) fn child(&self) -> Option<io::Result<ChildProcess>> {
        self.spawning.take()
    }
}

/// A process that is being started, and what for.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub begun: Begun,
    pub whom: Whom,
    /// It was begun before its place was free, when the system may have had no room for it: should it not be startable, it is begun again.
    pub early: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Whom {
    /// The worker of this place; so many had died before.
    Worker {
        id: WorkerId,
        born: u64,
    },
    Spare,
    /// The worker of this place, when that is left, or of another that is empty (see [`super::successor`]).
    Successor {
        id: WorkerId,
    },
}

/// A process that was started as a worker and waits to be welcomed.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub child: ChildProcess,
    begun: Begun,
}

impl Engine {
    /// Whether this thread is the only worker that there is: who waits here for a task waits for himself.
    pub(super) fn is_served_here(&self) -> bool {
        self.transport == Transport::Memory
            && self.workers() == 1
            && SERVED_BY.get() == std::ptr::from_ref(self) as usize
    }

    /// Has a process started that may become a worker in any place. Not under the lock: making its rings takes a while.
    pub(super) fn begin_process(&self) -> Result<Begun, PoolError> {
        let (socket, theirs) =
            control::pair().map_err(|error| PoolError::system("make a socket pair for a worker", error))?;
        let piped = |error| PoolError::system("make a pipe for what a worker prints", error);
        let (mut stdout, mut stderr, mut sheets) = (None, None, None);
        let printing = if self.config.capture.is_some() {
            let (ours, theirs) =
                Sheets::new().map_err(|error| PoolError::system("make the memory that a worker prints to", error))?;
            sheets = Some(ours);
            theirs
        } else {
            let (our_stdout, their_stdout) = connect(self.config.stdout).map_err(piped)?;
            let (our_stderr, their_stderr) = connect(self.config.stderr).map_err(piped)?;
            (stdout, stderr) = (our_stdout, our_stderr);
            [their_stdout, their_stderr]
        };
        // The rings are made while the child is being started.
        let group = self.cgroups.as_ref().and_then(|cgroups| cgroups.for_worker().ok());
        let spawning = self.spawn(theirs, printing, group.as_ref())?;
        let rings = self.make_rings()?;
        // Without it a worker serves as well.
        let black_box = BlackBox::new().ok();
        Ok(Begun { since: Instant::now(), spawning, socket, rings, black_box, stdout, stderr, sheets, group })
    }

    /// The process is there, or could not be started.
    pub(super) fn newcomer(&self, begun: Begun, child: io::Result<ChildProcess>) -> Result<Newcomer, PoolError> {
        let child = child.map_err(|error| self.not_startable(&error))?;
        // It waits for its welcome: nothing of the user's has run but what stands before `init`.
        let walled = self.config.memory_limit.map_or(Ok(()), |bytes| child.limit_memory(bytes));
        match walled {
            Ok(()) => Ok(Newcomer { child, begun }),
            Err(error) => {
                spawn::bury(child);
                Err(PoolError::system("limit the memory of a worker", error))
            }
        }
    }

    /// The system has not started it for so long.
    pub(super) fn never_started(&self, limit: Duration) -> PoolError {
        self.not_startable(&io::Error::other(format!("the system has not started it within {limit:?}")))
    }

    /// Makes a process that waits to be welcomed the worker of place `id`.
    ///
    /// # Errors
    /// The system does not let it be welcomed. It is killed.
    pub(super) fn greet(&self, newcomer: Newcomer, id: WorkerId) -> Result<Slot, PoolError> {
        let Newcomer { mut child, begun } = newcomer;
        let Begun { socket, rings, black_box, stdout, stderr, sheets, group, .. } = begun;
        child.list_as(self.config.worker_name());
        let mut writer = Writer::new(socket.clone(), false);
        let reader = Reader::new(socket.clone(), false);
        let welcome = ToWorker::Welcome(Welcome {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            worker: u32::try_from(id).unwrap_or(u32::MAX),
            transport: match &rings {
                Some(_) => WireTransport::Shm { capacity: self.config.ring_capacity as u64 },
                None => WireTransport::Socket,
            },
            same_executable: self.program.own.then_some(self.program.id),
            context: match &self.context {
                Some((_, length)) => Some(length.to_le_bytes().to_vec()),
                None => self.config.context.as_deref().cloned(),
            },
            coordinator: std::process::id(),
            settings: self.surroundings.settings(&self.config, id),
        });
        let mut attached = match &rings {
            Some(((_, _, segments), bell)) => {
                let all =
                    [Some(segments.tasks.as_fd()), Some(segments.results.as_fd()), self.page.fd(), Some(bell.as_fd())];
                all.into_iter().flatten().collect()
            }
            None => Vec::new(),
        };
        attached.extend(black_box.as_ref().map(BlackBox::fd));
        let mut welcomed = writer.message(&welcome, &attached);
        if let (Some((parcel, length)), Ok(())) = (&self.context, &welcomed) {
            let mut named = [0; PARCEL_REF];
            ParcelRef { parcel: CONTEXT_PARCEL, len: *length }.write_to(&mut named);
            welcomed = writer.send(FrameKind::Parcel, &[&named], &[parcel.as_fd()]);
        }
        // A worker that is gone already shows by its exit, not by this.
        if let Err(LinkError::Io(error)) = welcomed {
            spawn::bury(child);
            return Err(PoolError::system("send a worker its welcome", error));
        }
        let rings = rings.map(|((tasks, results, _), bell)| (tasks, results, bell));
        let pid = child.pid();
        Ok(Slot {
            phase: Phase::Starting(Box::new(Starting { since: Instant::now(), socket, reader, writer, rings })),
            child: Some(child),
            pid,
            stdout,
            stderr,
            sheets,
            black_box,
            group,
            ..Slot::default()
        })
    }

    fn make_rings(&self) -> Result<Option<Rings>, PoolError> {
        if self.transport == Transport::Socket {
            return Ok(None);
        }
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rings = tried.map_or_else(|| mpexec_ring::create(self.config.ring_capacity), Ok);
        let made = rings.and_then(|rings| Ok((rings, Bell::new()?)));
        let refused =
            |error| PoolError::system("make shared memory for a worker (--transport socket does without)", error);
        made.map(Some).map_err(refused)
    }

    fn spawn(
        &self,
        stdin: OwnedFd,
        [stdout, stderr]: [Option<OwnedFd>; 2],
        group: Option<&WorkerGroup>,
    ) -> Result<Spawning, PoolError> {
        let mut arguments = vec![self.config.worker_name().into(), WORKER_MARK.into()];
        arguments.extend(group.map(|group| group.path().into()));
        let birth = Birth {
            program: self.program.to_run(),
            arguments,
            environment: self.config.environment.of_a_worker(),
            directory: self.surroundings.directory().map(Path::to_owned),
            streams: [Some(stdin), stdout, stderr],
        };
        spawn::spawn(birth, self.wake.clone()).map_err(|error| self.not_startable(&error))
    }

    fn not_startable(&self, error: &io::Error) -> PoolError {
        if let Some(directory) = self.surroundings.blame() {
            return directory;
        }
        PoolError::WorkerProgram {
            program: self.program.path.clone(),
            what: format!("it cannot be started: {error}"),
            remedy: "check that it exists, is executable and is for this machine".to_owned(),
        }
    }

    /// Starts a thread as worker, for the in-process link.
    pub(crate) fn launch_thread(&self, id: WorkerId, serve: ThreadWorker) -> Result<Slot, PoolError> {
        let failed = |error: io::Error| PoolError::system("start a worker thread", error);
        let (link, inbox, out) =
            memory::pair(self.config.ring_capacity, self.config.max_message, &self.page).map_err(failed)?;
        let number = u32::try_from(id).unwrap_or(u32::MAX);
        let context = self.config.context.clone();
        let engine = std::ptr::from_ref(self) as usize;
        let thread = std::thread::Builder::new()
            .name(format!("mpexec-worker-{id}"))
            .spawn(move || {
                SERVED_BY.set(engine);
                serve(inbox, out, number, context);
            })
            .map_err(failed)?;
        let slot = Slot { phase: Phase::Ready, link: Some(Box::new(link)), pid: std::process::id(), ..Slot::default() };
        Ok(Slot { thread: Some(thread), ..slot })
    }

    /// The starting worker of place `id` has said something (or its socket has ended).
    ///
    /// # Errors
    /// Why it is no worker of ours.
    pub(crate) fn hear_hello(&self, state: &mut State, id: WorkerId) -> Result<(), String> {
        let slot = &mut state.slots[id];
        let Phase::Starting(starting) = &mut slot.phase else {
            return Ok(());
        };
        let hello = match hello_from(&mut starting.reader) {
            Ok(None) => return Ok(()),
            Ok(Some(hello)) => hello,
            // Its exit status says more than the end of its socket; that is awaited.
            Err(LinkError::Closed) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        self.check(&hello, slot.pid)?;
        if self.cgroups.is_some() && !slot.group.as_ref().is_some_and(WorkerGroup::is_populated) {
            slot.group = None;
            if !self.uncontained.swap(true, std::sync::atomic::Ordering::Relaxed) {
                let told = format!("worker {id} could not enter a cgroup: a kill takes its process group");
                state.news.push(told);
            }
        }
        let Phase::Starting(starting) = std::mem::replace(&mut slot.phase, Phase::Ready) else {
            return Ok(());
        };
        let Starting { socket, reader, writer, rings, .. } = *starting;
        let most = self.config.max_message;
        let (link, watch): (Box<dyn Link>, Watch) = match rings {
            Some((tasks, results, bell)) => {
                (Box::new(ShmLink::new(tasks, results, bell, Post::Socket(reader, writer), most)), Watch::Edge)
            }
            None => (Box::new(SocketLink::new(socket, reader, writer, most)), Watch::Level),
        };
        if link.has_news() || link.progress() != Progress::default() {
            return Err("it has written results before it had a task".to_owned());
        }
        self.bells
            .add(link.bell(), id as u64, watch)
            .map_err(|error| format!("its bell cannot be watched: {error}"))?;
        slot.link = Some(link);
        if state.names.is_none() {
            state.names = Some(Names::new(hello.functions));
        }
        state.welcome(id);
        Ok(())
    }

    fn check(&self, hello: &Hello, pid: u32) -> Result<(), String> {
        if hello.protocol != PROTOCOL {
            return Err(format!(
                "it speaks protocol {} (mpexec-core {}), this program speaks {PROTOCOL} (mpexec-core {}): build both with the same version",
                hello.protocol,
                hello.version,
                env!("CARGO_PKG_VERSION")
            ));
        }
        if hello.pid != pid {
            return Err(format!(
                "process {} answered for process {pid}: the worker program must not fork before init()",
                hello.pid
            ));
        }
        let FileId { device, inode } = hello.executable;
        if self.program.own && (device, inode) != (self.program.id.device, self.program.id.inode) {
            return Err("it runs another file than this program's own executable".to_owned());
        }
        Ok(())
    }
}

/// Rings that were made to see whether they can be, and that are as good as any.
pub(super) type TriedRings = (TaskSender, ResultReceiver, Segments);

/// A worker's rings, what is to be passed to it of them, and its bell.
type Rings = (TriedRings, Bell);

/// Where a stream of a worker goes, and our end of it if there is one: it reads without blocking; the child's is an
/// ordinary pipe.
fn connect(output: Output) -> io::Result<(Option<Tail>, Option<OwnedFd>)> {
    match output {
        Output::Inherit => Ok((None, None)),
        Output::Null => Ok((None, Some(File::options().read(true).write(true).open("/dev/null")?.into()))),
        Output::Forward | Output::Keep => {
            let (ours, theirs) = io::pipe()?;
            let ours = File::from(OwnedFd::from(ours));
            rustix::io::ioctl_fionbio(&ours, true)?;
            Ok((Some(Tail::new(ours)), Some(theirs.into())))
        }
    }
}

/// The hello of another protocol, of which only the first fields can be read: enough to say what does not fit.
fn stranger(greeting: Greeting) -> Hello {
    let Greeting { protocol, version } = greeting;
    Hello { protocol, version, pid: 0, executable: FileId { device: 0, inode: 0 }, functions: Vec::new() }
}

fn hello_from(reader: &mut Reader) -> Result<Option<Hello>, LinkError> {
    loop {
        let message = reader.next(|kind, payload, _| match kind {
            FrameKind::Control => match peek_hello(payload) {
                Ok(greeting) if greeting.protocol != PROTOCOL => Ok(FromWorker::Hello(stranger(greeting))),
                _ => decode::<FromWorker>(payload).map_err(LinkError::broken),
            },
            other => Err(LinkError::broken(format!("a {other:?} frame before the handshake"))),
        });
        match message? {
            Some(FromWorker::Hello(hello)) => return Ok(Some(hello)),
            Some(FromWorker::Refused { reason }) => return Err(LinkError::Refused(reason)),
            Some(other) => {
                return Err(LinkError::broken(format!("{other:?} before the handshake")));
            }
            None if reader.fill()? => {}
            None => return Ok(None),
        }
    }
}
