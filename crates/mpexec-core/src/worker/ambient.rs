//! What a task can know of where it runs: its index, its attempt, the worker's number, the shared context.
//!
//! Kept per thread, because the in-process link runs workers as threads; in a worker process there is one such thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::de::DeserializeOwned;

use mpexec_wire::{decode, decode_prefix};

use crate::carry::incoming;

/// Where a task runs.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers, current_task};
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let indices = pool.map(|_: ()| current_task().map(|task| task.index), [(), (), ()])?;
/// assert_eq!(indices, [Some(0), Some(1), Some(2)]);
/// assert_eq!(current_task(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentTask {
    /// Index of the task within its job, from 0; 0 in a single call (`apply`, `apply_async`), which is a job of its own.
    pub index: u64,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The worker's number within its pool, from 0; a replacement has the number of the worker it replaces.
    pub worker: u32,
}

/// This process is a worker.
static IN_WORKER: AtomicBool = AtomicBool::new(false);

/// The context's bytes, wherever they lie.
type Bytes = Box<dyn Deref<Target = [u8]>>;

struct Context {
    type_name: String,
    /// From `from` on, until they are decoded.
    bytes: Option<Bytes>,
    from: usize,
    decoded: Option<&'static dyn Any>,
}

thread_local! {
    static CURRENT: Cell<Option<CurrentTask>> = const { Cell::new(None) };
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

pub(crate) fn mark_worker_process() {
    IN_WORKER.store(true, Ordering::Relaxed);
}

/// Whether this process is a worker of some pool.
///
/// ```
/// assert!(!mpexec_core::in_worker());
/// ```
#[must_use]
pub fn in_worker() -> bool {
    IN_WORKER.load(Ordering::Relaxed)
}

/// Where the running task runs; `None` outside a task.
#[must_use]
pub fn current_task() -> Option<CurrentTask> {
    CURRENT.get()
}

pub(crate) fn set_current(task: Option<CurrentTask>) {
    CURRENT.set(task);
}

/// The shared context as it came: the name of its type, and its bytes.
pub(crate) fn set_context(encoded: impl Deref<Target = [u8]> + 'static) -> Result<(), String> {
    let (type_name, from) = decode_prefix::<String>(&encoded).map_err(|error| error.to_string())?;
    CONTEXT.set(Some(Context { type_name, bytes: Some(Box::new(encoded)), from, decoded: None }));
    Ok(())
}

/// The shared context of this pool: sent to each worker once, decoded once, read by every task.
///
/// # Panics
/// Outside a task, in a pool without a context, or with another type than the one the pool was built with: the task
/// then ends as [`Panicked`](crate::TaskError::Panicked) with a message that says which.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, Workers, context};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Range { minimum: i64, maximum: i64 }
///
/// fn within(value: i64) -> bool {
///     let range = context::<Range>();
///     (range.minimum..=range.maximum).contains(&value)
/// }
///
/// let pool = Pool::builder().workers(Workers::Exact(2)).context(&Range { minimum: 4, maximum: 8 })?.build()?;
/// assert_eq!(pool.map(within, [3, 4, 8, 9])?, [false, true, true, false]);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn context<C: DeserializeOwned + 'static>() -> &'static C {
    CONTEXT.with_borrow_mut(|slot| {
        let Some(context) = slot else {
            panic!("context::<{}>() was called where there is none: outside a task, or in a pool built without .context(value)", std::any::type_name::<C>())
        };
        if context.decoded.is_none() {
            assert!(
                context.type_name == std::any::type_name::<C>(),
                "the pool's context is a {}, not a {}",
                context.type_name,
                std::any::type_name::<C>()
            );
            let encoded = context.bytes.as_ref().and_then(|bytes| bytes.get(context.from..)).unwrap_or_default();
            let value: C = match incoming::while_open(|| decode(encoded)) {
                Ok(value) => value,
                Err(error) => panic!("the context cannot be decoded as {}: {error}", std::any::type_name::<C>()),
            };
            // Only now: when it cannot be decoded, every task is to hear why.
            context.bytes = None;
            // Lives as long as the worker: tasks keep references to it.
            context.decoded = Some(Box::leak(Box::new(value)));
        }
        match context.decoded.and_then(|value| value.downcast_ref::<C>()) {
            Some(value) => value,
            None => panic!("the pool's context is a {}, not a {}", context.type_name, std::any::type_name::<C>()),
        }
    })
}
