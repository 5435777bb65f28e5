//! What workers print on its way to our own standard streams.
//!
//! Our standard error may be a full pipe that nobody reads, or be locked by a thread that waits for the very pool. So it is
//! written by a thread that does nothing else, and the supervisor only leaves the pieces here. What nobody takes is bounded:
//! the oldest pieces are dropped, and the gap is told when writing goes on.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// As much is kept of what was not written yet, in bytes.
const KEPT: usize = 1 << 20;
/// A worker's last words come before the error that tells of its death, unless writing them takes longer than this.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// As long is waited at the end of a pool.
const AT_THE_END: Duration = Duration::from_secs(1);

/// Which of our own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    #[default]
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        }
    }
}

/// See the head of this file. Its thread is started with the first piece, and ends with the pool.
#[derive(Debug)]
pub(crate) struct Forwarding {
    stream: Stream,
    queue: OnceLock<Arc<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stream: Stream,
    pieces: VecDeque<Vec<u8>>,
    /// Bytes in `pieces`.
    length: usize,
    /// Bytes that were dropped and not told of.
    dropped: usize,
    /// A piece is being written.
    writing: bool,
    /// It has taken too long, so nobody waits for it.
    stuck: bool,
    /// Nothing more will come.
    ended: bool,
}

impl State {
    fn put(&mut self, piece: &[u8]) {
        self.pieces.push_back(piece.to_vec());
        self.length += piece.len();
        while self.length > KEPT
            && let Some(oldest) = self.pieces.pop_front()
        {
            self.length -= oldest.len();
            self.dropped += oldest.len();
        }
    }

    /// What is to be written next, the gap before it included.
    fn take(&mut self) -> Option<Vec<u8>> {
        let piece = self.pieces.pop_front()?;
        self.length -= piece.len();
        let lost = std::mem::take(&mut self.dropped);
        if lost == 0 {
            return Some(piece);
        }
        let stream = self.stream.name();
        let mut told = format!("\n(mpexec: {lost} bytes of the workers' {stream} were dropped here)\n").into_bytes();
        told.extend_from_slice(&piece);
        Some(told)
    }

    fn is_done(&self) -> bool {
        self.pieces.is_empty() && !self.writing
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life.
    fn write_out(&self, mut out: impl Write) {
        let mut state = self.lock();
        loop {
            match state.take() {
                Some(piece) => {
                    state.writing = true;
                    drop(state);
                    // Our own stderr may be closed; the worker's last words are kept all the same.
                    let _ = out.write_all(&piece).and_then(|()| out.flush());
                    state = self.lock();
                    (state.writing, state.stuck) = (false, false);
                    self.changed.notify_all();
                }
                None if state.ended => return,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn wait_until_done(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while !state.is_done() && !state.stuck {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.stuck = true;
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Forwarding {
    pub(crate) fn to(stream: Stream) -> Forwarding {
        Forwarding { stream, queue: OnceLock::new() }
    }

    /// Passes a piece on. Never blocks.
    pub(crate) fn put(&self, piece: &[u8]) {
        let queue = self.queue.get_or_init(|| {
            let stream = self.stream;
            let queue = Arc::new(Queue { state: Mutex::new(State { stream, ..State::default() }), ..Queue::default() });
            let written = queue.clone();
            // Should there be no thread for it, the pieces are dropped when their time comes.
            let _ = std::thread::Builder::new().name(format!("mpexec-{}", stream.name())).stack_size(128 << 10).spawn(
                move || match stream {
                    Stream::Stdout => written.write_out(std::io::stdout()),
                    Stream::Stderr => written.write_out(std::io::stderr()),
                },
            );
            queue
        });
        queue.lock().put(piece);
        queue.changed.notify_all();
    }

    /// Gives the last words of a worker a moment.
    pub(crate) fn await_last_words(&self) {
        if let Some(queue) = self.queue.get() {
            queue.wait_until_done(LAST_WORDS);
        }
    }

    /// The pool is over: what came is written, as far as somebody takes it.
    pub(crate) fn finish(&self, deadline: Option<Instant>) {
        if let Some(queue) = self.queue.get() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            queue.wait_until_done(left.map_or(AT_THE_END, |left| left.min(AT_THE_END)));
        }
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.get() {
            queue.lock().ended = true;
            queue.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_in_order_and_the_end_is_waited_for() {
        let (queue, mut out) = (Queue::default(), Vec::new());
        let forwarded = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                queue.write_out(&mut out);
                out
            });
            for n in 0..100u8 {
                queue.lock().put(&[n]);
                queue.changed.notify_all();
            }
            queue.wait_until_done(Duration::from_secs(60));
            assert!(queue.lock().is_done());
            queue.lock().ended = true;
            queue.changed.notify_all();
            writer.join().unwrap()
        });
        assert!(forwarded.into_iter().eq(0..100));
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_the_gap_is_told() {
        let mut state = State::default();
        let piece = |n: u8| vec![n; KEPT / 8];
        for n in 0..20 {
            state.put(&piece(n));
            assert!(state.length <= KEPT);
        }
        let gap = format!("{} bytes of the workers' stderr were dropped", 12 * (KEPT / 8));
        let first = state.take().unwrap();
        assert!(first.windows(gap.len()).any(|bytes| bytes == gap.as_bytes()));
        assert!(first.ends_with(&piece(12)));
        assert_eq!(state.take().unwrap(), piece(13), "the gap is told once");
    }

    #[test]
    fn nobody_waits_twice_for_what_is_stuck() {
        let queue = Queue::default();
        queue.lock().put(b"nobody writes this");
        queue.wait_until_done(Duration::from_millis(1));
        let since = Instant::now();
        queue.wait_until_done(Duration::from_secs(60));
        assert!(since.elapsed() < Duration::from_secs(30));
    }
}
