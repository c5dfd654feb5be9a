//! The parser of requests. It looks at every byte of a header once, skips over the bytes of arguments, and remembers where
//! it stopped: a large argument that arrives in many pieces costs a comparison for each.
//!
//! ```text
//!            `*`, count > 0                all arguments there
//!   Start ------------------> Array ---------------------------> Done
//!     |  any other first byte                line is there         ^
//!     +-----------------------> Inline ----------------------------+
//!     +-- `*`, count <= 0 -----------------------------------------+      Done -- next call --> Start
//! ```

use bytes::Bytes;

use super::header::{Header, header};
use super::request::{Arguments, Request};
use super::{Limits, Progress, ProtocolError, inline};

const LINE_END: &[u8] = b"\r\n";

/// Reads the requests of one connection, one after the other.
///
/// The caller keeps what arrives in a buffer, and hands the buffer in from the beginning of the request each time that it
/// has grown. Between requests a parser holds no memory but the places of up to 64 arguments.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    /// How many bytes of the frame are done with.
    at: usize,
    arguments: Arguments,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    /// Arguments that are yet to come, and the length of the next one if it is known.
    Array {
        remaining: u32,
        bulk: Option<usize>,
    },
    /// No line end among the first `searched` bytes.
    Inline {
        searched: usize,
    },
    Done,
}

impl Parser {
    /// A parser at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on in `input`, which begins where the request begins, and has only grown since the last call if that one returned
    /// [`Progress::Incomplete`].
    ///
    /// # Errors
    /// What the client sent is no request, or one beyond `limits`. The connection is to be closed: the parser
    /// cannot find the next request.
    pub fn parse(&mut self, input: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        if matches!(self.state, State::Done) {
            self.begin();
        }
        if matches!(self.state, State::Start) {
            self.start(input, limits)?;
        }
        match self.state {
            State::Start => Ok(Progress::Incomplete { missing: 1 }),
            State::Done => Ok(Progress::Blank { consumed: self.at }),
            State::Array { remaining, bulk } => self.array(input, limits, remaining, bulk),
            State::Inline { searched } => self.inline(input, limits, searched),
        }
    }

    /// The request that [`parse`](Self::parse) found, read from the same bytes.
    ///
    /// # Panics
    /// If `frame` is shorter than what was consumed.
    #[must_use]
    pub fn request<'a>(&'a self, frame: &'a [u8]) -> Request<'a> {
        self.arguments.view(frame)
    }

    /// The arguments of that request as shared slices of `frame`, for a request that outlives the buffer: one allocation.
    ///
    /// # Panics
    /// If `frame` is shorter than what was consumed.
    #[must_use]
    pub fn share(&self, frame: &Bytes) -> Vec<Bytes> {
        self.arguments.share(frame)
    }

    fn begin(&mut self) {
        self.state = State::Start;
        self.at = 0;
        self.arguments.clear();
    }

    /// Tells an array from an inline command, and reads the length of an array.
    fn start(&mut self, input: &[u8], limits: &Limits) -> Result<(), ProtocolError> {
        self.state = match input {
            [] => State::Start,
            [b'*', rest @ ..] => match header(rest) {
                Header::Partial => State::Start,
                Header::Malformed => return Err(ProtocolError::InvalidCount),
                Header::Number { value, bytes } => {
                    self.at = 1 + bytes;
                    match limits.arguments(value)? {
                        0 => State::Done,
                        remaining => State::Array { remaining, bulk: None },
                    }
                }
            },
            _ => State::Inline { searched: 0 },
        };
        Ok(())
    }

    fn array(
        &mut self,
        input: &[u8],
        limits: &Limits,
        mut remaining: u32,
        mut bulk: Option<usize>,
    ) -> Result<Progress, ProtocolError> {
        // Nothing is looked at beyond the largest request, so that what becomes of it does not depend on how much has arrived.
        let input = input.get(..limits.request_bytes_max as usize).unwrap_or(input);
        while remaining > 0 {
            let length = match bulk.take() {
                Some(length) => Some(length),
                None => self.bulk_header(input, limits)?,
            };
            let missing = match length {
                None => 1,
                Some(length) => self.bulk(input, length)?,
            };
            if missing > 0 {
                self.state = State::Array { remaining, bulk: length };
                return Ok(Progress::Incomplete { missing });
            }
            remaining -= 1;
        }
        self.state = State::Done;
        Ok(Progress::Request { consumed: self.at })
    }

    /// Reads the line that opens an argument, if it is there.
    fn bulk_header(&mut self, input: &[u8], limits: &Limits) -> Result<Option<usize>, ProtocolError> {
        let full = input.len() >= limits.request_bytes_max as usize;
        let incomplete = if full { Err(ProtocolError::RequestTooBig) } else { Ok(None) };
        let (value, bytes) = match input.get(self.at..) {
            None | Some([]) => return incomplete,
            Some([b'$', rest @ ..]) => match header(rest) {
                Header::Partial => return incomplete,
                Header::Malformed => return Err(ProtocolError::InvalidBulkLength),
                Header::Number { value, bytes } => (value, bytes),
            },
            Some([other, ..]) => return Err(ProtocolError::ExpectedBulk(*other)),
        };
        let length = limits.bulk(value)?;
        self.at += 1 + bytes;
        let end = self.at + length + LINE_END.len();
        if end > limits.request_bytes_max as usize { Err(ProtocolError::RequestTooBig) } else { Ok(Some(length)) }
    }

    /// Takes an argument of `length` bytes; returns how many bytes are missing if it is not there.
    fn bulk(&mut self, input: &[u8], length: usize) -> Result<usize, ProtocolError> {
        let end = self.at + length;
        match input.get(end..end + LINE_END.len()) {
            None => Ok(end + LINE_END.len() - input.len()),
            Some(LINE_END) => {
                self.arguments.push(self.at, end);
                self.at = end + LINE_END.len();
                Ok(0)
            }
            Some(_) => Err(ProtocolError::UnterminatedBulk),
        }
    }

    fn inline(&mut self, input: &[u8], limits: &Limits, searched: usize) -> Result<Progress, ProtocolError> {
        let unsearched = input.get(searched..).unwrap_or_default();
        let newline = unsearched.iter().position(|byte| *byte == b'\n').map(|at| searched + at);
        if newline.unwrap_or(input.len()) >= limits.inline_bytes_max as usize {
            return Err(ProtocolError::InlineTooBig);
        }
        let Some(newline) = newline else {
            self.state = State::Inline { searched: input.len() };
            return Ok(Progress::Incomplete { missing: 1 });
        };
        let line = input.get(..newline).unwrap_or_default();
        inline::split(line.strip_suffix(b"\r").unwrap_or(line), &mut self.arguments)?;
        self.state = State::Done;
        let consumed = newline + 1;
        let blank = self.arguments.len() == 0;
        Ok(if blank { Progress::Blank { consumed } } else { Progress::Request { consumed } })
    }
}
