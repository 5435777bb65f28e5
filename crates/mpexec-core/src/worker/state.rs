//! What a worker keeps from task to task: the value that its start hook made.
//!
//! Kept per thread, because the in-process link runs workers as threads.

use std::any::{Any, type_name};
use std::cell::RefCell;

/// What is kept, and the name of its type.
struct Kept {
    value: Box<dyn Any>,
    type_name: &'static str,
}

thread_local! {
    static STATE: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Keeps what the start hook made.
pub(crate) fn keep<S: 'static>(value: S) {
    let before = STATE.replace(Some(Kept { value: Box::new(value), type_name: type_name::<S>() }));
    // Outside of the cell: its drop is the user's.
    drop(before);
}

/// Takes it out, for the end hook.
///
/// # Panics
/// When there is none of this type.
pub(crate) fn take<S: 'static>() -> S {
    match STATE.take().map(|kept| (kept.value.downcast::<S>(), kept.type_name)) {
        Some((Ok(value), _)) => *value,
        Some((Err(_), kept)) => panic!("the start hook made a {kept}, but the end hook takes a {}", type_name::<S>()),
        None => panic!("the end hook takes a {}, but no start hook made one", type_name::<S>()),
    }
}

/// Lets a task use what its worker's start hook made ([`PoolBuilder::start_hook`](crate::PoolBuilder::start_hook)): a
/// connection, a cache, a counter, which lives from task to task, in this worker alone.
///
/// # Panics
/// Outside a task, in a pool without a start hook, with another type than the hook returned, and when it is called inside of
/// itself: the task then ends as [`Panicked`](crate::TaskError::Panicked) with a message that says which.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers, worker_state};
///
/// fn so_far(n: u64) -> u64 {
///     worker_state(|sum: &mut u64| { *sum += n; *sum })
/// }
///
/// let pool = Pool::builder().workers(Workers::Exact(1)).start_hook(|| 100u64).build()?;
/// assert_eq!(pool.map(so_far, [1, 2, 3])?, [101, 103, 106]);
/// # Ok(())
/// # }
/// ```
pub fn worker_state<S: 'static, R>(use_it: impl FnOnce(&mut S) -> R) -> R {
    STATE.with(|state| {
        let Ok(mut state) = state.try_borrow_mut() else {
            panic!("worker_state() was called inside of worker_state()")
        };
        match state.as_mut().map(|kept| (kept.value.downcast_mut::<S>(), kept.type_name)) {
            Some((Some(value), _)) => use_it(value),
            Some((None, kept)) => panic!("the worker's state is a {kept}, not a {}", type_name::<S>()),
            None => panic!(
                "worker_state::<{}, _>() was called where there is none: outside a task, on a thread that a task started, or in a pool built without .start_hook(..)",
                type_name::<S>()
            ),
        }
    })
}
