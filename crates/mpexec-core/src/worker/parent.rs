//! Who started this worker, and what it is called itself.

use std::sync::OnceLock;

use crate::os::parent_id;

#[derive(Debug)]
struct Born {
    name: String,
    parent: ParentInfo,
}

static BORN: OnceLock<Born> = OnceLock::new();

/// The process that started this one, as a worker knows it; see [`parent`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParentInfo {
    /// Its process id.
    pub pid: u32,
    /// What it is called: a [`Process`](crate::Process) by its name, a worker of a pool by its pool's label, any other program
    /// by its file name.
    pub name: String,
}

impl ParentInfo {
    /// Whether it still runs. A worker sees it end only with [`die_with_parent(false)`](crate::ProcessBuilder::die_with_parent).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        // Whoever loses its parent gets another.
        parent_id() == self.pid
    }
}

/// The process that started this one, in a [`Process`](crate::Process) or a worker of a pool; `None` anywhere else.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # mpexec_core::init();
/// use mpexec_core::{Process, parent};
/// let mut process = Process::spawn(|| parent().is_some_and(|parent| parent.is_alive()), ())?;
/// assert!(process.join()?);
/// assert_eq!(parent(), None);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn parent() -> Option<ParentInfo> {
    BORN.get().map(|born| born.parent.clone())
}

/// Takes note of what the coordinator has said.
pub(super) fn born(name: &str, parent: &str) {
    let parent = ParentInfo { pid: parent_id(), name: parent.to_owned() };
    // A worker is born once.
    let _ = BORN.set(Born { name: name.to_owned(), parent });
}

/// What this process is called: in a worker as it was told, anywhere else by its program's file name.
pub(crate) fn own_name() -> String {
    if let Some(born) = BORN.get() {
        return born.name.clone();
    }
    let program = std::env::current_exe().ok();
    let file = program.as_deref().and_then(|program| program.file_name());
    file.map_or_else(|| "main".to_owned(), |file| file.to_string_lossy().into_owned())
}
