//! The two-process ring by itself: one child that adds one to each number of a record, with the same rule of waiting as
//! the pool.
//!
//! With one number in each record it does what a pool does for tasks; with thousands it shows what the ring carries.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use mpexec_ring::{
    DEFAULT_CAPACITY, PoolPage, Reason, ResultReceiver, Segments, Span, TaskSender, Upto, create, current_cpu, open,
    spin, spin_budget, worker_wait,
};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use crate::stats::now;

pub(crate) const ROLE: &str = "ring";

/// Who sends this number is answered with the time.
const WHEN: u64 = 1 << 63;

/// A group of results is shown after so many records, or so many bytes.
const GROUP_RECORDS: usize = 64;
const GROUP_BYTES: usize = 32 << 10;

/// The near end.
pub(crate) struct Ring {
    child: Child,
    tasks: TaskSender,
    results: ResultReceiver,
    page: PoolPage,
    bells: OwnedFd,
    spans: VecDeque<Span>,
    came: Vec<u8>,
}

impl Ring {
    /// The far end's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn start() -> Result<Ring> {
        let (ours, theirs) = UnixStream::pair()?;
        let child = super::child(ROLE)?.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
        let (tasks, results, segments) = create(DEFAULT_CAPACITY)?;
        let page = PoolPage::create()?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Edges: a ring wakes once and is never read, which saves a system call.
        let bells = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&bells, &bell, epoll::EventData::new_u64(0), edges)?;
        let shared = page.fd().context("a page in shared memory")?;
        let fds = [segments.tasks.as_fd(), segments.results.as_fd(), shared, bell.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ensure!(ancillary.push(SendAncillaryMessage::ScmRights(&fds)), "four descriptors have room");
        sendmsg(&ours, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::empty())?;
        Ok(Ring { child, tasks, results, page, bells, spans: VecDeque::new(), came: Vec::new() })
    }

    /// One number there and back.
    pub(crate) fn call(&mut self, number: u64) -> Result<()> {
        ensure!(self.stream(number..number + 1, 1, 1)? == [number + 1], "{number} came back wrong");
        Ok(())
    }

    /// A record as long as one of ours there and back: 80 bytes with its head, where a call has 88 and its result 64.
    pub(crate) fn long_call(&mut self, number: u64) -> Result<()> {
        let answers = self.stream(number..number + 8, 8, 1)?;
        ensure!(answers.iter().copied().eq(number + 1..number + 9), "{number} and seven more came back wrong");
        Ok(())
    }

    /// When a record of one number was read by the far end.
    pub(crate) fn when(&mut self) -> Result<u64> {
        self.stream(WHEN..WHEN + 1, 1, 1)?.pop().context("there is one answer")
    }

    /// All numbers through the child, so many in each record and so many records under way; the answers in order.
    pub(crate) fn stream(&mut self, numbers: std::ops::Range<u64>, in_record: u64, ahead: usize) -> Result<Vec<u64>> {
        let count = usize::try_from(numbers.end - numbers.start)?;
        let mut answers = Vec::with_capacity(count);
        let mut next = numbers.start;
        while answers.len() < count {
            while next < numbers.end && self.spans.len() < ahead {
                let end = numbers.end.min(next + in_record);
                let bytes = usize::try_from((end - next) * 8)?;
                let Some(room) = self.tasks.grant(bytes, bytes) else {
                    break;
                };
                for (place, number) in room.chunks_exact_mut(8).zip(next..end) {
                    place.copy_from_slice(&number.to_le_bytes());
                }
                self.spans.push_back(self.tasks.commit(bytes, 1, 0));
                next = end;
            }
            if self.tasks.publish() {
                self.tasks.wake();
            }
            self.came.clear();
            while self.results.take(Upto::Published, &mut self.came)?.is_some() {}
            if self.came.is_empty() {
                self.wait()?;
                continue;
            }
            let mut left = self.came.len();
            while left > 0 {
                let span = self.spans.pop_front().ok_or_else(|| anyhow!("an answer came without a task"))?;
                left -= self.tasks.bytes(span).len();
                self.tasks.free_to(span);
            }
            answers.extend(self.came.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)));
            if self.results.release(&self.tasks) {
                self.tasks.wake();
            }
        }
        Ok(answers)
    }

    /// The pool's rule: spin only for a peer on another processor, then sleep on the bell.
    fn wait(&self) -> Result<()> {
        let own = current_cpu();
        self.page.set_cpu(own);
        if spin(spin_budget(own, self.results.peer_cpu()), || self.results.has_news()) {
            return Ok(());
        }
        self.page.set_sleeping(true);
        if !self.results.has_news() {
            let mut events = [const { MaybeUninit::<epoll::Event>::uninit() }; 4];
            epoll::wait(&self.bells, &mut events, None)?;
        }
        self.page.set_sleeping(false);
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The far end; it is killed when it is needed no more.
pub(crate) fn serve() -> Result<()> {
    let mut role = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(rustix::stdio::stdin(), &mut [IoSliceMut::new(&mut role)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let fds = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds.collect::<Vec<_>>()),
        _ => None,
    });
    let fds = fds.context("descriptors come with the first byte")?;
    let [tasks, results, page, bell] = <[OwnedFd; 4]>::try_from(fds).map_err(|_| anyhow!("four descriptors come"))?;
    let (mut tasks, mut results) = open(Segments { tasks, results }, page)?;
    let ring = |results: &mut mpexec_ring::ResultSender| {
        if results.publish() {
            let _ = rustix::io::write(&bell, &1u64.to_ne_bytes());
        }
    };
    let mut ordinal = 0;
    loop {
        results.begin_group(1, ordinal);
        let (mut records, mut bytes) = (0, 0);
        while records < GROUP_RECORDS && bytes < GROUP_BYTES {
            let Some(record) = tasks.next()? else { break };
            results.begin(ordinal);
            let length = record.payload.len();
            while results.append_space(length, length).is_none() {
                ring(&mut results);
                mpexec_ring::space_wait(&results, None);
            }
            let room = results.append_space(length, length).context("there was room just now")?;
            for (place, number) in room.as_chunks_mut::<8>().0.iter_mut().zip(record.payload.as_chunks::<8>().0) {
                *place = (u64::from_le_bytes(*number) + 1).to_le_bytes();
            }
            if record.payload == WHEN.to_le_bytes() {
                room[..length].copy_from_slice(&now().to_le_bytes());
            }
            results.append(length);
            ordinal += 1;
            results.end(ordinal);
            records += 1;
            bytes += length;
        }
        results.end_group();
        ring(&mut results);
        worker_wait(&tasks, &results, Reason::Tasks, None);
    }
}
