//! Control messages: what coordinator and worker say to each other besides tasks and results.
//!
//! Two closed lists, one per direction. A variant that does not exist is a typed error, never skipped: both sides speak one
//! [`PROTOCOL`], and the handshake makes sure of it before anything else is said. For that, the first fields of a [`Hello`] are
//! the same in every version to come, and [`peek_hello`] reads just those: so that two versions that do not fit can still tell
//! each other their numbers.
//!
//! A conversation: the worker says `Hello`, the coordinator `Welcome`, the worker `Ready` (or `Refused`); then tasks and results
//! flow, `Withdraw` is answered by `GaveBack`, of tasks that may begin once only the worker says that it has `Begun` them, and `Shutdown` is
//! answered by `Bye`.
//!
//! No message holds a recursive type or a sequence of elements without bytes.

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode_prefix};
use crate::function::FunctionInfo;

/// The version of everything in this crate that goes over a link.
pub const PROTOCOL: u32 = 10;

/// What a worker says.
///
/// ```
/// use mpexec_wire::{FromWorker, decode, encode_to_vec};
///
/// let bytes = encode_to_vec(&FromWorker::GaveBack { lo: 4, hi: 9 })?;
/// assert_eq!(decode::<FromWorker>(&bytes)?, FromWorker::GaveBack { lo: 4, hi: 9 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The first message of all. Its place in this list is fixed for ever, as are the first two fields of [`Hello`].
    Hello(Hello),
    /// The welcome was understood and the start hook is through: send tasks.
    Ready,
    /// These ordinals were not started and never will be: they are the coordinator's again.
    GaveBack {
        /// The first ordinal given back.
        lo: u64,
        /// The first ordinal not given back.
        hi: u64,
    },
    /// The worker cannot serve, for instance because it cannot decode the shared context.
    Refused {
        /// Why, for the user.
        reason: String,
    },
    /// The last message of all; the worker ends by itself.
    Bye,
    /// Where data goes by shared memory: it begins a task of a batch whose tasks are to begin once only. Unlike what it tells in memory, the
    /// task cannot take this back.
    Begun {
        /// Which.
        ordinal: u64,
    },
}

/// Who the worker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The [`PROTOCOL`] it speaks.
    pub protocol: u32,
    /// The version of the library it was built with.
    pub version: String,
    /// Its process id, in its own name space.
    pub pid: u32,
    /// The executable it runs.
    pub executable: FileId,
    /// The task functions it knows by name; a batch names them by their place in this list.
    pub functions: Vec<FunctionInfo>,
}

/// A file, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device it lies on.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
}

/// What the coordinator says.
///
/// ```
/// use mpexec_wire::{ToWorker, decode, encode_to_vec};
///
/// let bytes = encode_to_vec(&ToWorker::Shutdown)?;
/// assert_eq!(decode::<ToWorker>(&bytes)?, ToWorker::Shutdown);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// The answer to a hello that fits.
    Welcome(Welcome),
    /// Give these ordinals back as far as they have not started.
    Withdraw {
        /// The first ordinal to give back.
        lo: u64,
        /// The first ordinal to keep.
        hi: u64,
    },
    /// Finish what was sent and end.
    Shutdown,
}

/// What a worker must know before its first task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The [`PROTOCOL`] the coordinator speaks.
    pub protocol: u32,
    /// The version of the library it was built with.
    pub version: String,
    /// The worker's number in its pool.
    pub worker: u32,
    /// The way that tasks and results take.
    pub transport: Transport,
    /// The coordinator's own executable when the worker must run the same: task functions are then named by offset.
    pub same_executable: Option<FileId>,
    /// The encoded context that all tasks share.
    #[serde(with = "serde_bytes")]
    pub context: Option<Vec<u8>>,
    /// The coordinator's process id; the worker ends when this is no longer its parent.
    pub coordinator: u32,
    /// How it is to live.
    pub settings: Settings,
}

/// How a worker is to live; it sees to this before it does anything else.
///
/// ```
/// let plain = mpexec_wire::Settings::default();
/// assert!(plain.processors.is_empty() && !plain.outlives);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What it is called.
    pub name: String,
    /// What the coordinator is called.
    pub parent: String,
    /// Added to the niceness it was born with.
    pub nice: i32,
    /// The processors it may run on; none named: those it was born with.
    pub processors: Vec<u32>,
    /// It finishes what it has when the coordinator ends, and does not die with it.
    pub outlives: bool,
    /// Its standard output and error are files in memory; so many bytes of each are to be kept per task.
    pub capture: Option<u64>,
}

/// What a task ended as and what it printed: the payload of the result of a call that captures.
///
/// ```
/// use mpexec_wire::{Captured, decode, encode_to_vec};
///
/// let spoke = Captured { stdout: b"hello".to_vec(), stdout_cut: 7, ..Captured::default() };
/// assert_eq!(decode::<Captured>(&encode_to_vec(&spoke)?)?, spoke);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// A [`Status`](crate::Status).
    pub status: u16,
    /// What belongs to that status.
    #[serde(with = "serde_bytes")]
    pub result: Vec<u8>,
    /// The beginning of what it wrote to standard output,
    #[serde(with = "serde_bytes")]
    pub stdout: Vec<u8>,
    /// and to standard error.
    #[serde(with = "serde_bytes")]
    pub stderr: Vec<u8>,
    /// How many bytes more went to standard output,
    pub stdout_cut: u64,
    /// and to standard error.
    pub stderr_cut: u64,
}

/// The way that tasks and results take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// Two rings in shared memory, whose descriptors come with the welcome.
    Shm {
        /// The data capacity of each ring, in bytes.
        capacity: u64,
    },
    /// Frames on the control socket.
    Socket,
}

/// A panic of a task: the payload of a result with [`Status::Panicked`](crate::Status::Panicked).
///
/// ```
/// use mpexec_wire::{PanicReport, decode, encode_to_vec};
///
/// let report = PanicReport { message: "boom".into(), location: Some("a.rs:1:2".into()), backtrace: None };
/// assert_eq!(decode::<PanicReport>(&encode_to_vec(&report)?)?, report);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicReport {
    /// What it panicked with.
    pub message: String,
    /// `file:line:column`.
    pub location: Option<String>,
    /// The backtrace, where one was asked for.
    pub backtrace: Option<String>,
}

/// The part of a [`Hello`] that every version understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The protocol that the worker speaks.
    pub protocol: u32,
    /// The version of the library it was built with.
    pub version: String,
}

/// Reads who is speaking from an encoded [`FromWorker::Hello`] of *any* protocol.
///
/// Look here first; only when the protocol is one's own, decode the whole.
///
/// ```
/// use mpexec_wire::{encode_to_vec, peek_hello};
///
/// let from_the_future = encode_to_vec(&(0_u32, 99_u32, "9.0.0", [1_u8; 5]))?;
/// assert_eq!(peek_hello(&from_the_future)?.protocol, 99);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DecodeError::Cut`] or [`DecodeError::Invalid`] when this is no hello of any version.
pub fn peek_hello(bytes: &[u8]) -> Result<Greeting, DecodeError> {
    let (variant, used) = decode_prefix::<u32>(bytes)?;
    if variant != 0 {
        return Err(DecodeError::Invalid {
            type_name: std::any::type_name::<Hello>(),
            message: format!("the first message is number {variant} of its list, not a hello"),
        });
    }
    let ((protocol, version), _) = decode_prefix(&bytes[used..])?;
    Ok(Greeting { protocol, version })
}
