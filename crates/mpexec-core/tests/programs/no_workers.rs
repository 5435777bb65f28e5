//! Worker programs that cannot be started, or are none, or speak another protocol: one clear error that names the file
//! and says what to do, and nobody is left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use mpexec_core::{Exit, Pool, PoolError, TaskError, Transport, WorkerStderr, Workers, named};
use mpexec_wire::{FileId, FrameHeader, FrameKind, FromWorker, Hello, PROTOCOL, encode_to_vec};

use crate::common::processes::children;
use crate::common::{LINKS, Scratch, Watchdog, wait_until};

/// Long enough for whoever says something, on a slow and busy machine too.
const SAYS_SOMETHING: Duration = Duration::from_secs(100);

fn build(program: &Path, link: Transport, handshake: Duration) -> Result<Pool, PoolError> {
    let builder = Pool::builder().worker_program(program).transport(link).workers(Workers::Exact(2));
    builder.stderr(WorkerStderr::Keep).handshake_limit(handshake).build()
}

/// The error for `program`, which must name it and hold each of `said`.
#[track_caller]
fn refused(program: &Path, said: &[&str]) {
    refused_within(SAYS_SOMETHING, program, said);
}

/// As [`refused`], with so much time for the handshake.
#[track_caller]
fn refused_within(handshake: Duration, program: &Path, said: &[&str]) {
    for link in LINKS {
        let error = build(program, link, handshake).expect_err("no worker was started, and yet there is a pool");
        let PoolError::WorkerProgram { program: named, what, remedy } = &error else { panic!("{error:?}") };
        assert_eq!(named, program);
        assert!(!remedy.is_empty());
        assert!(error.to_string().contains(program.to_str().unwrap()));
        assert!(said.iter().all(|said| what.contains(said)), "{what:?} does not say {said:?}");
    }
}

/// An executable file of these bytes.
fn executable(bytes: &[u8]) -> Scratch {
    let _turn = crate::writing_or_starting();
    let file = Scratch::new();
    fs::write(file.path(), bytes).unwrap();
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// A script of this text.
fn script(text: &str) -> Scratch {
    executable(format!("#!/bin/sh\n{text}\n").as_bytes())
}

/// A script that sends these bytes on its control socket, which is its stdin, and then waits for its end.
fn speaker(bytes: &[u8], file: &Scratch) -> Scratch {
    fs::write(file.path(), bytes).unwrap();
    script(&format!("cat '{}' >&0; exec cat >/dev/null", file.text()))
}

fn frame(message: &FromWorker) -> Vec<u8> {
    let payload = encode_to_vec(message).unwrap();
    let mut bytes = FrameHeader::new(FrameKind::Control, 0, payload.len()).unwrap().write().to_vec();
    bytes.extend(payload);
    bytes
}

fn hello(protocol: u32) -> Hello {
    let executable = FileId { device: 1, inode: 2 };
    Hello { protocol, version: "99.7.0".into(), pid: 1, executable, functions: Vec::new() }
}

#[test]
fn a_file_that_cannot_be_started_is_named() {
    let _watchdog = Watchdog::new();
    let missing = Scratch::new();
    refused(missing.path(), &["No such file"]);
    refused(&std::env::temp_dir(), &["directory"]);
    let plain = Scratch::new();
    fs::write(plain.path(), "text").unwrap();
    refused(plain.path(), &["not executable"]);
    refused(executable(&[0x7f, b'E', b'L', b'F', 1, 2, 3]).path(), &["cannot be started"]);
    let dangling = executable(b"#!/no/such/interpreter\n");
    refused(dangling.path(), &["cannot be started"]);
}

#[test]
fn a_program_that_is_no_worker_is_named() {
    let _watchdog = Watchdog::new();
    refused(Path::new("/bin/true"), &["exited with code 0", "before it had shaken hands"]);
    refused(Path::new("/bin/false"), &["exited with code 1"]);
    refused(Path::new("/bin/cat"), &["exited with code 1", "--mpexec-worker"]);
    refused(script("echo rubbish; echo 'it is all wrong' >&2; exit 7").path(), &["code 7", "it is all wrong"]);
}

#[test]
fn a_program_that_is_killed_whenever_it_starts_is_a_crash_loop() {
    let _watchdog = Watchdog::new();
    let killed = script("kill -9 $$");
    for link in LINKS {
        let error = build(killed.path(), link, SAYS_SOMETHING).unwrap_err();
        assert!(matches!(error, PoolError::CrashLoop { deaths: 50, exit: Exit::Signal(9), .. }), "{error:?}");
        assert!(error.to_string().contains(&killed.path().display().to_string()), "{error}");
    }
}

#[test]
fn a_program_that_says_nothing_is_given_up_in_time() {
    let _watchdog = Watchdog::new();
    let silent = script("exec sleep 1000");
    let since = Instant::now();
    let builder = Pool::builder().worker_program(silent.path()).workers(Workers::Exact(2));
    let error = builder.handshake_limit(Duration::from_millis(100)).build().unwrap_err();
    assert!(error.to_string().contains("shake hands within 100ms"), "{error}");
    assert!(since.elapsed() < Duration::from_secs(200), "{:?}", since.elapsed());
}

#[test]
fn rubbish_on_the_socket_is_no_handshake() {
    let _watchdog = Watchdog::new();
    let file = Scratch::new();
    refused(speaker(b"HTTP/1.1 400 Bad Request\r\n\r\n", &file).path(), &["protocol"]);
    refused(speaker(&[0xff; 4096], &file).path(), &["protocol"]);
    let mut huge = frame(&FromWorker::Hello(hello(PROTOCOL)));
    huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(speaker(&huge, &file).path(), &["protocol"]);
    refused(speaker(&frame(&FromWorker::Ready), &file).path(), &["before the handshake"]);
    refused(
        speaker(&frame(&FromWorker::Refused { reason: "not today".into() }), &file).path(),
        &["cannot serve: not today"],
    );
}

#[test]
fn half_a_handshake_is_waited_for_and_given_up() {
    let _watchdog = Watchdog::new();
    let file = Scratch::new();
    let whole = frame(&FromWorker::Hello(hello(PROTOCOL)));
    // Whether it has said half of it by then or nothing yet, it is given up so.
    let half = speaker(&whole[..whole.len() - 3], &file);
    refused_within(Duration::from_secs(2), half.path(), &["shake hands within"]);
    fs::write(file.path(), &whole[..20]).unwrap();
    let leaves = script(&format!("cat '{}' >&0; exit 9", file.text()));
    refused(leaves.path(), &["exited with code 9", "before it had shaken hands"]);
}

#[test]
fn another_version_says_both_versions_and_the_remedy() {
    let _watchdog = Watchdog::new();
    let file = Scratch::new();
    let ours = format!("speaks {PROTOCOL}");
    refused(speaker(&frame(&FromWorker::Hello(hello(42))), &file).path(), &["protocol 42", "99.7.0", &ours]);
    // A later version's hello may hold more than ours; its first fields are fixed for ever.
    let payload = encode_to_vec(&(0_u32, 43_u32, "100.0.0", [7_u8; 5])).unwrap();
    let mut later = FrameHeader::new(FrameKind::Control, 0, payload.len()).unwrap().write().to_vec();
    later.extend(payload);
    refused(speaker(&later, &file).path(), &["protocol 43", "100.0.0"]);
}

#[test]
fn a_worker_that_answers_for_another_process_is_refused() {
    let _watchdog = Watchdog::new();
    let file = Scratch::new();
    refused(speaker(&frame(&FromWorker::Hello(hello(PROTOCOL))), &file).path(), &["must not fork"]);
}

#[test]
fn nobody_is_left_of_a_pool_that_could_not_be_built() {
    let _watchdog = Watchdog::new();
    let silent = script("exec sleep 1000");
    let tree = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("1000"));
    let builder = Pool::builder().worker_program(silent.path()).workers(Workers::Exact(4));
    assert!(builder.handshake_limit(Duration::from_millis(50)).build().is_err());
    wait_until("the silent ones are gone", || !children().iter().any(tree));
}

#[test]
fn an_unnamed_function_of_a_foreign_worker_program_is_a_typed_error() {
    let _watchdog = Watchdog::new();
    // This very test program under another path is a worker program, but another file.
    let copy = executable(&fs::read(std::env::current_exe().unwrap()).unwrap());
    let copied = copy.path();
    for link in LINKS {
        let pool = build(copied, link, SAYS_SOMETHING).unwrap();
        for error in [
            pool.apply(|n: u8| n, (1,)).unwrap_err(),
            pool.map(|n: u8| n, [1]).unwrap_err().error,
            pool.apply(named("nothing", |n: u8| n), (1,)).unwrap_err(),
        ] {
            assert!(matches!(error, TaskError::UnknownFunction { .. }), "{error:?}");
            assert!(error.to_string().contains(copied.to_str().unwrap()), "{error}");
        }
    }
}
