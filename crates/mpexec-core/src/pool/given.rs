//! Hooks as a builder was given them, before they are settings.

use std::any::TypeId;
use std::time::Duration;

use crate::config::{Config, Transport};
use crate::error::PoolError;
use crate::task::hooks::start_of;

/// No hook takes longer, if nothing else was said.
const HOOK_LIMIT: Duration = Duration::from_secs(60);

/// The hooks as they were given: the place of the code, if it has one, and the state's type.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GivenHooks {
    pub(super) start: Option<(Option<u64>, TypeId)>,
    pub(super) end: Option<(Option<u64>, TypeId)>,
    pub(super) limit: Option<Duration>,
}

impl GivenHooks {
    /// Puts them into the settings, if they can be had.
    pub(super) fn settle(self, config: &mut Config) -> Result<(), PoolError> {
        let refuse =
            |setting, value: &str, remedy| Err(PoolError::BadSetting { setting, value: value.to_owned(), remedy });
        for (setting, hook) in [("start_hook", self.start), ("end_hook", self.end)] {
            let Some((place, _)) = hook else { continue };
            if config.worker_program.is_some() {
                let remedy =
                    "a function of this program is unknown there; do the same in that program's main, before init()";
                return refuse(setting, "had with another worker program", remedy);
            }
            if place.is_none() {
                return refuse(
                    setting,
                    "a function outside of the main program",
                    "a plugin's code has no place in the executable",
                );
            }
        }
        let made = self.start.map_or(TypeId::of::<()>(), |(_, made)| made);
        if self.end.is_some_and(|(_, taken)| taken != made) {
            let remedy = "it must take what the start hook returns, or () if there is none";
            return refuse("end_hook", "a function of another state", remedy);
        }
        // A thread cannot be killed.
        config.hooks.limit = (config.transport != Transport::Memory).then_some(self.limit.unwrap_or(HOOK_LIMIT));
        config.hooks.start = self.start.and_then(|(place, _)| place);
        config.hooks.end = self.end.and_then(|(place, _)| place);
        if config.hooks.end.is_some() && config.hooks.start.is_none() {
            config.hooks.start = start_of(|| ());
        }
        Ok(())
    }
}
