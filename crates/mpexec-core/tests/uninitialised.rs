//! A program that forgot `init()`: it gets an error and starts nothing, instead of copies of itself without end. This
//! test program has no `init_in_tests!`, so it is such a program.

use mpexec_core::{Pool, PoolError, Process, Transport, Workers};

use mpexec_testkit as common;

#[test]
fn a_program_without_init_gets_an_error_and_starts_nothing() {
    for link in [Transport::Auto, Transport::Shm, Transport::Socket] {
        let error = Pool::builder().transport(link).build().unwrap_err();
        assert!(matches!(error, PoolError::NotInitialised), "{error:?}");
        assert!(error.to_string().contains("mpexec_core::init()"), "{error}");
    }
    assert!(matches!(Process::spawn(|n: u8| n, (1,)), Err(PoolError::NotInitialised)));
    assert_eq!(common::processes::children(), [0; 0]);
    let alone = Pool::builder().transport(Transport::Memory).workers(Workers::Exact(1)).build().unwrap();
    assert_eq!(alone.apply(|n: u8| n + 1, (1,)).unwrap(), 2, "threads need no init");
}
