//! The rings beside a plain queue: whatever is done to both, in whatever order, they must agree.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod common;

use std::collections::VecDeque;

use common::{pattern, write_pattern};
use mpexec_ring::{PoolPage, ResultReceiver, ResultSender, Span, TaskSender, Upto, in_process};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

/// Rings below, at and above the first window.
const CAPACITIES: [usize; 4] = [4096, 16 << 10, 256 << 10, 1 << 20];

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() }
}

/// Sizes in thousandths of the longest record, with the edges made likely.
fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        4 => (0u32..80).prop_map(Size::Bytes),
        3 => (0u32..1000).prop_map(Size::Share),
        1 => (0i32..3).prop_map(|over| Size::Longest(over - 1)),
    ]
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Bytes(u32),
    Share(u32),
    Longest(i32),
}

impl Size {
    fn bytes(self, longest: usize) -> usize {
        match self {
            Size::Bytes(bytes) => bytes as usize,
            Size::Share(share) => longest * share as usize / 1000,
            Size::Longest(over) => longest.saturating_add_signed(over as isize),
        }
    }
}

#[derive(Clone, Debug)]
enum TaskStep {
    /// Ask for `min` to `min + more`, use `min` and this share of the rest.
    Send {
        min: Size,
        more: Size,
        used: u32,
    },
    /// Ask, and think better of it.
    Forsake(Size),
    Publish,
    Receive,
    /// Free the oldest read records, up to this many.
    Free(usize),
    FreeAll,
}

fn task_step() -> impl Strategy<Value = TaskStep> {
    prop_oneof![
        8 => (size(), size(), 0u32..=1000).prop_map(|(min, more, used)| TaskStep::Send { min, more, used }),
        1 => size().prop_map(TaskStep::Forsake),
        4 => Just(TaskStep::Publish),
        8 => Just(TaskStep::Receive),
        4 => (1usize..6).prop_map(TaskStep::Free),
        1 => Just(TaskStep::FreeAll),
    ]
}

/// A record of the model.
#[derive(Clone, Debug)]
struct Sent {
    id: u64,
    len: usize,
    span: Span,
}

fn footprint(len: usize) -> usize {
    16 + len.next_multiple_of(16)
}

fn grant(tasks: &mut TaskSender, min: usize, want: usize, holds: bool) -> Result<Option<usize>, TestCaseError> {
    let longest = tasks.max_record();
    let Some(room) = tasks.grant(min, want) else {
        prop_assert!(holds || min > longest, "an empty ring refused {} bytes", min);
        return Ok(None);
    };
    prop_assert!(min <= longest && (min..=want.max(min).min(longest)).contains(&room.len()));
    prop_assert_eq!(room.as_ptr().addr() % 16, 0);
    Ok(Some(room.len()))
}

fn run_tasks(capacity: usize, steps: &[TaskStep]) -> TestCaseResult {
    let page = PoolPage::create().unwrap();
    let (mut tasks, _results, mut worker, _sender) = in_process(capacity, &page).unwrap();
    let longest = tasks.max_record();
    let (mut committed, mut published, mut read) = (VecDeque::new(), VecDeque::<Sent>::new(), VecDeque::<Sent>::new());
    let mut next_id = 1;
    for step in steps {
        let holds = !(committed.is_empty() && published.is_empty() && read.is_empty());
        match *step {
            TaskStep::Send { min, more, used } => {
                let min = min.bytes(longest);
                let Some(room) = grant(&mut tasks, min, min + more.bytes(longest), holds)? else {
                    continue;
                };
                let len = min + (room - min) * used as usize / 1000;
                write_pattern(next_id, &mut tasks.grant(min, room).unwrap()[..len]);
                let span = tasks.commit(len, 1 + (next_id as u32 & 3), next_id);
                committed.push_back(Sent { id: next_id, len, span });
                next_id += 1;
            }
            TaskStep::Forsake(size) => {
                let size = size.bytes(longest);
                if grant(&mut tasks, size, size, holds)?.is_some() {
                    tasks.grant(0, size).expect("less than before").fill(0xee);
                }
            }
            TaskStep::Publish => {
                prop_assert!(!tasks.publish(), "nobody sleeps");
                published.append(&mut committed);
            }
            TaskStep::Receive => {
                prop_assert_eq!(worker.has_news(), !published.is_empty());
                let Some(sent) = published.pop_front() else {
                    prop_assert_eq!(worker.next().unwrap(), None);
                    continue;
                };
                let record = worker.next().unwrap().expect("a published record comes");
                prop_assert_eq!((record.kind, record.tag), (1 + (sent.id as u32 & 3), sent.id));
                prop_assert_eq!(record.payload.as_ptr().addr() % 16, 0);
                prop_assert_eq!(record.payload, &pattern(sent.id, sent.len)[..]);
                read.push_back(sent);
            }
            TaskStep::Free(count) => {
                if let Some(last) = read.drain(..count.min(read.len())).next_back() {
                    tasks.free_to(last.span);
                }
            }
            TaskStep::FreeAll => {
                // Only what the worker has passed may go; what it has not read is read first.
                while worker.next().unwrap().is_some() {}
                tasks.free_all();
                committed.clear();
                published.clear();
                read.clear();
            }
        }
        let held = read.iter().chain(&published).chain(&committed);
        prop_assert_eq!(tasks.in_use(), held.clone().map(|sent| footprint(sent.len)).sum::<usize>());
        for sent in held {
            prop_assert_eq!(tasks.bytes(sent.span), &pattern(sent.id, sent.len)[..]);
        }
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum ResultStep {
    Single {
        min: Size,
        more: Size,
        used: u32,
    },
    Begin,
    Append {
        min: Size,
        more: Size,
        used: u32,
    },
    /// Ask, write, and think better of it.
    Forsake(Size),
    End,
    Publish,
    Take(bool),
    Release,
}

fn result_step() -> impl Strategy<Value = ResultStep> {
    prop_oneof![
        4 => (size(), size(), 0u32..=1000).prop_map(|(min, more, used)| ResultStep::Single { min, more, used }),
        2 => Just(ResultStep::Begin),
        12 => (size(), size(), 0u32..=1000).prop_map(|(min, more, used)| ResultStep::Append { min, more, used }),
        3 => size().prop_map(ResultStep::Forsake),
        2 => Just(ResultStep::End),
        3 => Just(ResultStep::Publish),
        10 => any::<bool>().prop_map(ResultStep::Take),
        4 => Just(ResultStep::Release),
    ]
}

/// The worker's side, the coordinator's side, and what must come over.
struct Results {
    sender: ResultSender,
    receiver: ResultReceiver,
    tasks: TaskSender,
    /// Bytes of every append and record that were not taken, with their group.
    waiting: VecDeque<(u64, Vec<u8>)>,
    /// How many of them are published.
    published: usize,
    group: Option<u64>,
    next_id: u64,
    taken_of: Option<u64>,
}

impl Results {
    fn write(&mut self, min: usize, want: usize, used: u32) -> TestCaseResult {
        let longest = self.sender.max_record();
        let group = self.group;
        let room = match group {
            Some(_) => self.sender.append_space(min, want),
            None => self.sender.grant(min, want),
        };
        let Some(room) = room else {
            return Ok(());
        };
        prop_assert!(min <= longest && (min..=want.min(longest)).contains(&room.len()));
        let len = min + (room.len() - min) * used as usize / 1000;
        let id = self.next_id;
        self.next_id += 1;
        write_pattern(id, &mut room[..len]);
        match group {
            Some(_) => self.sender.append(len),
            None => self.sender.commit(len, 1, id),
        }
        self.waiting.push_back((group.unwrap_or(id), pattern(id, len)));
        Ok(())
    }

    /// One piece: it is one or more whole appends of one group, and says whether it begins it.
    fn take(&mut self, upto: Upto) -> Result<bool, TestCaseError> {
        let mut out = b"before".to_vec();
        let Some(taken) = self.receiver.take(upto, &mut out).unwrap() else {
            prop_assert_eq!(&out[..], b"before");
            let left = if upto == Upto::Complete { self.waiting.len() } else { self.published };
            let left: usize = self.waiting.iter().take(left).map(|(_, bytes)| bytes.len()).sum();
            prop_assert_eq!(left, 0, "bytes were left");
            return Ok(false);
        };
        prop_assert_eq!(taken.len + 6, out.len());
        let mut bytes = &out[6..];
        prop_assert_eq!(taken.continued, self.taken_of == Some(taken.tag), "{:?}", taken);
        self.taken_of = Some(taken.tag);
        // No bytes at the end of a record whose bytes were all taken come without a piece.
        while self.waiting.front().is_some_and(|(group, append)| *group != taken.tag && append.is_empty()) {
            self.waiting.pop_front();
            self.published = self.published.saturating_sub(1);
        }
        let mut first = true;
        loop {
            // An append of no bytes may stand at the end of this piece or of the next.
            let fits = self.waiting.front().is_some_and(|(group, append)| {
                *group == taken.tag && (first || !bytes.is_empty() || append.is_empty()) && bytes.starts_with(append)
            });
            if !fits {
                break;
            }
            let (_, append) = self.waiting.pop_front().unwrap();
            bytes = &bytes[append.len()..];
            self.published = self.published.saturating_sub(1);
            first = false;
        }
        prop_assert!(bytes.is_empty(), "{} bytes are no append", bytes.len());
        Ok(true)
    }

    /// With nothing left in the ring, the longest result finds room.
    fn drain(&mut self) -> TestCaseResult {
        self.sender.publish();
        self.published = self.waiting.len();
        while self.take(Upto::Published)? {}
        prop_assert!(!self.receiver.has_news());
        self.receiver.release(&self.tasks);
        let longest = self.sender.max_record();
        let room = match self.group {
            Some(_) => self.sender.append_space(longest, longest).is_some(),
            None => self.sender.grant(longest, longest).is_some(),
        };
        prop_assert!(room, "an empty ring has room for the longest result");
        Ok(())
    }
}

fn run_results(capacity: usize, steps: &[ResultStep]) -> TestCaseResult {
    let page = PoolPage::create().unwrap();
    let (tasks, receiver, _worker, sender) = in_process(capacity, &page).unwrap();
    let longest = sender.max_record();
    let mut ring = Results {
        sender,
        receiver,
        tasks,
        waiting: VecDeque::new(),
        published: 0,
        group: None,
        next_id: 1,
        taken_of: None,
    };
    for (number, step) in steps.iter().enumerate() {
        match *step {
            ResultStep::Single { .. } | ResultStep::Begin if ring.group.is_some() => {}
            ResultStep::Append { .. } | ResultStep::End if ring.group.is_none() => {}
            ResultStep::Single { min, more, used } | ResultStep::Append { min, more, used } => {
                let min = min.bytes(longest);
                ring.write(min, min + more.bytes(longest), used)?;
            }
            ResultStep::Begin => {
                let tag = 1 << 40 | number as u64;
                ring.sender.begin_group(7, tag);
                ring.group = Some(tag);
            }
            ResultStep::Forsake(size) => {
                let size = size.bytes(longest);
                let room = match ring.group {
                    Some(_) => ring.sender.append_space(size, size),
                    None => ring.sender.grant(size, size),
                };
                if let Some(room) = room {
                    room.fill(0xee);
                }
            }
            ResultStep::End => {
                ring.sender.end_group();
                ring.group = None;
            }
            ResultStep::Publish => {
                prop_assert!(!ring.sender.publish(), "nobody sleeps");
                ring.published = ring.waiting.len();
            }
            ResultStep::Take(complete) => {
                ring.take(if complete { Upto::Complete } else { Upto::Published })?;
            }
            ResultStep::Release => {
                prop_assert!(!ring.receiver.release(&ring.tasks), "nobody sleeps");
            }
        }
    }
    ring.drain()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_task_ring_is_a_queue_that_keeps_what_is_not_freed(
        capacity in proptest::sample::select(&CAPACITIES[..]),
        steps in proptest::collection::vec(task_step(), 1..150),
    ) {
        run_tasks(capacity, &steps)?;
    }

    #[test]
    fn the_result_ring_gives_whole_appends_in_order_and_nothing_twice(
        capacity in proptest::sample::select(&CAPACITIES[..]),
        steps in proptest::collection::vec(result_step(), 1..200),
    ) {
        run_results(capacity, &steps)?;
    }
}
