//! Why what a client sent is no request. Each of these ends the connection: the stream has lost its frame.

use crate::Reply;

/// A violation of the protocol, in the words that clients and test suites know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The array's length is no number, or above [`arguments_max`](super::Limits::arguments_max).
    #[error("Protocol error: invalid multibulk length")]
    InvalidCount,
    /// An argument's length is no number, negative, or above [`bulk_bytes_max`](super::Limits::bulk_bytes_max).
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An argument is not a bulk string, the only kind that a request may hold: so no request nests.
    #[error("Protocol error: expected '$', got '{}'", .0.escape_ascii())]
    ExpectedBulk(u8),
    /// An argument is longer than was announced.
    #[error("Protocol error: bulk string is not followed by CR LF")]
    UnterminatedBulk,
    /// The request is above [`request_bytes_max`](super::Limits::request_bytes_max).
    #[error("Protocol error: too big request")]
    RequestTooBig,
    /// An array of more than ten arguments before authentication.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedCount,
    /// An argument above 16 KiB before authentication.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
    /// An inline command above [`inline_bytes_max`](super::Limits::inline_bytes_max).
    #[error("Protocol error: too big inline request")]
    InlineTooBig,
    /// A quote that is never closed, or one that is closed within a word.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
}

impl From<ProtocolError> for Reply {
    fn from(error: ProtocolError) -> Self {
        Self::error(format!("ERR {error}"))
    }
}
