//! Descriptors that take a quarter of an hour to close, sent by a worker where they do not belong: nobody waits for their end, and they end at once.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use mpexec_core::{Pool, Receiver, RecvError, Sender, TaskError, channel};
use mpexec_wire::{FrameKind, PARCEL_REF, ParcelRef};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;

use crate::common::processes::threads;
use crate::common::socket::{self, frame};
use crate::common::{forever, pool, wait_until};
use crate::{LINKS, alone};

const LINGERS: Duration = Duration::from_secs(900);
/// Far below that, and far above what a slow and busy machine needs.
const AT_ONCE: Duration = Duration::from_secs(200);

/// A socket that holds up whoever closes it last: its other side, in the test, never reads what waits in it.
fn lingering(port: u16, for_so_long: Duration) -> OwnedFd {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nonblocking(true).unwrap();
    // It is full when it stays full: the other side takes some of it at first.
    while stream.write(&[0; 1 << 16]).is_ok() || is_writable_soon(&stream) {}
    set_socket_linger(&stream, Some(for_so_long)).unwrap();
    stream.into()
}

fn is_writable_soon(stream: &TcpStream) -> bool {
    let limit = Timespec::try_from(Duration::from_millis(100)).unwrap();
    poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(&limit)) != Ok(0)
}

/// It lies in a socket where nobody who looks into it sees it: it came with an urgent byte.
fn hidden_by_urgency(fd: OwnedFd) -> OwnedFd {
    let (ours, theirs) = UnixStream::pair().unwrap();
    assert!(socket::send_urgently(&ours.into(), b"!", &[fd.as_fd()]));
    theirs.into()
}

/// It lies in a connection that nobody has accepted.
fn hidden_in_a_backlog(fd: OwnedFd) -> OwnedFd {
    let name = format!("mpexec-test-{}-{}", std::process::id(), fd.as_raw_fd());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    assert!(socket::send(&UnixStream::connect_addr(&address).unwrap().into(), b"x", &[fd.as_fd()]));
    listener.into()
}

fn parcel(id: u64) -> Vec<u8> {
    let mut label = [0; PARCEL_REF];
    ParcelRef { parcel: id, len: 8 }.write_to(&mut label);
    frame(FrameKind::Parcel, 1, &label)
}

fn many(fd: &OwnedFd, count: usize) -> Vec<BorrowedFd<'_>> {
    vec![fd.as_fd(); count]
}

/// Sends it with the first byte; the rest follows when this worker has it no longer, so that the coordinator is the last to close it.
fn hand_over(own: &OwnedFd, bytes: &[u8], count: usize, fd: OwnedFd) {
    let (first, rest) = bytes.split_at(1);
    socket::send(own, first, &many(&fd, count));
    drop(fd);
    socket::send(own, rest, &[]);
}

type Send = fn(&OwnedFd, OwnedFd);

const MISPLACED: [(&str, Send); 9] = [
    ("with a frame of a wrong kind", |own, fd| {
        hand_over(own, &frame(FrameKind::Batch, 1, &[0; 64]), 1, fd);
    }),
    ("unannounced", |own, fd| hand_over(own, &parcel(1)[..5], 8, fd)),
    ("as more than a frame can have", |own, fd| {
        hand_over(own, &frame(FrameKind::Control, 0, &[0xff; 64]), 253, fd);
    }),
    ("with an urgent byte", |own, fd| {
        socket::send_urgently(own, b"!", &many(&fd, 3));
    }),
    ("as a parcel that no result names", |own, fd| hand_over(own, &parcel(1 << 40), 1, fd)),
    ("twice as the same parcel", |own, fd| {
        socket::send(own, &parcel(1 << 40), &many(&fd, 1));
        hand_over(own, &parcel(1 << 40), 1, fd);
    }),
    ("in a socket, urgently", |own, fd| hand_over(own, &parcel(1 << 40), 1, hidden_by_urgency(fd))),
    ("in a backlog", |own, fd| hand_over(own, &parcel(1 << 40), 1, hidden_in_a_backlog(fd))),
    ("in a backlog in a socket in a backlog", |own, fd| {
        let deep = hidden_in_a_backlog(hidden_by_urgency(hidden_in_a_backlog(fd)));
        hand_over(own, &parcel(1 << 40), 1, deep);
    }),
];

/// In a task: sends one so, and dies with it or goes on.
fn misplace(port: u16, how: usize, dies: bool) {
    MISPLACED[how].1(&socket::own(), lingering(port, LINGERS));
    if dies {
        std::process::abort();
    }
    forever();
}

fn somebody_closes() -> bool {
    threads().iter().any(|name| name == "mpexec-closer")
}

/// A call with a limit ends at its limit, and another one at once.
fn others_go_on(pool: &Pool, what: &str) {
    let since = Instant::now();
    let limited = pool.call().time_limit(Duration::from_millis(200)).apply(forever, ());
    assert!(matches!(limited, Err(TaskError::TimedOut { .. })), "{what}: {limited:?}");
    assert_eq!(pool.map(|n: u64| n, 0..200).unwrap().len(), 200);
    assert!(since.elapsed() < AT_ONCE, "{what}: {:?}", since.elapsed());
}

fn holds_nobody_up(dies: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for link in LINKS {
        let pool = pool(link, 2);
        assert!(pool.wait_ready(None));
        for (how, (what, _)) in MISPLACED.iter().enumerate() {
            let since = Instant::now();
            let mad = pool.apply_async(misplace, (port, how, dies));
            others_go_on(&pool, what);
            assert!(matches!(mad.get(), Err(TaskError::Crashed { .. })), "{what} on {link:?}");
            assert!(since.elapsed() < AT_ONCE, "{what} on {link:?}: {:?}", since.elapsed());
            wait_until("nobody has to close for long", || !somebody_closes());
            assert!(since.elapsed() < AT_ONCE, "{what} on {link:?}: {:?}", since.elapsed());
        }
        pool.terminate();
        pool.join().unwrap();
    }
    drop(listener);
}

#[test]
fn such_a_descriptor_holds_up_whoever_closes_it_unless_it_is_told_otherwise() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let since = Instant::now();
    drop(lingering(port, Duration::from_secs(1)));
    assert!(since.elapsed() > Duration::from_millis(900), "{:?}", since.elapsed());
}

#[test]
fn a_worker_that_dies_with_descriptors_that_are_long_in_closing_holds_nobody_up() {
    let _alone = alone();
    holds_nobody_up(true);
}

#[test]
fn descriptors_that_are_long_in_closing_and_come_out_of_turn_cost_the_worker_alone() {
    let _alone = alone();
    holds_nobody_up(false);
}

#[test]
fn who_receives_from_a_channel_waits_for_no_descriptor_that_does_not_belong_there() {
    let _alone = alone();
    let task = |out: Sender<u64>, port: u16| {
        let fd = lingering(port, LINGERS);
        let sent = socket::send_to_a_channel(b"no message of ours", &many(&fd, 3));
        drop(out);
        sent
    };
    let holds_both = |_out: Sender<u64>, _back: Receiver<u64>, done: Sender<u64>, port: u16| {
        let fd = lingering(port, LINGERS);
        let sent = socket::send_to_a_channel(b"no message of ours", &many(&fd, 3));
        done.send(&u64::from(sent)).unwrap();
        if sent {
            std::process::abort();
        }
    };
    let hides = |out: Sender<u64>, port: u16| {
        let fd = hidden_by_urgency(lingering(port, LINGERS));
        let sent =
            socket::send_to_a_channel(b"", &[]) && socket::send_to_a_channel(b"no message of ours", &many(&fd, 1));
        drop(out);
        sent
    };
    for link in LINKS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let pool = pool(link, 1);
        let (sender, receiver) = channel::<u64>().unwrap();
        let since = Instant::now();
        assert!(pool.apply(task, (sender, port)).unwrap());
        assert!(matches!(receiver.recv(), Err(RecvError::Undecodable { .. })));
        assert!(matches!(receiver.recv(), Err(RecvError::NoSenders)));
        wait_until("nobody has to close for long", || !somebody_closes());
        // What nobody receives is closed with the channel's last end here, which is the task's argument.
        let (sender, receiver) = channel::<u64>().unwrap();
        let (done, was_done) = channel::<u64>().unwrap();
        let held = pool.apply_async(holds_both, (sender, receiver, done, port));
        assert_eq!(was_done.recv().unwrap(), 1);
        assert!(matches!(held.get(), Err(TaskError::Crashed { .. })));
        assert_eq!(pool.apply(|n: u8| n, (3,)).unwrap(), 3);
        assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
        wait_until("nobody has to close what lay there for long", || !somebody_closes());
        // Nor is it waited for by whoever drops an end of their own unread, nor where it looks as if nothing lay there.
        let (sender, receiver) = channel::<u64>().unwrap();
        assert!(pool.apply(hides, (sender, port)).unwrap());
        drop(receiver);
        assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
        wait_until("nobody has to close what was hidden for long", || !somebody_closes());
        drop(listener);
    }
}
