//! Closing what came from another process: elsewhere, because it may take its time.
//!
//! To close the last descriptor of a file waits for that file: a TCP socket with `SO_LINGER` and a full send buffer holds its closer for
//! as long as it says, a file of a server that is gone perhaps for ever. What we make ourselves is no such file; what came from a
//! worker may be any. So it is closed by threads that live for that alone: one is started when there is something, takes one thing after
//! another, and ends when there is nothing left. As long as one stands still, another is started for what lies behind it, up to
//! [`MOST`]. Where no thread can be started, or these all stand still, what is to be closed stays open until one is free or the process ends:
//! a descriptor that is kept harms less than a pool that stands still.
//!
//! A child that is just being started has all descriptors once more until it runs its program, and closes them then; should it be the last to
//! have one, the start would take as long as the closing, and with it all starts behind it. So nothing is let go while a child is being started by us,
//! up to the moment when it has its own memory; it closes what it has an instant later, and should all others have closed theirs in that instant, it is the
//! last after all. Therefore a socket is told before, by whoever lets it go, that its end is not to be waited for, and so are those that lie in it and
//! end with it. Only a worker that is mad and gone in that instant too can still have told a socket otherwise.
//! Some files are waited for by whoever closes any descriptor of theirs: what is no memory is refused as soon as it comes, so that a start hardly
//! ever meets one.

#![expect(unsafe_code, reason = "a descriptor that another thread closes is asked about by its number")]

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use mpexec_ring::{OpenError, Parcel};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_get_seals};
use rustix::io::DupFlags;

use super::{descriptors, hastening};

/// More threads do not close at once.
const MOST: usize = 32;
/// Descriptors that can come with one message, so the kernel.
pub(crate) const MOST_AT_ONCE: usize = 253;
/// A descriptor that came from another process and was not looked at yet. Dropped, it is closed elsewhere.
#[derive(Debug)]
pub(crate) struct Foreign(Option<OwnedFd>);

impl Foreign {
    pub(crate) fn new(fd: OwnedFd) -> Foreign {
        descriptors::make_room(fd.as_fd());
        Foreign(Some(fd))
    }

    /// Whether it is a memory file, as all are that a worker of sound mind sends. Asked of no other file, which might take its time to answer.
    pub(crate) fn is_memory(&self) -> bool {
        self.0.as_ref().is_some_and(|fd| fcntl_get_seals(fd).is_ok())
    }

    /// It came from somebody who is trusted, or will be looked at.
    pub(crate) fn trusted(mut self) -> OwnedFd {
        self.0.take().expect("it is there until it is dropped or handed out, which are both its end")
    }

    /// Maps it, if it is a parcel of so many bytes.
    pub(crate) fn into_parcel(self, length: u64) -> Result<Parcel, OpenError> {
        let fd = self.trusted();
        match Parcel::map(fd.as_fd(), length) {
            // It is sealed, so it is memory, which is closed at once.
            Ok(parcel) => Ok(parcel),
            Err(error) => {
                elsewhere(fd);
                Err(error)
            }
        }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        if let Some(fd) = self.0.take() {
            elsewhere(fd);
        }
    }
}

/// Closes our end of a channel: elsewhere if there is something in it that was sent and not received, since a descriptor may lie there. To ask for that waits
/// for nobody, whoever is just receiving from it; an end to which nobody can send any more looks as if something lay there.
pub(crate) fn close_end(end: OwnedFd) {
    let mut asked = [PollFd::new(&end, PollFlags::IN | PollFlags::PRI)];
    match poll(&mut asked, Some(&Timespec::default())) {
        Ok(0) => drop(end),
        Ok(_) | Err(_) => elsewhere(end),
    }
}

/// What is to be done, and by how many.
struct Closing {
    waiting: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
    /// Of these have taken nothing yet.
    beginning: usize,
}

/// All that is closed in one process, and behind it in a forked child of this process: that one has the memory of these threads and
/// not the threads, and a lock may be held in it for ever.
struct Here {
    process: u32,
    closing: Mutex<Closing>,
    traffic: Mutex<Traffic>,
    walking: Mutex<()>,
    started: Condvar,
    forked: Next,
}

type Next = OnceLock<Box<Here>>;

static FIRST: Next = Next::new();

/// What belongs to this very process.
fn here() -> &'static Here {
    let process = std::process::id();
    let mut next = &FIRST;
    loop {
        let here = next.get_or_init(|| {
            Box::new(Here {
                process,
                closing: Mutex::new(Closing { waiting: VecDeque::new(), threads: 0, beginning: 0 }),
                traffic: Mutex::new(Traffic { starts: 0, going: Vec::new() }),
                walking: Mutex::default(),
                started: Condvar::new(),
                forked: Next::new(),
            })
        });
        if here.process == process {
            return here;
        }
        next = &here.forked;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a descriptor on another thread.
pub(crate) fn elsewhere(fd: OwnedFd) {
    hand_over(move || let_go(fd));
}

fn hand_over(what: impl FnOnce() + Send + 'static) {
    let mut closing = locked(&here().closing);
    closing.waiting.push_back(Box::new(what));
    closing.see_to_it();
}

impl Closing {
    /// Somebody is about to take what waits.
    fn see_to_it(&mut self) {
        if self.waiting.is_empty() || self.beginning > 0 || self.threads == MOST {
            return;
        }
        let closer = std::thread::Builder::new().name("mpexec-closer".into()).stack_size(64 << 10).spawn(close);
        if closer.is_ok() {
            (self.threads, self.beginning) = (self.threads + 1, self.beginning + 1);
        }
    }
}

/// A thread's life.
fn close() {
    let mut closing = locked(&here().closing);
    closing.beginning -= 1;
    while let Some(what) = closing.waiting.pop_front() {
        closing.see_to_it();
        drop(closing);
        what();
        closing = locked(&here().closing);
    }
    closing.threads -= 1;
}

/// Who starts children, and what is being let go.
struct Traffic {
    starts: usize,
    /// Descriptors by their numbers, which stay taken as long as they stand here.
    going: Vec<RawFd>,
}

/// Starts a child while nothing is let go.
pub(crate) fn while_nothing_goes<R>(start: impl FnOnce() -> R) -> R {
    let mut traffic = locked(&here().traffic);
    traffic.starts += 1;
    // What has begun to go is gone in a moment, however long its end takes.
    while traffic.going.iter().any(|number| is_there(*number)) {
        drop(traffic);
        std::thread::yield_now();
        traffic = locked(&here().traffic);
    }
    drop(traffic);
    let started = start();
    locked(&here().traffic).starts -= 1;
    here().started.notify_all();
    started
}

/// Whether the descriptor is still the one that was to go. What takes its place is a mere name of a file, whose end nobody waits for. The file
/// itself is not asked.
fn is_there(number: RawFd) -> bool {
    // SAFETY: only asked about, and the number is taken.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_PATH == 0
}

/// Whoever closes it last is to wait as little as can be had.
fn hasten(fd: BorrowedFd<'_>) {
    // One at a time, so that these are not many more descriptors. Who finds another at it goes on without.
    let one = here().walking.try_lock();
    hastening::hasten(fd, one.is_ok());
}

/// Closes a descriptor, and waits for its file as long as that takes.
fn let_go(mut fd: OwnedFd) {
    let name = rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    hasten(fd.as_fd());
    let number = fd.as_raw_fd();
    let mut traffic = locked(&here().traffic);
    while traffic.starts > 0 {
        traffic = here().started.wait(traffic).unwrap_or_else(PoisonError::into_inner);
    }
    // Its number stays taken, so that it can be seen when it is gone. Where there is nothing to put in its place it is closed without that.
    let Ok(name) = name else { return drop(traffic) };
    traffic.going.push(number);
    drop(traffic);
    let _ = rustix::io::dup3(&name, &mut fd, DupFlags::CLOEXEC);
    locked(&here().traffic).going.retain(|other| *other != number);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::error::Exit;
    use crate::os::child::ChildProcess;

    #[test]
    fn what_stands_still_holds_up_nothing_behind_it_and_nobody_here() {
        let (let_go, stuck) = (0..5).map(|_| channel::<()>()).collect::<(Vec<_>, Vec<_>)>();
        let (told, ends) = channel();
        for stuck in stuck {
            let (late, soon) = (told.clone(), told.clone());
            hand_over(move || {
                let _ = stuck.recv();
                let _ = late.send(std::thread::current().id());
            });
            hand_over(move || {
                let _ = soon.send(std::thread::current().id());
            });
        }
        for _ in 0..5 {
            assert_ne!(ends.recv().unwrap(), std::thread::current().id());
        }
        assert!(ends.try_recv().is_err(), "those are still stuck");
        drop(let_go);
        assert_eq!(ends.iter().take(5).count(), 5);
    }

    /// Blocks until it is closed.
    fn is_closed(ours: &UnixStream) -> bool {
        std::io::Read::read(&mut &*ours, &mut [0]).is_ok_and(|read| read == 0)
    }

    #[test]
    fn what_is_not_trusted_is_closed_all_the_same() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(Foreign::new(theirs.into()));
        assert!(is_closed(&ours));
    }

    #[test]
    fn nothing_is_let_go_while_a_child_is_being_started_and_all_is_afterwards() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let still_there = while_nothing_goes(|| {
            let (begun, has_begun) = channel();
            hand_over(move || {
                let _ = begun.send(());
                let_go(theirs.into());
            });
            has_begun.recv().unwrap();
            ours.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
            !is_closed(&ours)
        });
        assert!(still_there);
        ours.set_read_timeout(None).unwrap();
        assert!(is_closed(&ours));
    }

    #[test]
    fn a_forked_child_closes_by_itself_whatever_its_parent_was_about() {
        let forked = while_nothing_goes(|| {
            // SAFETY: the child calls nothing but what this test is about, whose locks are its own, and leaves by `_exit`.
            let forked = unsafe { libc::fork() };
            if forked == 0 {
                let (ours, theirs) = UnixStream::pair().unwrap();
                elsewhere(theirs.into());
                let closed = is_closed(&ours);
                // SAFETY: it does not return and runs nothing of the program that was forked.
                unsafe { libc::_exit(i32::from(!closed)) };
            }
            forked
        });
        let mut child = ChildProcess::adopt(forked.unsigned_abs()).unwrap();
        let over = child.wait_over(Some(std::time::Duration::from_secs(20)));
        if !over {
            child.kill_group();
        }
        assert!(over, "it waits for a start that is none of its own");
        assert_eq!(child.try_wait(), Some(Exit::Code(0)));
    }
}
