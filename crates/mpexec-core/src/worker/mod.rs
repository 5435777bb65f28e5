//! What runs in the child: it finds its socket, shakes hands, serves tasks and leaves.
//!
//! The serving loop ([`serve`]) is a plain function over an inbox and an outbox; which link those are is decided in
//! [`start`]. This room and the engine never import each other: they meet only in the bytes between them.

pub(crate) mod ambient;
pub(crate) mod call;
pub(crate) mod capture;
pub(crate) mod functions;
pub(crate) mod guard;
pub(crate) mod panics;
pub(crate) mod parent;
pub(crate) mod program;
pub(crate) mod serve;
pub(crate) mod start;
pub(crate) mod state;
