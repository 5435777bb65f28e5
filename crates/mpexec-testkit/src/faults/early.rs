//! Failures of a worker that has not shaken hands. Nothing of the user's runs there but what a worker program does before
//! it calls `init`: so that is where this strikes.
//!
//! The environment says how, and no more than that: which worker it is to be says a file that one of them takes away.

use std::fs::{self, File};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

use mpexec_core::PoolBuilder;
use mpexec_wire::{FRAME_HEADER, FrameDecoder, FrameKind};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{Fault, Kind, Moment};
use crate::{Scratch, ring, socket};

const KIND: &str = "MPEXEC_TESTKIT_KIND";
const MOMENT: &str = "MPEXEC_TESTKIT_MOMENT";
const FUSE: &str = "MPEXEC_TESTKIT_FUSE";
const TOLD: &str = "MPEXEC_TESTKIT_TOLD";
const STRUCK: &str = "MPEXEC_TESTKIT_STRUCK";

/// More than a welcome and its frame take here.
const WELCOME: usize = 64 << 10;

/// Tells the workers of a pool how one of them is to fail, whenever the fuse is there.
pub fn arm(builder: PoolBuilder, fault: &Fault, fuse: &Scratch) -> PoolBuilder {
    let builder = builder.env(KIND, format!("{:?}", fault.kind)).env(MOMENT, format!("{:?}", fault.moment));
    builder.env(FUSE, fuse.text()).env(TOLD, &fault.told).env(STRUCK, &fault.struck)
}

/// To be called before `init`: in a worker that was told so, this is where it fails.
pub fn strike_if_told_so() {
    let worker = std::env::args().nth(1).is_some_and(|argument| argument == "--mpexec-worker");
    if worker
        && let Some(fault) = told()
        && std::env::var(FUSE).is_ok_and(|fuse| fs::remove_file(fuse).is_ok())
    {
        match fault.moment {
            Moment::InHandshake => in_handshake(&fault),
            _ => fault.strike(),
        }
    }
}

fn told() -> Option<Fault> {
    let [kind, moment, told, struck] = [KIND, MOMENT, TOLD, STRUCK].map(|name| std::env::var(name).ok());
    let kind = Kind::ALL.into_iter().find(|known| Some(format!("{known:?}")) == kind)?;
    let moment = Moment::ALL.into_iter().find(|known| Some(format!("{known:?}")) == moment)?;
    Some(Fault { kind, moment, told: told?, struck: struck? })
}

fn in_handshake(fault: &Fault) {
    let attached = await_welcome();
    match fault.kind {
        // These are said in place of the answer.
        Kind::Garbage | Kind::HugeLength | Kind::HalfMessage => {}
        Kind::Scribble => {
            fault.tell();
            scribble(attached);
            fault.has_struck();
            // And goes on, with that for its ring.
            return;
        }
        _ => assert!(socket::send_half_a_message(FrameKind::Control), "half of the answer is not out"),
    }
    fault.strike();
}

/// Waits until the welcome is here, and leaves it where it is; what came along with it.
fn await_welcome() -> Vec<OwnedFd> {
    let socket = socket::own();
    loop {
        let mut bytes = vec![0; WELCOME];
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut room);
        let flags = RecvFlags::PEEK | RecvFlags::CMSG_CLOEXEC;
        let came = recvmsg(&socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags).unwrap().bytes;
        let mut decoder = FrameDecoder::new();
        decoder.space(came.max(FRAME_HEADER))[..came].copy_from_slice(&bytes[..came]);
        decoder.filled(came);
        if decoder.next().is_ok_and(|frame| frame.is_some()) {
            let rights = ancillary.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
                _ => None,
            });
            return rights.flatten().collect();
        }
    }
}

/// Fills the results' memory, which this process has not mapped yet.
fn scribble(attached: Vec<OwnedFd>) {
    let is_results = |fd: &OwnedFd| {
        let to = fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()));
        to.is_ok_and(|to| to.to_string_lossy().contains("mpexec-results"))
    };
    for results in attached.into_iter().filter(is_results) {
        let results = File::from(results);
        let length = results.metadata().unwrap().len();
        results.write_all_at(&ring::garbage(0xff, length), 0).unwrap();
    }
}

/// What [`init_in_tests!`](crate::init_in_tests) has for a task.
#[derive(Debug)]
pub struct Early;

/// What it does in place of collecting it.
pub fn strike(_: &'static Early) {
    strike_if_told_so();
}

/// Makes pools with armed workers work inside a test program: in place of `mpexec_core::init_in_tests!`, which it calls.
#[macro_export]
macro_rules! init_in_tests {
    () => {
        // What is collected before `init` runs is asked for here, so this runs before it.
        mpexec_core::__collect_task!(
            $crate::faults::early::Early,
            $crate::faults::early::strike,
            $crate::faults::early::Early
        );
        mpexec_core::init_in_tests!();
    };
}
