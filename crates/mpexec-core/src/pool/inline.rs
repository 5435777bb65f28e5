//! Workers that are threads of this process: for debugging, and for tests of the machinery. They take the same path through doors
//! and engine, and their tasks run in the same loop as in a process.

use std::sync::Arc;

use crate::config::{Config, Containment, Transport, Workers};
use crate::engine::Engine;
use crate::engine::functions::Names;
use crate::error::PoolError;
use crate::task::entry::entry_at;
use crate::worker::functions::{Functions, told};
use crate::worker::{ambient, serve, start};

/// Settles what [`Workers::Inline`] means, and refuses what workers without a process cannot have.
pub(super) fn settle(config: &mut Config) -> Result<(), PoolError> {
    let bad = |setting, value: &str, remedy| Err(PoolError::BadSetting { setting, value: value.to_owned(), remedy });
    if config.workers == Workers::Inline {
        if !matches!(config.transport, Transport::Auto | Transport::Memory) {
            return bad("transport", config.transport.name(), "there is no way to choose with Workers::Inline");
        }
        config.transport = Transport::Memory;
    }
    if config.transport != Transport::Memory {
        return Ok(());
    }
    if config.worker_program.is_some() {
        return bad("worker_program", "set", "workers in this process are this program");
    }
    if config.most_memory.is_some() {
        return bad("max_worker_memory", "set", "workers in this process have no memory of their own");
    }
    if config.memory_limit.is_some() {
        return bad("memory_limit", "set", "workers in this process have no memory of their own");
    }
    if config.containment != Containment::ProcessGroup {
        return bad("containment", "set", "workers in this process cannot be killed");
    }
    if config.chaos.is_some() {
        return bad("chaos", "set", "workers in this process cannot be killed");
    }
    if config.capture.is_some() {
        return bad("capture_output", "set", "workers in this process print where it prints");
    }
    if !config.environment.is_plain() {
        return bad("environment", "set", "workers in this process share its environment, directory and processors");
    }
    Ok(())
}

/// Workers of another process say what they know by name; these know what this program does.
pub(super) fn introduce(engine: &Engine) {
    if engine.transport == Transport::Memory {
        engine.lock().names = Some(Names::new(told(false)));
    }
}

/// The worker: the same loop, on a thread.
pub(super) fn serve(
    mut inbox: start::ThreadInbox,
    mut out: start::ThreadOutbox,
    number: u32,
    context: Option<Arc<Vec<u8>>>,
) {
    if let Some(context) = context {
        // A context that cannot be read shows as a panic of the first task that asks for it.
        let _ = ambient::set_context(Vec::clone(&context));
    }
    let mut functions = Functions::new(Some(entry_at));
    let _ = serve::serve(&mut inbox, &mut out, &mut functions, number);
}
