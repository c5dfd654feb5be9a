//! What the parser says after each look at a connection's buffer.

/// What became of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least `missing` more bytes are needed. Within the limits, so a caller may reserve them.
    Incomplete {
        /// In bytes, at least 1.
        missing: usize,
    },
    /// An empty line or an empty array, which asks for nothing and gets no answer.
    Blank {
        /// Bytes from the beginning of the buffer, to be removed from it.
        consumed: usize,
    },
    /// A request: see [`Parser::request`](super::Parser::request) and [`Parser::share`](super::Parser::share).
    Request {
        /// Bytes from the beginning of the buffer, to be removed from it.
        consumed: usize,
    },
}
