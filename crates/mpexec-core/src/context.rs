//! What a task can see beyond its arguments: the shared context of its pool, and where it runs.

pub use crate::worker::ambient::{CurrentTask, context, current_task, in_worker};
pub use crate::worker::parent::{ParentInfo, parent};
pub use crate::worker::state::worker_state;
