//! Why an operation failed, sorted by what the caller may conclude.

use common::rpc::{ErrorCode, WireError};
use common::types::KeyError;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The write may have been done, may still be, or may never be. Read before deciding to write again (rule RETRY).
    #[error("the outcome of the write is unknown: {0}")]
    OutcomeUnknown(WireError),
    /// Not done by the deadline; a write surely was not. The cause is that of the last attempt.
    #[error("not done within the deadline: {0}")]
    Unavailable(WireError),
    /// Surely not done, and trying again will not help.
    #[error("{0}")]
    Refused(WireError),
    /// The key cannot be stored.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The value is over the client's limit.
    #[error("a value of {bytes} bytes is over the limit of {limit}; split it over several sort keys")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl From<ClientError> for WireError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::OutcomeUnknown(_) => {
                let hint = "read the record to see whether it was written, then decide";
                Self::new(ErrorCode::OutcomeUnknown, error.to_string(), hint)
            }
            ClientError::Unavailable(ref cause) => Self::new(cause.code, error.to_string(), cause.hint.clone()),
            ClientError::Refused(cause) => cause,
            ClientError::Key(_) => Self::new(ErrorCode::TooLarge, error.to_string(), "use a shorter key"),
            ClientError::TooLarge { .. } => Self::new(ErrorCode::TooLarge, error.to_string(), "split the value"),
        }
    }
}
