//! The one error that crosses a wire: a stable code, a cause in words, a hint that says what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stable codes; scripts may trust them. Shown as in JSON, in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "docs/operations.md explains every code; a doc line here would repeat its name")]
pub enum ErrorCode {
    // Input
    InvalidArgument,
    UnknownTable,
    UnknownPartition,
    UnknownNode,
    UnknownDisk,
    UnknownReplica,
    UnknownJob,
    AlreadyExists,
    TooLarge,
    // Moves
    AlreadyMigrating,
    NotMigrating,
    NotCancellable,
    JobEnded,
    NotSecondary,
    SameDisk,
    SameNode,
    NotOnDisk,
    NotOnNode,
    TargetHoldsReplica,
    DiskSpaceInsufficient,
    DiskIoError,
    DiskDraining,
    DiskNotEmpty,
    DiskNeeded,
    ForeignDisk,
    NewerFormat,
    RedundancyTooLow,
    PartitionBusy,
    JobFailed,
    // Configuration
    BallotMismatch,
    NotPrimary,
    NotMember,
    NodeAlive,
    NodeDead,
    // State
    NotReady,
    NotServing,
    Busy,
    OutcomeUnknown,
    ShuttingDown,
    // Doors
    UnknownPath,
    WrongMethod,
    CrossSite,
    Unreachable,
    Timeout,
    Unauthenticated,
    Corruption,
    Internal,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// An error as another process, or an operator, sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// What kind.
    pub code: ErrorCode,
    /// What happened, without a full stop at the end.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl WireError {
    /// An error with a hint.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }

    /// A failure that is Godwit's own fault or that no hint helps.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self::new(ErrorCode::Internal, message.to_string(), "see the server's log; if it persists, report it")
    }
}

/// What every call answers.
pub type WireResult<T> = Result<T, WireError>;
