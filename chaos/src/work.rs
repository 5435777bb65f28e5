//! What runs in the workers: the tasks, each noting first that it begins.

use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use mpexec_core::{Sender, Shared, context, worker_state};
use rustix::net::{SendFlags, SocketType, send, sockopt};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, Signal, getpid, kill_process, pidfd_getfd, pidfd_open};

use crate::notes::{self, Scene};
use crate::order::{Answer, Deed, Order, Speech};

/// Does what the order says, and answers.
pub(crate) fn work(order: Order) -> Answer {
    begin(&order);
    order.answer(0)
}

pub(crate) fn work_with_a_table(order: Order, table: Shared<u64>) -> Answer {
    begin(&order);
    order.answer(looked_up(&table, order.id))
}

pub(crate) fn work_and_tell(order: Order, to: Sender<u64>) -> Answer {
    begin(&order);
    // Whoever receives may have gone: that is the round's business.
    let told = to.send(&order.id).is_ok();
    order.answer(u64::from(told))
}

pub(crate) fn work_or_fail(order: Order) -> Result<Answer, String> {
    begin(&order);
    if order.deed == Deed::Fails { Err(format!("task {} fails", order.id)) } else { Ok(order.answer(0)) }
}

pub(crate) fn work_and_speak(order: Order) -> Answer {
    let speech = Speech::of(order.id);
    print!("{}", speech.before);
    eprint!("{}", speech.aside);
    begin(&order);
    let answer = order.answer(0);
    print!("{}", speech.after);
    answer
}

/// What a worker does before its first task: the number of its tasks is its state.
pub(crate) fn start() -> u64 {
    notes::note(notes::START);
    0
}

/// What it does after its last one.
pub(crate) fn end(tasks: u64) -> u64 {
    notes::note(notes::END);
    tasks
}

/// What a task finds in the table that all share.
pub(crate) fn looked_up(table: &[u64], id: u64) -> u64 {
    let at = usize::try_from(id % table.len() as u64).expect("it is below the length of a slice");
    table[at]
}

/// Notes that the task begins, and does what it is told.
fn begin(order: &Order) {
    notes::note(order.id);
    if context::<Scene>().hooks {
        worker_state(|tasks: &mut u64| *tasks += 1);
    }
    run(order.deed, order.id);
}

fn run(deed: Deed, id: u64) {
    match deed {
        Deed::Computes | Deed::Fails | Deed::Unencodable => {}
        Deed::Spins(micros) => {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_micros(micros.into()) {
                std::hint::spin_loop();
            }
        }
        Deed::Panics => panic!("task {id} panics"),
        Deed::Hangs => loop {
            thread::park();
        },
        Deed::Burns => loop {
            std::hint::spin_loop();
        },
        Deed::Swells => swell(),
        Deed::Aborts => std::process::abort(),
        Deed::Exits(code) => std::process::exit(code),
        Deed::Faults => signal_self(Signal::SEGV),
        Deed::Killed => signal_self(Signal::KILL),
        Deed::Overflows => {
            deeper(id);
        }
        Deed::Scribbles(fill) => scribble(fill),
        Deed::Babbles => babble(id),
    }
}

/// Takes memory piece by piece, up to four times what any task may have.
fn swell() {
    let pieces: Vec<Vec<u8>> = (0..128).map(|_| Vec::with_capacity(16 << 20)).collect();
    std::hint::black_box(&pieces);
}

fn signal_self(signal: Signal) -> ! {
    loop {
        kill_process(getpid(), signal).expect("a process may signal itself");
    }
}

#[expect(unconditional_recursion, reason = "the stack is to overflow")]
fn deeper(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    deeper(depth + 1) + room[7]
}

/// Fills the memory that this worker writes its results to. There is none on the socket link.
fn scribble(fill: u8) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let memory = OpenOptions::new().write(true).open("/proc/self/mem").expect("a process may write its own memory");
    for range in maps.lines().filter(|line| line.contains("mpexec-results")) {
        let ends = range.split_whitespace().next().and_then(|range| range.split_once('-'));
        let hex = |text| u64::from_str_radix(text, 16).ok();
        let Some((Some(from), Some(to))) = ends.map(|(from, to)| (hex(from), hex(to))) else { continue };
        let garbage: Vec<u8> = (0..to - from).map(|n| if fill == 1 { (n * 131 % 251) as u8 } else { fill }).collect();
        // What is beyond the ring's end cannot be written, and need not be.
        let _ = memory.write_all_at(&garbage, from);
    }
}

/// Sends bytes of no meaning on the worker's own socket; when the other end is closed the worker is being killed.
fn babble(id: u64) {
    let garbage = crate::order::pattern(id, 300);
    let _ = send(socket(), &garbage, SendFlags::NOSIGNAL);
    loop {
        thread::park();
    }
}

/// The worker's own socket; those of channels that a task holds keep packets apart.
fn socket() -> OwnedFd {
    let open = fs::read_dir("/proc/self/fd").expect("/proc is mounted").flatten();
    let numbers: Vec<i32> = open.filter_map(|fd| fd.file_name().to_str()?.parse().ok()).collect();
    let this = pidfd_open(getpid(), PidfdFlags::empty()).expect("a process has a descriptor of itself");
    let mut copies = numbers.into_iter().filter_map(|fd| pidfd_getfd(&this, fd, PidfdGetfdFlags::empty()).ok());
    let is_stream = |fd: &OwnedFd| sockopt::socket_type(fd).is_ok_and(|kind| kind == SocketType::STREAM);
    copies.find(is_stream).expect("a worker has a socket")
}
