//! One of each thing that crosses a link, for the tests that must look at all of them.

#![allow(dead_code, unreachable_pub, reason = "each test program has this file to itself and uses the part it needs")]
#![allow(clippy::unwrap_used, reason = "a sample that cannot be made is a failed test")]

use std::{
    collections::BTreeMap,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use mpexec_wire::*;
use serde::{Deserialize, Serialize};

/// A value with every shape that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zoo {
    pub small: (u8, i8, u16, i16, bool),
    pub large: (u32, i32, u64, i64, u128, i128),
    pub floats: (f32, f64),
    pub letter: char,
    pub text: String,
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
    pub nothing: (),
    pub maybe: Option<Box<Zoo>>,
    pub animals: Vec<Animal>,
    pub table: BTreeMap<String, Vec<u16>>,
    pub wrapped: Wrapper,
    pub fixed: [u8; 3],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Animal {
    Ant,
    Bee(u32),
    Cat(String, Option<u8>),
    Dog { name: String, legs: u8 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wrapper(pub Unit, pub u8);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit;

/// A value that nests itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Tree {
    Leaf(i64),
    Pair(Box<Tree>, Box<Tree>),
    Many(Vec<Tree>),
    Named(BTreeMap<String, Tree>),
    Maybe(Option<Box<Tree>>),
}

/// Takes no bytes on the wire, but memory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Weightless {
    #[serde(skip)]
    memory: [u64; 32],
}

pub fn zoo() -> Zoo {
    let inner = Zoo {
        small: (1, -1, 2, -2, true),
        large: (3, -3, 4, -4, 5, -5),
        floats: (0.5, -0.25),
        letter: 'ß',
        text: "größer".into(),
        bytes: vec![0, 255, 7],
        nothing: (),
        maybe: None,
        animals: vec![
            Animal::Ant,
            Animal::Bee(9),
            Animal::Cat("Mimi".into(), Some(9)),
            Animal::Dog { name: "Rex".into(), legs: 4 },
        ],
        table: BTreeMap::from([("a".into(), vec![1, 2]), ("b".into(), vec![])]),
        wrapped: Wrapper(Unit, 6),
        fixed: [7, 8, 9],
    };
    Zoo { maybe: Some(Box::new(inner.clone())), ..inner }
}

pub fn hello() -> Hello {
    Hello {
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        pid: 4711,
        executable: FileId { device: 0x0102, inode: 0x0a0b_0c0d },
        functions: vec![FunctionInfo {
            name: "sq".into(),
            signature: Some(Signature { parameters: vec!["u64".into()], result: "u64".into() }),
            parameters: Some(vec!["n".into()]),
            doc: "n*n".into(),
            json: true,
        }],
    }
}

pub fn welcome() -> Welcome {
    Welcome {
        protocol: PROTOCOL,
        version: "0.1.0".into(),
        worker: 2,
        transport: Transport::Shm { capacity: 4 << 20 },
        same_executable: Some(hello().executable),
        context: Some(vec![0xc0, 0xff, 0xee]),
        coordinator: 4710,
        settings: Settings {
            name: "w".into(),
            parent: "p".into(),
            nice: 5,
            processors: vec![1, 3],
            outlives: true,
            capture: Some(9),
        },
    }
}

pub fn panic_report() -> PanicReport {
    PanicReport { message: "boom".into(), location: Some("a.rs:1:2".into()), backtrace: None }
}

pub fn captured() -> Captured {
    let [result, stdout, stderr] = [vec![1, 2], b"o".to_vec(), b"e".to_vec()];
    Captured { status: 1, result, stdout, stderr, stdout_cut: 3, stderr_cut: 4 }
}

pub fn from_worker() -> Vec<FromWorker> {
    vec![
        FromWorker::Hello(hello()),
        FromWorker::Ready,
        FromWorker::GaveBack { lo: 5, hi: 9 },
        FromWorker::Refused { reason: "no".into() },
        FromWorker::Bye,
        FromWorker::Begun { ordinal: 3 },
    ]
}

pub fn to_worker() -> Vec<ToWorker> {
    let bare = Welcome {
        transport: Transport::Socket,
        same_executable: None,
        context: None,
        settings: Settings::default(),
        ..welcome()
    };
    vec![ToWorker::Welcome(welcome()), ToWorker::Welcome(bare), ToWorker::Withdraw { lo: 5, hi: 9 }, ToWorker::Shutdown]
}

/// A batch of three tasks, one of which is a parcel.
pub fn batch() -> Vec<u8> {
    let mut bytes = vec![0; BATCH_HEADER];
    BatchHeader {
        batch: 1,
        base_ordinal: 2,
        first_index: 3,
        function: 0x1234,
        function_kind: FunctionKind::Named,
        count: 4,
        flags: BATCH_CALLS,
        attempt: 4,
        parcels: 6,
    }
    .write_to(bytes.first_chunk_mut().unwrap());
    push_entry(&mut bytes, 0, &[0xaa, 0xbb, 0xcc]);
    push_entry(&mut bytes, ENTRY_PARCEL, &parcel());
    push_entry(&mut bytes, 0, &[]);
    push_entry(&mut bytes, ENTRY_LENT, &lent());
    bytes
}

/// A group of three results, one of which is a parcel.
pub fn group(count: u32) -> Vec<u8> {
    let mut bytes = vec![0; GROUP_HEADER];
    GroupHeader { batch: 1, first: 5, count, nanos: 0x10_000, ended: 0 }.write_to(bytes.first_chunk_mut().unwrap());
    push_result(&mut bytes, Status::Ok, 0, &[0xaa; 8]);
    push_result(&mut bytes, Status::Panicked, RESULT_PARCEL, &parcel());
    push_result(&mut bytes, Status::TaskErr, 0, b"no");
    bytes
}

pub fn parcel() -> [u8; PARCEL_REF] {
    let mut bytes = [0; PARCEL_REF];
    ParcelRef { parcel: 7, len: 1 << 30 }.write_to(&mut bytes);
    bytes
}

pub fn lent() -> [u8; LENT_REF] {
    let mut bytes = [0; LENT_REF];
    LentRef { parcel: ParcelRef { parcel: 8, len: 1 << 20 }, memory: 5 }.write_to(&mut bytes);
    bytes
}

pub fn push_entry(bytes: &mut Vec<u8>, flags: u32, payload: &[u8]) {
    let mut header = [0; ENTRY_HEADER];
    EntryHeader { len: payload.len() as u32, flags }.write_to(&mut header);
    push_padded(bytes, &header, payload);
}

pub fn push_result(bytes: &mut Vec<u8>, status: Status, flags: u16, payload: &[u8]) {
    let mut header = [0; ENTRY_HEADER];
    ResultHeader { len: payload.len() as u32, status, flags }.write_to(&mut header);
    push_padded(bytes, &header, payload);
}

fn push_padded(bytes: &mut Vec<u8>, header: &[u8], payload: &[u8]) {
    bytes.extend(header);
    bytes.extend(payload);
    bytes.resize(pad8(bytes.len()), 0);
}

pub fn frame(kind: FrameKind, attached: u16, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader::new(kind, attached, payload.len()).expect("within the caps");
    [&header.write(), payload].concat()
}

/// One frame of each kind, in an order that leaves most of them at odd places of the stream.
pub fn frames() -> Vec<(FrameKind, u16, Vec<u8>)> {
    let mut piece = vec![0; PIECE_HEADER];
    ParcelPiece { parcel: 7, total: 10, offset: 8 }.write_to(piece.first_chunk_mut().unwrap());
    piece.extend([1, 2]);
    let progress = Progress { done: 5, running: 6 };
    let hello = encode_to_vec(&from_worker()[0]).unwrap();
    vec![
        (FrameKind::Control, 2, hello),
        (FrameKind::Batch, 0, batch()),
        (FrameKind::Group, 0, group(0)),
        (FrameKind::Parcel, 1, parcel().to_vec()),
        (FrameKind::ParcelBytes, 0, piece),
        (FrameKind::Progress, 0, progress.write().to_vec()),
        (FrameKind::Forget, 0, Forgotten::write(&[7, 9])),
        (FrameKind::Control, 0, Vec::new()),
    ]
}

/// Walks a batch to its end, as a worker would.
pub fn read_batch(bytes: &[u8]) -> Result<(BatchHeader, Vec<Entry<'_>>), RecordError> {
    let header = BatchHeader::read(bytes)?;
    let entries = Entries::new(&bytes[BATCH_HEADER..], header.count).collect::<Result<_, _>>()?;
    Ok((header, entries))
}

/// Walks a group to its end, as a coordinator would.
pub fn read_group(bytes: &[u8]) -> Result<(GroupHeader, Vec<ResultEntry<'_>>), RecordError> {
    let header = GroupHeader::read(bytes)?;
    let results = Results::new(&bytes[GROUP_HEADER..], header.first, header.count);
    Ok((header, results.collect::<Result<_, _>>()?))
}

/// Reads a whole stream through a decoder, `step` bytes at a time.
#[allow(clippy::type_complexity, reason = "the frames as `frames` lists them")]
pub fn read_stream(stream: &[u8], step: usize) -> Result<Vec<(FrameKind, u16, Vec<u8>)>, FrameError> {
    let mut decoder = FrameDecoder::new();
    let mut found = Vec::new();
    let mut rest = stream;
    loop {
        while let Some(frame) = decoder.next()? {
            assert_eq!(frame.payload.as_ptr().addr() % 16, 0, "a payload is aligned");
            found.push((frame.kind, frame.attached, frame.payload.to_vec()));
        }
        if rest.is_empty() {
            return Ok(found);
        }
        let space = decoder.space(1);
        let n = step.min(space.len()).min(rest.len());
        space[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        decoder.filled(n);
    }
}

/// Runs `check` on a thread of its own and fails when it takes absurdly long: a hang, not a slow machine.
pub fn within_a_minute<T: Send + 'static>(check: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = channel();
    let thread = thread::spawn(move || {
        let _ = send.send(check());
    });
    match receive.recv_timeout(Duration::from_secs(60)) {
        Ok(done) => done,
        Err(RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("a result is sent before the end"),
        },
    }
}
