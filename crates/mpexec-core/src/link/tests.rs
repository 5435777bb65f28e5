//! What a worker gone mad may send over its socket: all of it is found out, and none of it costs memory or descriptors.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mpexec_ring::ParcelWriter;
use mpexec_wire::{
    BATCH_HEADER, BatchHeader, FileId, FrameKind, FromWorker, FunctionKind, GROUP_HEADER, Hello, PARCEL_REF, ParcelRef,
    Progress as ProgressFrame, ToWorker,
};

use super::control::{Reader, Socket, Writer, pair, wrap};
use super::parcels::{CONTEXT_PARCEL, MOST_UNNAMED, Parcels};
use super::shm::{Post, ShmLink};
use super::socket::SocketLink;
use super::{Link, LinkError, Received, Upto};
use crate::carry::incoming::Source;
use crate::os::events::Bell;

const MOST_BYTES: u64 = 1 << 20;

/// A link, and the other end of its socket.
struct Setup {
    name: &'static str,
    link: Box<dyn Link>,
    mad: Writer,
    /// Of the shared-memory link: the far ends of what it holds.
    _rest: Vec<OwnedFd>,
    _socket: Socket,
}

fn both() -> [Setup; 2] {
    ["shm", "socket"].map(|name| {
        let (ours, theirs) = pair().unwrap();
        let theirs = wrap(theirs);
        let (reader, writer) = (Reader::new(ours.clone(), false), Writer::new(ours.clone(), false));
        let mut rest = Vec::new();
        let link: Box<dyn Link> = match name {
            "shm" => {
                let (tasks, results, segments) = mpexec_ring::create(1 << 16).unwrap();
                rest.extend([segments.tasks, segments.results]);
                let post = Post::Socket(reader, writer);
                Box::new(ShmLink::new(tasks, results, Bell::new().unwrap(), post, MOST_BYTES))
            }
            _ => Box::new(SocketLink::new(ours, reader, writer, MOST_BYTES)),
        };
        Setup { name, link, mad: Writer::new(theirs.clone(), false), _rest: rest, _socket: theirs }
    })
}

impl Setup {
    fn send(&mut self, kind: FrameKind, payload: &[u8], attached: &[BorrowedFd<'_>]) {
        self.mad.send(kind, &[payload], attached).unwrap();
    }

    fn send_parcel(&mut self, id: u64, length: u64, attached: &[BorrowedFd<'_>]) {
        let mut label = [0; PARCEL_REF];
        ParcelRef { parcel: id, len: length }.write_to(&mut label);
        self.send(FrameKind::Parcel, &label, attached);
    }

    /// Sends the worker `count` tasks.
    fn give_tasks(&mut self, count: u32) {
        let header = BatchHeader {
            batch: 0,
            base_ordinal: 0,
            first_index: 0,
            function: 0,
            function_kind: FunctionKind::Offset,
            count,
            flags: 0,
            attempt: 1,
            parcels: 0,
        };
        let mut bytes = [0; BATCH_HEADER];
        header.write_to(&mut bytes);
        assert!(self.link.send(&bytes, &vec![0; 8 * count as usize]).unwrap());
    }

    /// What the engine does when the socket has something: it reads a turn's worth.
    fn hear(&mut self) -> Result<Vec<Received>, LinkError> {
        let mut all = Vec::new();
        if self.name == "shm" && self.link.attend()? {
            // The results that are here would be received now; there are none.
            self.link.attend()?;
        }
        while let Some(received) = self.link.receive(Upto::Complete, &mut Vec::new())? {
            all.push(received);
        }
        Ok(all)
    }

    #[track_caller]
    fn is_broken(&mut self, why: &str) {
        match self.hear() {
            Err(LinkError::Broken(what)) => assert!(what.contains(why), "on {}: {what:?}", self.name),
            other => panic!("on {}, {why:?} was expected: {other:?}", self.name),
        }
    }
}

fn sealed(bytes: &[u8]) -> OwnedFd {
    use std::io::Write;
    let mut writer = ParcelWriter::create().unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn unsealed(length: u64) -> OwnedFd {
    let fd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&fd, length).unwrap();
    fd
}

/// Long, sealed, and without memory behind its length.
fn hollow(length: u64) -> OwnedFd {
    use rustix::fs::SealFlags;
    let fd = unsealed(length);
    rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL).unwrap();
    fd
}

#[test]
fn a_parcel_comes_through_once_and_as_it_was_sent() {
    for mut it in both() {
        let fd = sealed(b"all of it");
        it.send_parcel(3, 9, &[fd.as_fd()]);
        assert_eq!(it.hear().unwrap(), []);
        assert_eq!(&*it.link.take_parcel(3, 9).unwrap(), b"all of it");
        assert!(matches!(it.link.take_parcel(3, 9), Err(LinkError::Broken(_))));
    }
}

#[test]
fn a_parcel_that_was_named_and_never_sent_is_found_out() {
    for mut it in both() {
        it.hear().unwrap();
        let Err(LinkError::Broken(what)) = it.link.take_parcel(7, 100) else { panic!("it was believed") };
        assert!(what.contains("never sent"), "{what}");
    }
}

#[test]
fn a_parcel_that_is_not_what_its_label_says_is_refused() {
    let wrong: [(&str, OwnedFd, u64); 4] = [
        ("not sealed", unsealed(4096), 4096),
        ("hollow", hollow(MOST_BYTES), MOST_BYTES),
        ("shorter", sealed(b"short"), 6),
        ("longer", sealed(b"longer"), 5),
    ];
    for (what, fd, length) in wrong {
        for mut it in both() {
            it.send_parcel(0, length, &[fd.as_fd()]);
            it.hear().unwrap();
            let taken = it.link.take_parcel(0, length);
            assert!(matches!(taken, Err(LinkError::Broken(_))), "a parcel that is {what} on {}: {taken:?}", it.name);
        }
    }
}

#[test]
fn a_descriptor_that_is_no_memory_file_is_not_kept_for_a_moment() {
    for mut it in both() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        it.send_parcel(0, 1, &[theirs.as_fd()]);
        drop(theirs);
        it.is_broken("no memory file");
        // Blocks until the last that there is of the other end is closed.
        assert_eq!(std::io::Read::read(&mut &ours, &mut [0]).unwrap(), 0);
    }
}

#[test]
fn a_result_longer_than_the_pool_takes_is_refused_wherever_its_length_is_told() {
    for absurd in [MOST_BYTES + 1, 1 << 40, u64::MAX] {
        for mut it in both() {
            let fd = sealed(b"x");
            it.send_parcel(0, absurd, &[fd.as_fd()]);
            let Err(LinkError::TooLarge { bytes, most }) = it.hear() else { panic!("its label was believed") };
            assert_eq!((bytes, most), (absurd, MOST_BYTES));
        }
        for mut it in both() {
            let fd = hollow(absurd.min(1 << 40));
            it.send_parcel(0, 1, &[fd.as_fd()]);
            it.hear().unwrap();
            assert!(matches!(it.link.take_parcel(0, absurd), Err(LinkError::TooLarge { .. })), "{absurd}");
        }
    }
}

#[test]
fn a_parcel_needs_one_descriptor_and_a_number_of_its_own() {
    let fd = sealed(b"x");
    for count in [0, 2, 8] {
        for mut it in both() {
            it.send_parcel(0, 1, &vec![fd.as_fd(); count]);
            it.is_broken("one descriptor");
        }
    }
    for mut it in both() {
        it.send_parcel(0, 1, &[fd.as_fd()]);
        it.send_parcel(0, 1, &[fd.as_fd()]);
        it.is_broken("two parcels of one number");
    }
}

#[test]
fn parcels_that_no_result_names_do_not_pile_up() {
    let fd = sealed(b"x");
    for mut it in both() {
        for id in 0..MOST_UNNAMED as u64 - 1 {
            it.send_parcel(id, 1, &[fd.as_fd()]);
        }
        it.hear().unwrap();
        it.send_parcel(1_000, 1, &[fd.as_fd()]);
        it.send_parcel(1_001, 1, &[fd.as_fd()]);
        it.is_broken("no result names");
    }
}

#[test]
fn descriptors_that_no_frame_announces_do_not_pile_up() {
    let fd = sealed(b"x");
    for mut it in both() {
        // A frame that came without its descriptors: those of the frames before it stay where they are.
        let mut frame = Vec::new();
        super::control::frame_into(&mut frame, FrameKind::Parcel, &[&[0; PARCEL_REF]], 0).unwrap();
        for byte in frame.chunks(1) {
            it.mad.send_framed(byte.to_vec(), &[fd.as_fd(); 8]).unwrap();
        }
        it.is_broken("descriptors");
    }
}

#[test]
fn frames_of_every_kind_at_odd_times_are_refused() {
    let control = |message: FromWorker| (FrameKind::Control, mpexec_wire::encode_to_vec(&message).unwrap());
    let hello = Hello {
        protocol: 1,
        version: String::new(),
        pid: 1,
        executable: FileId { device: 0, inode: 0 },
        functions: Vec::new(),
    };
    let progress = |done, running| (FrameKind::Progress, ProgressFrame { done, running }.write().to_vec());
    let odd = [
        control(FromWorker::Hello(hello)),
        control(FromWorker::Ready),
        control(FromWorker::GaveBack { lo: 0, hi: u64::MAX }),
        (FrameKind::Control, mpexec_wire::encode_to_vec(&ToWorker::Withdraw { lo: 0, hi: 9 }).unwrap()),
        (FrameKind::Control, vec![0xff; 100]),
        (FrameKind::Control, Vec::new()),
        (FrameKind::Batch, vec![0; BATCH_HEADER]),
        (FrameKind::Group, Vec::new()),
        (FrameKind::Group, vec![0; GROUP_HEADER]),
        (FrameKind::ParcelBytes, vec![0; 100]),
        (FrameKind::Parcel, vec![0; 3]),
        progress(0, 0),
        progress(0, 4),
        progress(4, 0),
        progress(u64::MAX, u64::MAX),
    ];
    for (kind, payload) in odd {
        for mut it in both() {
            it.give_tasks(3);
            it.send(kind, &payload, &[]);
            let heard = it.hear();
            assert!(heard.is_err(), "{kind:?} {payload:?} on {}: {heard:?}", it.name);
        }
    }
    for mut it in both() {
        it.mad.message(&FromWorker::Bye, &[]).unwrap();
        assert_eq!(it.hear().unwrap(), []);
        it.mad.message(&FromWorker::Bye, &[]).unwrap();
        it.is_broken("farewell");
    }
    for mut it in both() {
        it.mad.message(&FromWorker::Refused { reason: "no".into() }, &[]).unwrap();
        assert!(matches!(it.hear(), Err(LinkError::Refused(_))));
    }
}

#[test]
fn a_worker_tells_each_thing_once() {
    let [_, mut it] = both();
    it.give_tasks(3);
    for (done, running) in [(0, 1), (1, 2), (2, 0), (2, 3), (3, 0)] {
        it.send(FrameKind::Progress, &ProgressFrame { done, running }.write(), &[]);
    }
    assert_eq!(it.hear().unwrap(), []);
    assert_eq!((it.link.progress().running, it.link.progress().passed), (None, 3));
    it.send(FrameKind::Progress, &ProgressFrame { done: 3, running: 0 }.write(), &[]);
    it.is_broken("cannot be");
}

#[test]
fn who_sends_without_end_is_heard_for_a_turn_at_a_time() {
    let [_, mut it] = both();
    // In one write: sent one by one, far fewer would fill the socket.
    let mut frames = Vec::new();
    for _ in 0..3_000 {
        super::control::frame_into(&mut frames, FrameKind::Group, &[&[0; GROUP_HEADER + 8]], 0).unwrap();
    }
    it.mad.send_framed(frames, &[]).unwrap();
    let mut heard = Vec::new();
    while heard.iter().sum::<usize>() < 3_000 {
        heard.push(it.hear().unwrap().len());
        assert!(heard.last() <= Some(&512), "{heard:?}");
        assert!(it.link.has_news() || heard.last() < Some(&512), "what is left would be slept over");
        it.mad.flush().unwrap();
    }
    assert!(heard.len() > 5);
}

#[test]
fn a_parcel_on_the_worker_side_waits_for_its_task() {
    let parcels = Parcels::default();
    parcels.put(1, sealed(b"x"));
    assert_eq!(&*parcels.take(1, 1).unwrap(), b"x");
    parcels.put(2, unsealed(1));
    assert!(parcels.take(2, 1).is_err());
}

#[test]
fn the_room_of_a_record_that_was_read_piece_by_piece_is_handed_back_with_a_look_that_brings_nothing() {
    let page = mpexec_ring::PoolPage::create().unwrap();
    let (tasks, results, _inbox, mut worker) = mpexec_ring::in_process(1 << 16, &page).unwrap();
    let shelves = Post::Shelves { out: Parcels::default(), back: Parcels::default() };
    let mut link = ShmLink::new(tasks, results, Bell::new().unwrap(), shelves, MOST_BYTES);
    let quarter = worker.max_record();
    let look = |link: &mut ShmLink| {
        let found = link.receive(Upto::Complete, &mut Vec::new()).unwrap();
        link.release();
        found
    };
    worker.begin_group(1, 0);
    worker.append_space(quarter, quarter).unwrap();
    worker.append(quarter);
    assert_eq!(look(&mut link), Some(Received::Group));
    // Nothing is added: only now it is known that nothing will be.
    worker.end_group();
    worker.publish();
    assert_eq!(look(&mut link), None);
    let mut fitting = 0;
    while worker.grant(1000, 1000).is_some() {
        worker.commit(1000, 1, 0);
        fitting += 1;
    }
    assert!(fitting > 60, "{fitting} records of 1,000 bytes fit into an empty ring of 64 KiB");
}

#[test]
fn what_a_worker_is_told_to_forget_lies_there_no_longer() {
    let shelf = Parcels::default();
    for id in 1..=4 {
        shelf.put(id, sealed(b"x"));
    }
    let (Some(Ok(first)), Some(Ok(again))) = (shelf.kept(1, 1), shelf.kept(1, 1)) else { panic!("it is there") };
    assert_eq!((first.number(), &**first), (again.number(), &b"x"[..]));
    assert!(shelf.once(2).is_some() && shelf.once(2).is_none());
    assert!(matches!(shelf.kept(3, 2), Some(Err(_))), "it has another length");
    assert_eq!(shelf.count(), (1, 1));
    shelf.forget([1, 4, 9].into_iter());
    assert_eq!(shelf.count(), (0, 0));
    assert!(shelf.kept(1, 1).is_none());
}

#[test]
fn what_was_not_sent_is_not_waited_for_and_what_was_is() {
    let shelf = Parcels::default();
    shelf.expect(2);
    shelf.put(CONTEXT_PARCEL, sealed(b"is not counted"));
    shelf.put(1, sealed(b"x"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (shelf.once(7).is_some(), shelf.once(8).is_some()));
        shelf.put(8, sealed(b"x"));
        assert_eq!(waiting.join().unwrap(), (false, true));
    });
}
