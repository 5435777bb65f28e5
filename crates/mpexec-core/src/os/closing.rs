//! Closing what came from another process: elsewhere, because it may take its time.
//!
//! To close the last descriptor of a file waits for that file: a TCP socket with `SO_LINGER` and a full send buffer holds its closer for
//! as long as it says, a file of a server that is gone perhaps for ever. What we make ourselves is no such file; what came from a
//! worker may be any. So it is closed by threads that live for that alone: one is started when there is something, takes one thing after
//! another, and ends when there is nothing left. As long as one stands still, another is started for what lies behind it, up to
//! [`MOST`]. Where no thread can be started, or these all stand still, what is to be closed stays open until one is free or the process ends:
//! a descriptor that is kept harms less than a pool that stands still.
//!
//! A socket, and what lies in it, keeps no such thread: it ends with one that ends ([`parting`](super::parting)).
//!
//! A child that is just being started has all descriptors once more until it runs its program, and closes them then; should it be the last to
//! have one, its start would take as long as the closing. So no socket is let go while a child is being started by us, up to the moment when it has its own
//! memory, nor while it has that socket still, an instant longer. Where that cannot be seen (no `/proc`), or the child ends its closing after we have looked, it may be the last
//! after all. Therefore a socket is told before, by whoever lets it go, that its end is not to be waited for, and so are those that lie in it and
//! end with it. Only where a worker that is mad and gone has hidden one, and in that instant too, a child takes as long to begin.
//! Other files are waited for by whoever closes any descriptor of theirs: what is no memory is refused as soon as it comes, so that a start hardly
//! ever meets one.

#![cfg_attr(test, expect(unsafe_code, reason = "a test forks"))]

use std::collections::VecDeque;
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use mpexec_ring::{OpenError, Parcel};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fcntl_get_seals;
use rustix::net::sockopt;

use super::parting::Parting;
use super::{descriptors, hastening};

/// More threads do not close at once.
const MOST: usize = 32;
/// A child that was started so long ago has long run its program.
const YOUTH: Duration = Duration::from_secs(1);
/// Between two looks at one that was started just now.
const LOOK: Duration = Duration::from_millis(1);
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
    changed: Condvar,
    parting: Parting,
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
                traffic: Mutex::default(),
                walking: Mutex::default(),
                changed: Condvar::new(),
                parting: Parting::default(),
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

/// Who starts children, and how much is just being let go.
#[derive(Default)]
struct Traffic {
    starts: usize,
    going: usize,
    /// Children that were started a moment ago, and when.
    young: Vec<(u32, Instant)>,
}

impl Traffic {
    /// Whether one of these may have descriptor `number` of ours still, until it runs its program. Not known where there is no `/proc`.
    fn is_copied(&self, number: RawFd) -> bool {
        let has_it = |pid: u32| fs::symlink_metadata(format!("/proc/{pid}/fd/{number}")).is_ok();
        self.young.iter().any(|(pid, since)| since.elapsed() < YOUTH && has_it(*pid))
    }
}

impl Here {
    /// When nobody starts or nothing goes, whichever is asked for.
    fn when(&self, free: impl Fn(&Traffic) -> bool) -> MutexGuard<'_, Traffic> {
        let mut traffic = locked(&self.traffic);
        while !free(&traffic) {
            traffic = self.changed.wait(traffic).unwrap_or_else(PoisonError::into_inner);
        }
        traffic
    }
}

/// Starts a child while nothing is let go.
pub(crate) fn while_nothing_goes<R>(start: impl FnOnce() -> R) -> R {
    let here = here();
    // Who comes later lets nothing go until this start is over: what has begun to go is gone in a moment.
    locked(&here.traffic).starts += 1;
    drop(here.when(|traffic| traffic.going == 0));
    let started = start();
    locked(&here.traffic).starts -= 1;
    here.changed.notify_all();
    started
}

/// A child has been started, and runs its program in a moment.
pub(crate) fn has_started(pid: u32) {
    let mut traffic = locked(&here().traffic);
    traffic.young.retain(|(_, since)| since.elapsed() < YOUTH);
    traffic.young.push((pid, Instant::now()));
}

/// Lets descriptor `number` go while no child is being started, nor has it still.
fn while_nobody_starts<R>(number: RawFd, go: impl FnOnce() -> R) -> R {
    let here = here();
    let mut traffic = here.when(|traffic| traffic.starts == 0);
    while traffic.is_copied(number) {
        drop(here.changed.wait_timeout(traffic, LOOK));
        traffic = here.when(|traffic| traffic.starts == 0);
    }
    traffic.going += 1;
    drop(traffic);
    let gone = go();
    locked(&here.traffic).going -= 1;
    here.changed.notify_all();
    gone
}

/// Whoever closes it last is to wait as little as can be had.
fn hasten(fd: BorrowedFd<'_>) {
    // One at a time, so that these are not many more descriptors. Who finds another at it goes on without.
    let one = here().walking.try_lock();
    hastening::hasten(fd, one.is_ok());
}

/// Closes a descriptor, and waits for its file as long as that takes: for a socket not at all, where the system can do that.
fn let_go(fd: OwnedFd) {
    hasten(fd.as_fd());
    // A file that is no socket may be waited for by whoever closes any descriptor of it, and a start is not to wait for that.
    let is_socket = sockopt::socket_type(&fd).is_ok();
    let left = while_nobody_starts(fd.as_raw_fd(), || match is_socket.then(|| here().parting.leaver()).flatten() {
        Some(leaver) => {
            drop(fd);
            Ok(leaver)
        }
        None => Err(fd),
    });
    drop(left);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
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
            ours.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            !is_closed(&ours)
        });
        assert!(still_there);
        ours.set_read_timeout(None).unwrap();
        assert!(is_closed(&ours));
    }

    #[test]
    fn nothing_is_started_while_something_is_let_go_and_who_waits_for_that_sleeps() {
        let ((go, is_gone), (tell, told)) = (channel::<()>(), channel());
        let (begun, has_begun) = channel();
        let goes = std::thread::spawn(move || {
            while_nobody_starts(-1, || {
                let _ = begun.send(());
                let _ = is_gone.recv();
            });
        });
        has_begun.recv().unwrap();
        let starts = std::thread::spawn(move || while_nothing_goes(|| tell.send(()).unwrap()));
        let waits = std::thread::spawn(|| {
            let looks = Cell::new(0);
            drop(here().when(|traffic| {
                looks.set(looks.get() + 1);
                traffic.going == 0
            }));
            looks.get()
        });
        // It is not to come, so there is no event to wait for; one who asks again and again has asked a hundred thousand times.
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "nothing is gone yet");
        drop(go);
        told.recv().unwrap();
        goes.join().unwrap();
        starts.join().unwrap();
        // One look for each change: by these threads, and by other tests, of which there may be some hundred.
        let looks = waits.join().unwrap();
        assert!(looks < 10_000, "{looks}");
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
        let over = child.wait_over(Some(Duration::from_secs(200)));
        if !over {
            child.kill_group();
        }
        assert!(over, "it waits for a start that is none of its own");
        assert_eq!(child.try_wait(), Some(Exit::Code(0)));
    }
}
