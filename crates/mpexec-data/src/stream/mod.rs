//! Texts that can only be read from their beginning to their end: what comes through a pipe, and what is compressed.
//!
//! Whoever reads such a text cuts it where rows begin and hands the batches on; a batch is all that is held of it.

mod packed;
mod packing;
mod settle;
mod temporary;
mod text_stream;

pub use packed::PackedWriter;
pub use packing::Packing;
pub use settle::settled;
pub use temporary::temporary;
pub use text_stream::TextStream;
