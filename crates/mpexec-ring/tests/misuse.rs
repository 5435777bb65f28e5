//! What a caller must not do, and that it is told at once instead of corrupting a ring.

#![cfg(all(target_os = "linux", not(loom)))]
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use mpexec_ring::{PoolPage, ResultReceiver, ResultSender, TaskReceiver, TaskSender, in_process};

type Ends = (TaskSender, ResultReceiver, TaskReceiver, ResultSender);

fn ends() -> Ends {
    in_process(4096, &PoolPage::create().unwrap()).unwrap()
}

#[test]
#[should_panic(expected = "commit follows a grant")]
fn a_commit_without_a_grant_is_refused() {
    ends().0.commit(0, 1, 0);
}

#[test]
#[should_panic(expected = "committed 11 bytes of a grant of 10")]
fn a_commit_of_more_than_was_granted_is_refused() {
    let (mut tasks, ..) = ends();
    tasks.grant(10, 10).unwrap();
    tasks.commit(11, 1, 0);
}

#[test]
#[should_panic(expected = "kinds are 1 to 2^31 - 1, not 0")]
fn the_kind_of_a_pad_is_refused() {
    let (mut tasks, ..) = ends();
    tasks.grant(10, 10).unwrap();
    tasks.commit(10, 0, 0);
}

#[test]
#[should_panic(expected = "kinds are 1 to 2^31 - 1, not 2147483648")]
fn the_mark_of_a_continued_group_is_refused_as_a_kind() {
    ends().3.begin_group(1 << 31, 0);
}

#[test]
#[should_panic(expected = "is freed before it was published")]
fn a_record_that_nobody_has_seen_is_not_freed() {
    let (mut tasks, ..) = ends();
    tasks.grant(10, 10).unwrap();
    let span = tasks.commit(10, 1, 0);
    tasks.free_to(span);
}

#[test]
#[should_panic(expected = "is not in this ring any more")]
fn a_freed_record_has_no_bytes() {
    let (mut tasks, ..) = ends();
    tasks.grant(10, 10).unwrap();
    let span = tasks.commit(10, 1, 0);
    tasks.publish();
    tasks.free_to(span);
    tasks.bytes(span);
}

#[test]
#[should_panic(expected = "end the group before a record of its own")]
fn a_record_within_a_group_is_refused() {
    let (.., mut results) = ends();
    results.begin_group(1, 0);
    results.grant(1, 1);
}

#[test]
#[should_panic(expected = "written bytes follow their space")]
fn an_append_after_a_publish_needs_new_space() {
    let (.., mut results) = ends();
    results.begin_group(1, 0);
    results.append_space(1, 1).unwrap();
    results.publish();
    results.append(1);
}

#[test]
fn what_is_longer_than_the_longest_record_is_never_granted() {
    let (mut tasks, _, _, mut results) = ends();
    assert_eq!((tasks.max_record(), results.max_record()), (1024, 1024));
    assert!(tasks.grant(1025, usize::MAX).is_none() && results.grant(1025, usize::MAX).is_none());
    assert_eq!(tasks.grant(1024, usize::MAX).unwrap().len(), 1024);
    assert_eq!(results.grant(0, usize::MAX).unwrap().len(), 1024);
}

#[test]
fn freeing_twice_and_freeing_nothing_change_nothing() {
    let (mut tasks, ..) = ends();
    let spans = [1, 2, 3].map(|len| {
        tasks.grant(len, len).unwrap();
        tasks.commit(len, 1, 0)
    });
    tasks.publish();
    tasks.free_to(spans[1]);
    let held = tasks.in_use();
    assert_eq!(held, 32);
    tasks.free_to(spans[0]);
    tasks.free_to(spans[1]);
    assert_eq!(tasks.in_use(), held);
    tasks.free_all();
    tasks.free_all();
    tasks.free_to(spans[2]);
    assert_eq!(tasks.in_use(), 0);
}

#[test]
#[should_panic(expected = "written bytes follow their space")]
fn nothing_is_appended_twice_and_no_bytes_neither() {
    let (.., mut results) = ends();
    results.begin_group(1, 0);
    for _ in 0..2 {
        results.append_space(1, 1).unwrap();
        results.append(1);
    }
    results.append(0);
}

#[test]
#[should_panic(expected = "9 bytes of a grant of 8")]
fn a_result_behind_others_is_no_longer_than_its_space() {
    let (.., mut results) = ends();
    results.begin_group(1, 0);
    results.append_space(8, 8).unwrap();
    results.append(8);
    results.append_space(8, 8).unwrap();
    results.append(9);
}

#[test]
#[should_panic(expected = "the results of a group are appended")]
fn a_group_is_ended_before_a_record_of_its_own() {
    let (.., mut results) = ends();
    results.begin_group(1, 0);
    results.append_space(8, 8).unwrap();
    results.commit(8, 1, 0);
}
