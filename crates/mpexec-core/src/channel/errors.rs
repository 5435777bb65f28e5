//! What a send and a receive may end as. They can be sent themselves, so that a task may return them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a message was not sent. None of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SendError {
    /// Every receiver is gone, in all processes: nobody would ever get it.
    #[error("nobody can receive the message: every Receiver of the channel is gone")]
    NoReceivers,
    /// [`Sender::try_send`](crate::Sender::try_send): as much waits as the channel holds.
    #[error("the channel is full: its receivers are behind")]
    Full,
    /// [`Sender::send_timeout`](crate::Sender::send_timeout): no receiver has made room.
    #[error("the channel was full for {0:?}: its receivers are behind")]
    TimedOut(
        /// The limit.
        Duration,
    ),
    /// The value cannot be encoded.
    #[error("the message cannot be encoded: {message}")]
    Unencodable {
        /// The type and what its `Serialize` said.
        message: String,
    },
    /// The system refused.
    #[error("the message cannot be sent: {message}")]
    System {
        /// What it said.
        message: String,
    },
}

/// Why no message was received.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RecvError {
    /// The end: every sender is gone, in all processes, and all they sent has been received.
    #[error("no message will come: every Sender of the channel is gone")]
    NoSenders,
    /// [`Receiver::try_recv`](crate::Receiver::try_recv): none is there now.
    #[error("the channel is empty")]
    Empty,
    /// [`Receiver::recv_timeout`](crate::Receiver::recv_timeout): none came.
    #[error("no message came within {0:?}")]
    TimedOut(
        /// The limit.
        Duration,
    ),
    /// What came is no message of this type. It is gone; those after it can be received.
    #[error("a message of the channel cannot be decoded: {message}")]
    Undecodable {
        /// The type and what was wrong.
        message: String,
    },
    /// The system refused.
    #[error("the message cannot be received: {message}")]
    System {
        /// What it said.
        message: String,
    },
}
