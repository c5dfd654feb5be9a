//! What became of a command.

use super::wire::Reply;

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server answered, and not with an error.
    Answered(Reply),
    /// Surely without effect: an error was answered, or it was never sent.
    Never(String),
    /// It was sent, and the answer did not come: the connection broke, or the time was over.
    Unknown(String),
}
