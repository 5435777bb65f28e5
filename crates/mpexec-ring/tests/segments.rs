//! What the seals promise: to the coordinator, to the worker, and against the wrong file.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};

use mpexec_ring::{
    DEFAULT_CAPACITY, OpenError, Parcel, ParcelWriter, PoolPage, Segments, Upto, create, in_process, open,
};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

fn page() -> OwnedFd {
    PoolPage::create().unwrap().fd().unwrap().try_clone_to_owned().unwrap()
}

fn segments() -> Segments {
    create(1 << 16).unwrap().2
}

fn memfd(len: u64, seals: SealFlags) -> OwnedFd {
    let fd = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    ftruncate(&fd, len).unwrap();
    fcntl_add_seals(&fd, seals).unwrap();
    fd
}

/// The seals of a segment with one writer.
const ONE_WRITER: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE).union(SealFlags::SEAL);

#[test]
fn a_worker_cannot_write_the_tasks_nor_resize_anything() {
    let Segments { tasks, results } = segments();
    assert!(File::from(tasks.try_clone().unwrap()).write_at(&[1], 5000).is_err());
    for fd in [&tasks, &results] {
        assert!(ftruncate(fd, 0).is_err());
        assert!(ftruncate(fd, 1 << 30).is_err());
    }
    assert!(File::from(page()).write_at(&[1], 0).is_err());
}

#[test]
fn a_worker_can_cut_nothing_under_the_coordinator_and_others_cannot_write_after_it() {
    let Segments { tasks, results } = segments();
    let second = Segments { tasks: tasks.try_clone().unwrap(), results: results.try_clone().unwrap() };
    let (_tasks, mut sender) = open(Segments { tasks, results }, page()).unwrap();
    let file = File::from(second.results.try_clone().unwrap());
    assert!(file.write_at(&[1], 0).is_err(), "only the mapping of the worker can write");
    assert!(file.set_len(0).is_err());
    assert!(matches!(open(second, page()), Err(OpenError::Os { .. })), "one worker, once");
    assert!(sender.grant(100, 100).is_some());
}

#[test]
fn swapped_descriptors_are_refused() {
    let Segments { tasks, results } = segments();
    let swapped = open(Segments { tasks: results, results: tasks }, page());
    assert!(matches!(swapped, Err(OpenError::NotSealed { .. })));
    let Segments { tasks, results } = segments();
    let wrong = open(Segments { tasks: page(), results }, tasks);
    assert!(matches!(wrong, Err(OpenError::WrongSize { size: 69632, .. })), "{wrong:?}");
}

#[test]
fn files_that_could_be_cut_or_written_by_others_are_refused() {
    let len = 4096 + (1 << 16);
    let all = [SealFlags::SHRINK, SealFlags::GROW, SealFlags::FUTURE_WRITE, SealFlags::SEAL];
    for missing in all {
        let tasks = memfd(len, ONE_WRITER.difference(missing));
        let refused = open(Segments { tasks, ..segments() }, page());
        let Err(error @ OpenError::NotSealed { .. }) = refused else { panic!("without {missing:?}") };
        assert!(error.to_string().contains("the task segment lacks the seals"));
    }
    for missing in [SealFlags::SHRINK, SealFlags::GROW] {
        let seals = SealFlags::SHRINK.union(SealFlags::GROW).difference(missing);
        let results = memfd(len, seals);
        let refused = open(Segments { results, ..segments() }, page());
        assert!(matches!(refused, Err(OpenError::NotSealed { .. })));
    }
    let page = memfd(4096, SealFlags::SHRINK);
    assert!(matches!(open(segments(), page), Err(OpenError::NotSealed { .. })));
}

#[test]
fn what_is_no_memfd_is_refused() {
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let refused = open(Segments { tasks: null(), ..segments() }, page());
    assert!(matches!(refused, Err(OpenError::NotSealed { has: 0, .. })), "{refused:?}");
    assert!(matches!(Parcel::open(null(), 0), Err(OpenError::NotSealed { .. })));
}

#[test]
fn sizes_that_no_ring_has_are_refused() {
    for len in [0, 1, 4096, 4096 + 2048, 4096 + 5000, 1 << 16] {
        let tasks = memfd(len, ONE_WRITER);
        let refused = open(Segments { tasks, ..segments() }, page());
        assert!(matches!(refused, Err(OpenError::WrongSize { size, .. }) if size == len), "{len}");
    }
    for capacity in [0, 1, 2048, 4097, 100_000, 1 << 32] {
        assert_eq!(create(capacity).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_lightly_used_ring_touches_its_window_and_no_more() {
    let page = PoolPage::create().unwrap();
    let (mut tasks, mut results, segments) = create(DEFAULT_CAPACITY).unwrap();
    let files = [&segments.tasks, &segments.results].map(|fd| File::from(fd.try_clone().unwrap()));
    let (mut worker, mut sender) = open(segments, page.fd().unwrap().try_clone_to_owned().unwrap()).unwrap();
    let touched = |file: &File| file.metadata().unwrap().blocks() * 512;
    let mut out = Vec::new();
    for number in 0..20_000 {
        let len = number % 700;
        tasks.grant(len, 4096).unwrap()[..len].fill(1);
        let span = tasks.commit(len, 1, 0);
        tasks.publish();
        let payload = worker.next().unwrap().unwrap().payload;
        sender.grant(len, len).unwrap().copy_from_slice(payload);
        sender.commit(len, 1, 0);
        sender.publish();
        out.clear();
        assert!(results.take(Upto::Published, &mut out).unwrap().is_some());
        results.release(&tasks);
        tasks.free_to(span);
    }
    for file in &files {
        let bytes = touched(file);
        assert!(bytes <= 4096 + (128 << 10) + 4096, "{bytes} bytes were touched");
    }
}

#[test]
fn a_parcel_of_any_length_arrives_as_it_was_written() {
    for len in [0, 1, 15, 4096, 65_536, 65_537, 3_000_000] {
        let bytes: Vec<u8> = (0..len).map(|n| (n * 7 % 251) as u8).collect();
        let mut writer = ParcelWriter::create().unwrap();
        for chunk in bytes.chunks(777) {
            writer.write_all(chunk).unwrap();
        }
        writer.flush().unwrap();
        assert_eq!((writer.len(), writer.is_empty()), (len, len == 0));
        let parcel = Parcel::open(writer.finish().unwrap(), len).unwrap();
        assert!(*parcel == bytes[..], "{len} bytes");
        assert_eq!(parcel.as_ptr().addr() % 16, 0);
    }
}

#[test]
fn a_parcel_that_is_not_what_was_said_is_refused() {
    let finish = |len: usize| {
        let mut writer = ParcelWriter::create().unwrap();
        writer.write_all(&vec![0; len]).unwrap();
        writer.finish().unwrap()
    };
    for (len, said) in [(100, 99), (100, 101), (100, 0), (0, 1), (100, u64::MAX)] {
        let refused = Parcel::open(finish(len), said);
        assert!(matches!(refused, Err(OpenError::WrongSize { .. })), "{len} said to be {said}");
    }
    let open_to_writers = memfd(100, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL);
    assert!(matches!(Parcel::open(open_to_writers, 100), Err(OpenError::NotSealed { .. })));
    let one_writer = memfd(100, ONE_WRITER);
    assert!(matches!(Parcel::open(one_writer, 100), Err(OpenError::NotSealed { .. })));
}

#[test]
fn a_parcel_with_nothing_behind_its_length_is_refused() {
    let length = 1 << 40;
    let hollow = memfd(length, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL);
    let refused = Parcel::open(hollow, length);
    assert!(matches!(refused, Err(OpenError::Hollow { held: 0, .. })), "{refused:?}");
}

#[test]
fn a_finished_parcel_cannot_be_changed() {
    let mut writer = ParcelWriter::create().unwrap();
    writer.write_all(b"as it is").unwrap();
    let fd = writer.finish().unwrap();
    let file = File::from(fd.try_clone().unwrap());
    assert!(file.write_at(b"X", 0).is_err());
    assert!(file.set_len(0).is_err() && file.set_len(100).is_err());
    assert_eq!(&*Parcel::open(fd, 8).unwrap(), b"as it is");
}

#[test]
fn descriptors_are_not_inherited() {
    let page = PoolPage::create().unwrap();
    let Segments { tasks, results } = segments();
    let parcel = ParcelWriter::create().unwrap().finish().unwrap();
    for fd in [page.fd().unwrap(), tasks.as_fd(), results.as_fd(), parcel.as_fd()] {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn both_ends_of_a_ring_can_move_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let page = PoolPage::create().unwrap();
    let (tasks, results, worker, sender) = in_process(4096, &page).unwrap();
    is_send(&tasks);
    is_send(&results);
    is_send(&worker);
    is_send(&sender);
    is_send(&worker.signals());
    is_sync(&worker.signals());
    is_sync(&page);
}

#[test]
fn a_page_that_is_private_serves_its_owner_and_can_be_given_to_nobody() {
    let page = PoolPage::private().unwrap();
    page.set_sleeping(true);
    page.set_cpu(3);
    assert!(page.fd().is_none());
    assert!(in_process(4096, &page).is_err());
}

#[test]
fn a_group_turns_back_at_the_window_as_a_record_does() {
    let (tasks, mut receiver, _worker, mut results) = in_process(1 << 20, &PoolPage::create().unwrap()).unwrap();
    let mut out = Vec::new();
    results.grant(100 << 10, 100 << 10).unwrap();
    results.commit(100 << 10, 1, 0);
    results.publish();
    receiver.take(Upto::Published, &mut out).unwrap().unwrap();
    receiver.release(&tasks);
    results.begin_group(2, 7);
    for _ in 0..(60 << 10) / 32 {
        results.append_space(32, 32).unwrap();
        results.append(32);
    }
    results.end_group();
    results.publish();
    let [first, second] = [(); 2].map(|()| receiver.take(Upto::Published, &mut out).unwrap().unwrap());
    assert!(!first.continued && second.continued && first.len < 28 << 10, "{first:?} {second:?}");
}
