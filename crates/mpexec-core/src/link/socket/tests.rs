//! What is known of a worker whose stream cannot be read to its end: whether a task of it may have begun.

use std::os::fd::BorrowedFd;

use mpexec_wire::{BATCH_HEADER, FunctionKind, GroupHeader};

use super::*;
use crate::link::control::{pair, wrap};

const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// A link whose worker was sent ordinals 0 to 4 and has finished 0 and 1, and the worker's end.
fn in_the_midst() -> (SocketLink, Writer) {
    let (ours, theirs) = pair().unwrap();
    let (reader, writer) = (Reader::new(ours.clone(), false), Writer::new(ours.clone(), false));
    let mut link = SocketLink::new(ours, reader, writer, 1 << 20);
    let header = BatchHeader {
        batch: 0,
        base_ordinal: 0,
        first_index: 0,
        function: 0,
        function_kind: FunctionKind::Offset,
        count: 5,
        flags: 0,
        attempt: 1,
        parcels: 0,
    };
    let mut bytes = [0; BATCH_HEADER];
    header.write_to(&mut bytes);
    assert!(link.send(&bytes, &[0; 40]).unwrap());
    let mut worker = Writer::new(wrap(theirs), false);
    for (done, running) in [(0, 1), (1, 2), (2, 0)] {
        tells(&mut worker, done, running);
    }
    assert_eq!(link.receive(Upto::Published, &mut Vec::new()).unwrap(), None);
    assert_eq!(link.progress(), Progress { running: None, passed: 2, senseless: false });
    (link, worker)
}

fn tells(worker: &mut Writer, done: u64, running: u64) {
    worker.send(FrameKind::Progress, &[&ProgressFrame { done, running }.write()], &[]).unwrap();
}

fn says(worker: &mut Writer, bytes: &[u8]) {
    worker.send_framed(bytes.to_vec(), &[] as &[BorrowedFd<'_>]).unwrap();
}

/// Takes in what there is, up to where the stream breaks.
fn hear(link: &mut SocketLink) {
    while let Ok(Some(_)) = link.receive(Upto::Published, &mut Vec::new()) {}
}

#[test]
fn a_worker_that_says_garbage_has_begun_what_it_told_before_or_behind_it_and_nothing_else() {
    let (mut link, mut worker) = in_the_midst();
    says(&mut worker, GARBAGE);
    hear(&mut link);
    assert!(!link.may_have_begun(2), "it told nothing of it");
    assert!(link.may_have_begun(1), "that was told before");
    // What it says behind the garbage, in pieces and among other things.
    tells(&mut worker, 2, 3);
    says(&mut worker, GARBAGE);
    assert!(link.may_have_begun(2) && !link.may_have_begun(3));
    drop(worker);
    assert!(link.may_have_begun(2) && !link.may_have_begun(3), "asked again, at its end");
}

#[test]
fn a_word_within_half_a_message_is_found() {
    let (mut link, mut worker) = in_the_midst();
    let whole = FrameHeader::new(FrameKind::Group, 0, 2000).unwrap().write();
    says(&mut worker, &whole);
    hear(&mut link);
    assert!(link.is_mid_message() && !link.may_have_begun(2));
    tells(&mut worker, 2, 3);
    assert!(link.may_have_begun(2) && !link.may_have_begun(3));
}

#[test]
fn who_says_what_no_worker_says_in_whole_frames_may_have_begun_anything() {
    for odd in [0, 1, 2] {
        let (mut link, mut worker) = in_the_midst();
        match odd {
            // Results, though it runs nothing: a word of it may have been taken for a part of them.
            0 => {
                let mut group = [0; GROUP_HEADER + 8];
                GroupHeader { batch: 9, first: 0, count: 1, nanos: 1, ended: 0 }
                    .write_to(group.first_chunk_mut().unwrap());
                worker.send(FrameKind::Group, &[&group], &[]).unwrap();
            }
            // Progress that cannot be.
            1 => tells(&mut worker, 4, 2),
            // What only the coordinator says.
            _ => worker.send(FrameKind::Batch, &[&[0; 64]], &[]).unwrap(),
        }
        says(&mut worker, GARBAGE);
        hear(&mut link);
        assert!(link.may_have_begun(4), "{odd}");
    }
    // Nothing is wrong with this one: there is nothing to ask.
    assert!(in_the_midst().0.may_have_begun(4));
}

#[test]
fn what_is_left_unread_is_looked_through_up_to_a_limit() {
    let (mut link, mut worker) = in_the_midst();
    says(&mut worker, GARBAGE);
    hear(&mut link);
    // More than the socket takes at once.
    let more = std::thread::spawn(move || {
        let mut worker = worker;
        let rest = vec![b'x'; MOST_REST + 1];
        worker.send_framed(rest, &[]).unwrap();
        while worker.queued() > 0 {
            worker.flush().unwrap();
            std::thread::yield_now();
        }
    });
    while link.reader.rest(MOST_REST).is_some() {}
    assert!(link.may_have_begun(2), "who has so much to say is not dead");
    more.join().unwrap();
}

#[test]
fn what_is_given_back_lies_within_what_was_asked_for_and_behind_what_had_begun() {
    let answer = |link: &mut SocketLink, worker: &mut Writer, lo, hi| {
        assert_eq!(link.withdraw(3, 5).unwrap(), Withdrawal::Asked);
        worker.message(&FromWorker::GaveBack { lo, hi }, &[] as &[BorrowedFd<'_>]).unwrap();
        link.receive(Upto::Published, &mut Vec::new())
    };
    let back = |from, to| Some(Received::GaveBack { from, to });
    let (mut link, mut worker) = in_the_midst();
    assert_eq!(answer(&mut link, &mut worker, 3, 5).unwrap(), back(3, 5));
    tells(&mut worker, 3, 4);
    assert_eq!(answer(&mut link, &mut worker, 3, 5).unwrap(), back(4, 5), "the first has begun");
    for (lo, hi) in [(2, 5), (3, 4), (3, 6), (0, u64::MAX)] {
        let (mut link, mut worker) = in_the_midst();
        let Err(LinkError::Broken(what)) = answer(&mut link, &mut worker, lo, hi) else { panic!("{lo}..{hi}") };
        assert_eq!(what, format!("it gave {lo}..{hi} back, and was asked for 3..5"));
    }
}
