//! Where a worker was when a fault of its program ended it, as text for people.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// The calls that a worker was in when a signal ended it that means a fault of its program: SIGSEGV, SIGBUS, SIGILL, SIGFPE,
/// SIGABRT, SIGTRAP, SIGSYS. It has written the addresses down while it died; names for them are looked for in this process,
/// when this is shown for the first time, and that may take as long as with any first backtrace (tens of milliseconds). A worker
/// with `RUST_BACKTRACE=0` writes nothing down.
///
/// Shown, it ends where the task began; with `{:#}` it goes on to `main`. Names are known for the program itself, if the worker is
/// this same program, and for libraries that this process has too. Of others there are file and offset, as tools take them.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Pool, TaskError, Workers};
///
/// #[inline(never)]
/// fn gives_up() {
///     std::process::abort()
/// }
///
/// let pool = Pool::builder().workers(Workers::Exact(1)).build()?;
/// let Err(TaskError::Crashed { backtrace: Some(backtrace), .. }) = pool.apply(gives_up, ()) else { panic!("it lived") };
/// assert!(backtrace.to_string().contains("gives_up"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CrashBacktrace(Arc<Inner>);

struct Inner {
    /// The signal, and the address at fault.
    about: String,
    /// Where the same code is in this process, and what is told of it otherwise.
    frames: Vec<(Option<usize>, String)>,
    names: OnceLock<Vec<Vec<Line>>>,
}

/// A function, and where in it.
#[derive(PartialEq)]
struct Line {
    function: String,
    place: Option<String>,
}

/// What stands in the name of a function of the worker's machinery: there the task has begun.
const MACHINERY: [&str; 2] = ["mpexec_core::worker::", "mpexec_core::task::"];

impl CrashBacktrace {
    pub(crate) fn new(about: String, frames: Vec<(Option<usize>, String)>) -> Option<CrashBacktrace> {
        let inner = Inner { about, frames, names: OnceLock::new() };
        (!inner.frames.is_empty()).then(|| CrashBacktrace(Arc::new(inner)))
    }

    fn names(&self) -> &[Vec<Line>] {
        self.0.names.get_or_init(|| {
            let frames = self.0.frames.iter().enumerate();
            frames.map(|(nth, (here, told))| lines(nth == 0, *here, told)).collect()
        })
    }
}

/// The functions of one frame, the innermost first: more than one where some were inlined.
fn lines(innermost: bool, here: Option<usize>, told: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(here) = here {
        // One before the address is looked up, because a call returns behind itself. A fault is where it is.
        let address = if innermost { here.wrapping_add(1) } else { here };
        backtrace::resolve(address as *mut _, |symbol| {
            let Some(name) = symbol.name() else { return };
            let file = symbol.filename().map(|file| file.display().to_string());
            let place = file.map(|file| match symbol.lineno() {
                Some(line) => format!("{file}:{line}"),
                None => file,
            });
            lines.push(Line { function: format!("{name:#}"), place });
        });
    }
    if lines.is_empty() {
        lines.push(Line { function: format!("<{told}>"), place: None });
    }
    lines
}

impl fmt::Display for CrashBacktrace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.about)?;
        let whole = out.alternate();
        let mut frames = self.names().iter().enumerate().peekable();
        while let Some((nth, lines)) = frames.next() {
            let (told, begins) = if whole { (lines.as_slice(), false) } else { of_the_task(nth == 0, lines) };
            for (inner, line) in told.iter().enumerate() {
                match inner {
                    0 => write!(out, "\n{nth:>4}: {}", line.function)?,
                    _ => write!(out, "\n      {}", line.function)?,
                }
                if let Some(place) = &line.place {
                    write!(out, "\n             at {place}")?;
                }
            }
            if begins {
                return out.write_str("\n      here the task began");
            }
            // An overflow of the stack is one function's more often than not.
            let mut again = 0;
            while frames.next_if(|(_, next)| next == &lines).is_some() {
                again += 1;
            }
            if again > 0 {
                write!(out, "\n      the same {again} times more")?;
            }
        }
        Ok(())
    }
}

/// What there is to tell of a frame, and whether the task began in it: what is optimised may have the task's function within the machinery that calls
/// it. A fault of the machinery itself is told whole.
fn of_the_task(innermost: bool, lines: &[Line]) -> (&[Line], bool) {
    match lines.iter().position(Line::is_machinery) {
        None => (lines, false),
        Some(0) if innermost => (lines, false),
        Some(begin) => (&lines[..begin], true),
    }
}

impl Line {
    fn is_machinery(&self) -> bool {
        MACHINERY.iter().any(|part| self.function.contains(part))
    }
}

impl fmt::Debug for CrashBacktrace {
    /// Short: the names are looked for only when they are asked for.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "CrashBacktrace({}, {} frames)", self.0.about, self.0.frames.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(innermost: bool, functions: &[&str]) -> (Vec<String>, bool) {
        let lines: Vec<_> = functions.iter().map(|name| Line { function: (*name).to_owned(), place: None }).collect();
        let (told, begins) = of_the_task(innermost, &lines);
        (told.iter().map(|line| line.function.clone()).collect(), begins)
    }

    #[test]
    fn a_function_that_is_part_of_the_frame_that_calls_it_is_told_and_what_calls_it_is_not() {
        let frame =
            ["app::work", "core::ops::function::FnOnce::call_once", "mpexec_core::task::entry::run", "core::run"];
        for innermost in [true, false] {
            assert_eq!(told(innermost, &frame), (frame[..2].iter().map(ToString::to_string).collect(), true));
            assert_eq!(told(innermost, &frame[..2]), (frame[..2].iter().map(ToString::to_string).collect(), false));
        }
        assert_eq!(told(false, &frame[2..]), (Vec::new(), true));
        assert_eq!(told(true, &frame[2..]), (frame[2..].iter().map(ToString::to_string).collect(), false));
    }
}
