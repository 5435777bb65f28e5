//! A program in which two tasks have one name: no pool can be built in it. It is a test program of its own because the
//! clash is there as soon as it starts.

use mpexec_core::{Pool, PoolError, task};

mpexec_core::init_in_tests!();

#[task]
fn shout(text: String) -> String {
    text.to_uppercase()
}

mod elsewhere {
    #[mpexec_core::task(name = "shout")]
    fn whisper(text: String) -> String {
        text.to_lowercase()
    }

    #[test]
    fn both_functions_stay_what_they_are() {
        assert_eq!((super::shout("aB".into()), whisper("aB".into())), ("AB".into(), "ab".into()));
    }
}

#[test]
fn a_name_that_two_tasks_have_is_an_error_before_anything_is_started() {
    let error = Pool::new().unwrap_err();
    let PoolError::DuplicateTask { name, first, second } = &error else { panic!("{error:?}") };
    assert_eq!(name, "shout");
    let mut places = [first, second];
    places.sort();
    assert!(places[0].ends_with("duplicates.rs:15") && places[1].ends_with("duplicates.rs:9"), "{places:?}");
    assert!(error.to_string().contains("another name"), "{error}");
    assert_eq!(std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default(), "", "nothing was started");
}
