//! What jobs wait for that nobody changes but a person.

use mpexec::names::one_line;

use super::{Cluster, State};
use crate::console::Level;
use crate::engines::Alive;

impl Cluster {
    /// Tells each reason once: two elements with two reasons are listed now in this order, now in that, and for days.
    pub(super) fn tell_what_is_awaited(&self, alive: &Alive, state: &mut State) {
        let Alive::Waits { reason, .. } = alive else { return };
        if !state.told.insert(reason.clone()) {
            return;
        }
        let which = match state.known.jobs.last() {
            Some(job) => format!("job {job}: none of it runs, it waits"),
            None => "none of the jobs runs, they wait".to_owned(),
        };
        self.note(Level::Normal, &format!("{which}: {}", one_line(reason)));
    }
}
