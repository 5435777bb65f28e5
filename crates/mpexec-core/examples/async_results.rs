//! Results that come later: handles to ask and to wait for, callbacks, an endless input, and `.await`.
//!
//! Run it with `cargo run -p mpexec-core --example async_results`. It checks itself.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use mpexec_core::{Pool, TaskError, Workers};

fn is_prime(number: u64) -> bool {
    number > 1 && (2..).take_while(|factor| factor * factor <= number).all(|factor| !number.is_multiple_of(factor))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    mpexec_core::init();
    let pool = Pool::builder().workers(Workers::Exact(2)).build()?;

    // A handle: the call returns at once, the answer is fetched when it is wanted.
    let prime = pool.apply_async(is_prime, (2_147_483_647,));
    println!("asked; ready yet: {}", prime.is_ready());
    assert!(prime.get()?);

    // Waiting with a limit gives the handle back. The task goes on.
    let mut slow =
        pool.apply_async(|number: u64| (2..).find(|factor| number.is_multiple_of(*factor)), (99_999_640_000_243,));
    let factor = loop {
        match slow.get_timeout(Duration::from_millis(10)) {
            Ok(outcome) => break outcome?,
            Err((handle, timed_out)) => {
                println!("{timed_out}");
                slow = handle;
            }
        }
    };
    assert_eq!(factor, Some(9_999_973));

    // A callback runs on a thread of the pool, once, with a reference to the value or to the error.
    let (sender, answers) = mpsc::channel();
    let failed = sender.clone();
    let divided = pool
        .apply_async(|dividend: u32, divisor: u32| dividend / divisor, (1, 0))
        .on_success(move |quotient| _ = sender.send(Ok(*quotient)))
        .on_error(move |error: &TaskError| _ = failed.send(Err(error.to_string())));
    assert!(answers.recv()?.is_err_and(|error| error.contains("divide by zero")));
    assert!(divided.get().is_err());

    // An endless input: numbers are taken as the workers keep up, answers come in order, memory stays as it is.
    let primes = pool.imap(is_prime, 0..).enumerate().filter_map(|(number, prime)| prime.ok()?.then_some(number));
    assert_eq!(primes.take(5).collect::<Vec<_>>(), [2, 3, 5, 7, 11]);

    // A handle is a future. It wants no particular runtime; here is the smallest there is.
    let both = async {
        Ok::<_, TaskError>((pool.apply_async(is_prime, (97,)).await?, pool.apply_async(is_prime, (98,)).await?))
    };
    assert_eq!(block_on(both)?, (true, false));
    println!("all answers are right");
    Ok(())
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
