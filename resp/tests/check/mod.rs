//! What holds of any bytes that a client may send. The tests run it on a bounded number of seeded inputs, the fuzz target
//! (`fuzz/fuzz_targets/requests.rs`) on as many as it is given time for.

use bytes::Bytes;
use resp::protocol::{Limits, Parser, Progress, ProtocolError};

/// Small, so that inputs reach beyond them.
const LIMITS: Limits = Limits {
    arguments_max: 16,
    bulk_bytes_max: 100,
    request_bytes_max: 128,
    inline_bytes_max: 64,
    authenticated: true,
};

pub(crate) type Request = Vec<Vec<u8>>;

/// What became of a whole stream.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    /// What was found in it.
    pub(crate) requests: Vec<Request>,
    /// How it ended: the bytes that are left over, or an error.
    pub(crate) end: Result<usize, ProtocolError>,
}

/// Asserts that the stream is read the same however it is cut, that every request that is found in it can be
/// written down and read again, and that the table of commands copes with it.
pub(crate) fn any_stream(stream: &[u8]) -> Reading {
    let whole = read(stream, stream.len().max(1));
    let step = stream.first().map_or(1, |byte| usize::from(*byte % 16) + 1);
    for step in [1, step] {
        assert_eq!(read(stream, step), whole, "in pieces of {step} bytes: {}", stream.escape_ascii());
    }
    whole.requests.iter().for_each(written_down_and_read_again);
    whole.requests.iter().for_each(looked_up);
    whole
}

/// Reads a stream of which `step` bytes arrive at a time.
fn read(stream: &[u8], step: usize) -> Reading {
    let (mut parser, mut buffer, mut requests) = (Parser::new(), vec![], vec![]);
    // As much as the parser said that it needs at least.
    let mut needed = 0;
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            match parser.parse(&buffer, &LIMITS) {
                Err(error) => return Reading { requests, end: Err(error) },
                Ok(Progress::Incomplete { missing }) => {
                    assert!(missing > 0 && buffer.len() + missing <= LIMITS.request_bytes_max as usize);
                    needed = buffer.len() + missing;
                    break;
                }
                Ok(Progress::Blank { consumed }) => remove(&mut buffer, consumed, &mut needed),
                Ok(Progress::Request { consumed }) => {
                    requests.push(taken(&parser, &buffer));
                    remove(&mut buffer, consumed, &mut needed);
                }
            }
        }
    }
    Reading { requests, end: Ok(buffer.len()) }
}

/// The arguments, which are the same borrowed and shared.
fn taken(parser: &Parser, buffer: &[u8]) -> Request {
    let borrowed: Request = parser.request(buffer).iter().map(<[u8]>::to_vec).collect();
    let shared = parser.share(&Bytes::copy_from_slice(buffer));
    assert!(!borrowed.is_empty() && shared == borrowed);
    borrowed
}

fn remove(buffer: &mut Vec<u8>, consumed: usize, needed: &mut usize) {
    assert!(*needed <= buffer.len(), "finished with less than was said to be needed");
    assert!((1..=buffer.len()).contains(&consumed));
    buffer.drain(..consumed);
    *needed = 0;
}

fn written_down_and_read_again(request: &Request) {
    let mut written = format!("*{}\r\n", request.len()).into_bytes();
    for argument in request {
        written.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        written.extend_from_slice(argument);
        written.extend_from_slice(b"\r\n");
    }
    let mut parser = Parser::new();
    let progress = parser.parse(&written, &Limits::default());
    assert_eq!(progress, Ok(Progress::Request { consumed: written.len() }));
    assert_eq!(taken(&parser, &written), *request);
}

fn looked_up(request: &Request) {
    if let Ok(spec) = resp::command::resolve(request) {
        assert!(spec.accepts(request.len()));
        assert_eq!(spec.keys_of(request).next().is_some(), spec.key_range().is_some(), "{request:?}");
        let _ = spec.slot(request);
    }
}
