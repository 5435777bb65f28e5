//! The page for those who come from Python, held against Python: no name of its pools, processes, queues and futures is
//! missing there.
//!
//! The names stand here too, because not every machine has a Python, and no Python has the names of them all.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Those that users call, up to Python 3.14.
const KNOWN: &[(&str, &str)] = &[
    ("Pool", "apply apply_async map map_async imap imap_unordered starmap starmap_async close terminate join"),
    ("AsyncResult", "get wait ready successful"),
    (
        "Process",
        "run start join name is_alive daemon pid ident exitcode authkey sentinel interrupt terminate kill close",
    ),
    ("Queue", "qsize empty full put put_nowait get get_nowait close join_thread cancel_join_thread"),
    ("JoinableQueue", "task_done join"),
    ("Pipe", "send recv fileno close poll send_bytes recv_bytes recv_bytes_into closed readable writable"),
    ("SharedMemory", "close unlink buf name size track"),
    ("ShareableList", "count index format"),
    ("ProcessPoolExecutor", "submit map shutdown terminate_workers kill_workers"),
    ("Future", "cancel cancelled running done result exception add_done_callback set_result set_exception"),
    (
        "multiprocessing",
        "SimpleQueue Lock RLock Semaphore BoundedSemaphore Condition Event Barrier Value Array RawValue RawArray Manager \
         ProcessError BufferTooShort AuthenticationError TimeoutError active_children cpu_count current_process \
         parent_process freeze_support get_context get_start_method set_start_method get_all_start_methods set_executable \
         set_forkserver_preload log_to_stderr get_logger",
    ),
    (
        "concurrent.futures",
        "wait as_completed FIRST_COMPLETED FIRST_EXCEPTION ALL_COMPLETED CancelledError BrokenExecutor BrokenProcessPool \
         InvalidStateError",
    ),
];

/// Prints the public names of the Python that is there. Modules that a user does not import are left out.
const ASK: &str = "
import concurrent.futures as f, multiprocessing as m, multiprocessing.connection as c, multiprocessing.pool as p
import multiprocessing.process, multiprocessing.queues as q, multiprocessing.shared_memory as s
for k in [p.Pool, p.AsyncResult, m.process.BaseProcess, q.Queue, q.JoinableQueue, q.SimpleQueue, c.Connection,
          c._ConnectionBase, s.SharedMemory, s.ShareableList, f.Executor, f.ProcessPoolExecutor, f.Future]:
    print(*(name for name in vars(k) if name[0] != '_'))
print(*(name for name in m.__all__ if not name.isupper()), *(name for name in f.__all__ if 'Interpreter' not in name))
";

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mpexec-core/src/coming_from_python.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The words between code marks, in the column of Python's names.
fn told(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let marked = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    marked.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_')).collect()
}

#[test]
fn every_name_of_pythons_pools_stands_on_the_page() {
    let page = page();
    let told = told(&page);
    for (class, names) in KNOWN {
        let missing: Vec<_> = names.split_whitespace().filter(|name| !told.contains(name)).collect();
        assert!(missing.is_empty() && page.contains(class), "{class}: {missing:?}");
    }
}

#[test]
fn the_python_that_is_there_has_no_name_that_the_page_lacks() {
    let Some(answer) = Command::new("python3").args(["-c", ASK]).output().ok().filter(|told| told.status.success())
    else {
        mpexec_testkit::skipped("there is no Python 3 here");
        return;
    };
    let page = page();
    let told = told(&page);
    let names = String::from_utf8(answer.stdout).unwrap();
    let missing: Vec<_> = names.split_whitespace().filter(|name| !told.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
