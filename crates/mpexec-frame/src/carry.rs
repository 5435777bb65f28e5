//! How a record batch travels: as one Arrow IPC stream, in shared memory on the way to a worker.
//!
//! A worker reads the columns where they lie: the batch that it decodes points into the sealed memory that the coordinator has
//! written, and no value is copied. Back it comes as bytes, which the coordinator copies out of what the worker could still write.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use bytes::Bytes;
use mpexec_core::Shared;
use serde::{Deserialize, Serialize};

/// A record batch on its way to a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parcel(Shared<u8>);

/// A record batch on its way back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Returned(#[serde(with = "serde_bytes")] Vec<u8>);

impl Parcel {
    /// Writes the batch to shared memory.
    pub(crate) fn of(batch: &RecordBatch) -> Result<Parcel, String> {
        let bytes = encode(batch).map_err(|error| error.to_string())?;
        Shared::from_slice(&bytes).map(Parcel).map_err(|error| error.to_string())
    }

    /// The batch, which holds on to the memory that it lies in.
    pub(crate) fn open(self) -> Result<RecordBatch, ArrowError> {
        decode(Buffer::from(Bytes::from_owner(Held(self.0))))
    }
}

impl Returned {
    pub(crate) fn of(batch: &RecordBatch) -> Result<Returned, String> {
        encode(batch).map(Returned).map_err(|error| error.to_string())
    }

    pub(crate) fn open(self) -> Result<RecordBatch, ArrowError> {
        decode(Buffer::from_vec(self.0))
    }
}

/// Shared memory as bytes that a buffer can own.
struct Held(Shared<u8>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
    let room = Vec::with_capacity(batch.get_array_memory_size() + 4096);
    let mut writer = StreamWriter::try_new(room, &batch.schema())?;
    writer.write(batch)?;
    writer.into_inner()
}

fn decode(mut buffer: Buffer) -> Result<RecordBatch, ArrowError> {
    let mut decoder = StreamDecoder::new();
    decoder.decode(&mut buffer)?.ok_or_else(|| ArrowError::IpcError("there is no record batch in it".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn a_batch_arrives_as_it_was_and_lies_where_it_was_written() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter((0..1000).map(|n| (n % 7 != 0).then_some(n))));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..1000).map(|n| format!("row {n}"))));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).expect("two columns");
        let parcel = Parcel::of(&batch).expect("memory");
        let memory = parcel.0.as_ptr_range();
        let opened = parcel.clone().open().expect("the batch");
        assert_eq!(opened, batch);
        let place = opened.column(0).to_data().buffers()[0].as_ptr();
        assert!(memory.contains(&place), "the values lie in the shared memory itself");
        assert_eq!(Returned::of(&batch).expect("memory").open().expect("the batch"), batch);
    }
}
