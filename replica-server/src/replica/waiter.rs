//! Who waits for a write, whichever door it came through.

use common::rpc::data::{DataError, DataOp, DataReply};
use resp::Reply;
use tokio::sync::oneshot;

use super::redis::RedisWrite;

/// The way back to a client.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, DataError>>;

/// A client's write, and the way back to it.
pub(crate) enum ClientWrite {
    /// Of the Rust client.
    Data(DataOp, Answer<DataReply>),
    /// Of a Redis client.
    Redis(Box<RedisWrite>, Answer<Reply>),
}

impl ClientWrite {
    /// It gets no decree.
    pub(super) fn refuse(self, error: DataError) {
        match self {
            Self::Data(_, to) => drop(to.send(Err(error))),
            Self::Redis(_, to) => drop(to.send(Err(error))),
        }
    }
}

/// A client whose reply is known, and may be told once its fate is.
pub(super) enum Waiter {
    Data(DataReply, Answer<DataReply>),
    Redis(Reply, Answer<Reply>),
}

impl Waiter {
    /// Tells the client. One that went away is told nothing.
    pub(super) fn tell(self, fate: Result<(), DataError>) {
        match self {
            Self::Data(reply, to) => drop(to.send(fate.map(|()| reply))),
            Self::Redis(reply, to) => drop(to.send(fate.map(|()| reply))),
        }
    }
}
