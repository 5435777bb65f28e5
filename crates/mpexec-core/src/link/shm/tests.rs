//! When a worker rings for its coordinator, and what it says on the socket beside the rings.

use mpexec_ring::PoolPage;
use mpexec_wire::{BATCH_HEADER, BATCH_ONCE, BatchHeader, FunctionKind, Status};
use rustix::event::{PollFd, PollFlags, poll};

use super::worker::{Outgoing, ShmInbox, ShmOutbox, ends};
use super::{Post, ShmLink};
use crate::link::parcels::Parcels;
use crate::link::{Inbox, Incoming, Link, LinkError, Outbox, Timing, control, write_result};
use crate::os::events::Bell;

struct Both {
    page: PoolPage,
    link: ShmLink,
    inbox: ShmInbox,
    out: ShmOutbox,
    bell: Bell,
}

impl Both {
    fn new() -> Both {
        let page = PoolPage::create().unwrap();
        let (tasks, results, receiver, sender) = mpexec_ring::in_process(1 << 16, &page).unwrap();
        let bell = Bell::new().unwrap();
        let (ours, theirs) = control::pair().unwrap();
        let (reader, writer) = (control::Reader::new(ours.clone(), false), control::Writer::new(ours, false));
        let said = control::Writer::new(control::wrap(theirs), true);
        let link = ShmLink::new(tasks, results, bell.try_clone().unwrap(), Post::Socket(reader, writer), 1 << 20);
        let rings = bell.try_clone().unwrap();
        let (inbox, out) = ends(receiver, sender, rings, Outgoing::Socket(said), Parcels::default());
        Both { page, link, inbox, out, bell }
    }

    fn give(&mut self, batch: u64, count: u32) {
        self.send(batch, 0, count, 0);
    }

    fn send(&mut self, batch: u64, base_ordinal: u64, count: u32, flags: u32) {
        let header = BatchHeader {
            batch,
            base_ordinal,
            first_index: 0,
            function: 0,
            function_kind: FunctionKind::Offset,
            count,
            flags,
            attempt: 1,
            parcels: 0,
        };
        let mut bytes = [0; BATCH_HEADER];
        header.write_to(&mut bytes);
        assert!(self.link.send(&bytes, &vec![0; 8 * count as usize]).unwrap());
        self.link.publish().unwrap();
    }

    fn take(&mut self) {
        assert!(matches!(self.inbox.next(&mut self.out).unwrap(), Incoming::Batch(_)));
    }

    /// A result, and what the worker says of it: whether it is a batch for itself.
    fn result(&mut self, batch: u64, whole: bool) {
        self.out.open_group(batch, 0).unwrap();
        write_result(&mut self.out, Status::Ok, false, &[1]).unwrap();
        self.out.close_group(Timing { nanos: 1, count: 1, ..Timing::default() }, whole).unwrap();
    }

    /// Whether the bell was rung since the last question.
    fn rung(&self) -> bool {
        let rung =
            poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], Some(&rustix::time::Timespec::default())).unwrap() > 0;
        self.bell.drain();
        rung
    }
}

#[test]
fn who_sleeps_is_rung_for_with_every_group_and_who_is_awake_never() {
    let mut both = Both::new();
    both.give(0, 3);
    both.take();
    both.result(0, false);
    assert!(!both.rung(), "nobody sleeps");
    both.page.set_sleeping(true);
    both.result(0, false);
    assert!(both.rung());
    both.result(0, false);
    assert!(both.rung());
}

#[test]
fn who_sleeps_deep_is_rung_for_when_the_last_tasks_are_begun_and_for_a_batch_of_one() {
    let mut both = Both::new();
    for batch in 0..3 {
        both.give(batch, 3);
    }
    both.take();
    both.page.sleep_deep();
    both.result(0, false);
    assert!(!both.rung() && both.link.has_news(), "it is there for who looks");
    both.take();
    both.result(1, false);
    assert!(!both.rung(), "there is another batch");
    both.take();
    assert!(both.rung(), "this is the last");
    both.result(2, true);
    assert!(both.rung(), "a batch for itself is told of");
}

#[test]
fn who_sleeps_deep_is_rung_for_when_there_is_nothing_to_do_or_no_room() {
    let mut both = Both::new();
    both.give(0, 2);
    both.take();
    both.page.sleep_deep();
    both.result(0, false);
    assert!(!both.rung());
    let mut sleeper = both;
    // It takes the next batch only when that is there; before it waits it rings.
    let waiting = std::thread::scope(|scope| {
        let (inbox, out) = (&mut sleeper.inbox, &mut sleeper.out);
        scope.spawn(move || matches!(inbox.next(out), Ok(Incoming::Batch(_))));
        poll(&mut [PollFd::new(&sleeper.bell, PollFlags::IN)], None).unwrap() > 0 && {
            let header = [0; BATCH_HEADER];
            sleeper.link.send(&header, &[]).unwrap() && sleeper.link.publish().is_ok()
        }
    });
    assert!(waiting && sleeper.rung());
}

#[test]
fn what_was_kept_back_from_who_slept_deep_is_rung_for_when_it_wants_to_hear_of_all() {
    let mut both = Both::new();
    both.give(0, 4);
    both.give(1, 4);
    both.take();
    both.page.sleep_deep();
    both.result(0, false);
    assert!(!both.rung());
    both.page.set_sleeping(true);
    both.result(0, false);
    assert!(both.rung());
}

#[test]
fn that_a_task_begins_which_may_begin_once_only_is_said_once_of_each_and_of_no_other() {
    let mut both = Both::new();
    both.give(0, 4);
    assert!(!both.link.owes_word());
    both.send(1, 4, 1, BATCH_ONCE);
    both.send(2, 5, 1, 0);
    assert!(both.link.owes_word());
    both.out.say_begun(4).unwrap();
    assert_eq!(both.link.said_begun(), 0, "nobody has listened");
    both.link.attend().unwrap();
    assert!(both.link.said_begun() == 5 && !both.link.owes_word());
    for never in [4, 3, 5, u64::MAX] {
        both.out.say_begun(never).unwrap();
        assert!(matches!(both.link.attend(), Err(LinkError::Broken(_))), "{never}");
    }
    both.send(3, 6, 1, BATCH_ONCE);
    both.send(4, 7, 1, BATCH_ONCE);
    both.out.say_begun(7).unwrap();
    both.link.attend().unwrap();
    assert_eq!(both.link.said_begun(), 8);
    both.out.say_begun(6).unwrap();
    assert!(both.link.attend().is_err(), "it does not go back");
}
