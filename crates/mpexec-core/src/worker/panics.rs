//! What a panicking task said: message, place, backtrace, caught by a hook and told to the coordinator.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::sync::Once;

use mpexec_wire::PanicReport;

use crate::os::memory;

thread_local! {
    static IN_TASK: Cell<bool> = const { Cell::new(false) };
    static REPORT: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
    /// There may be a report. It is cheaper to ask this for each task.
    static REPORTED: Cell<bool> = const { Cell::new(false) };
}

/// Puts the hook in place: a panic inside a task is kept for its report and not printed; any other goes on to the
/// hook that was there before.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // Where a panic aborts, nobody is left to send a report: the worker's last words tell of it.
            memory::with_leeway(|names| {
                if IN_TASK.get() && cfg!(panic = "unwind") {
                    REPORT.set(Some(report(info, names)));
                    REPORTED.set(true);
                } else {
                    before(info);
                }
            });
        }));
    });
}

/// `names`: there is memory for those of a backtrace.
fn report(info: &PanicHookInfo<'_>, names: bool) -> PanicReport {
    // Whoever reads it is not there when it happens, so it is taken unless it was refused.
    let refused = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "0");
    let backtrace = if refused || !names { Backtrace::disabled() } else { Backtrace::force_capture() };
    PanicReport {
        message: message_of(info.payload()),
        location: info.location().map(ToString::to_string),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    }
}

/// The text of a panic's payload.
pub(crate) fn message_of(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic whose payload is no text".to_owned()
    }
}

/// Runs a task; its panic, if any, as a report.
pub(crate) fn catch<R>(task: impl FnOnce() -> R) -> Result<R, PanicReport> {
    // Of a panic that an earlier task has caught itself.
    if REPORTED.replace(false) {
        REPORT.take();
    }
    IN_TASK.set(true);
    // The task's own state is dropped with it; what it shares (statics) is its author's business, as with threads.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(task));
    IN_TASK.set(false);
    outcome.map_err(|payload| {
        let message = message_of(&*payload);
        // Of one that the task caught before it went on with another, past the hook (`resume_unwind`), it says nothing of this.
        let kept = REPORT.take().filter(|kept| kept.message == message);
        // A payload's own drop may panic; that must not end the worker.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || drop(payload)));
        kept.unwrap_or(PanicReport { message, location: None, backtrace: None })
    })
}
