//! Requests as clients send them, whole and in pieces, and what is refused.

use bytes::Bytes;

use super::{Limits, Parser, Progress, ProtocolError};

/// What the first request or error in `input` is.
fn first(input: &[u8], limits: &Limits) -> Result<(Vec<Vec<u8>>, Progress), ProtocolError> {
    let mut parser = Parser::new();
    let progress = parser.parse(input, limits)?;
    Ok((parser.request(input).iter().map(<[u8]>::to_vec).collect(), progress))
}

#[track_caller]
fn refused(input: &[u8], limits: Limits, error: ProtocolError) {
    assert_eq!(first(input, &limits).map(|(_, progress)| progress), Err(error), "{}", input.escape_ascii());
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$7\r\nva\r\nlue\r\n";

#[test]
fn an_array_of_bulk_strings_is_a_request() {
    let (request, progress) = first(SET, &Limits::default()).unwrap();
    assert_eq!(request, words(&["SET", "key", "va\r\nlue"]));
    assert_eq!(progress, Progress::Request { consumed: SET.len() });
}

#[test]
fn a_request_is_the_same_wherever_its_arrival_is_cut() {
    for cut in 0..SET.len() {
        let mut parser = Parser::new();
        let progress = parser.parse(&SET[..cut], &Limits::default()).unwrap();
        let Progress::Incomplete { missing } = progress else { panic!("{progress:?} after {cut} bytes") };
        assert!((1..=SET.len() - cut).contains(&missing), "{missing} missing after {cut} bytes");
        assert_eq!(parser.parse(SET, &Limits::default()), Ok(Progress::Request { consumed: SET.len() }));
        assert_eq!(parser.request(SET).get(2), Some(&b"va\r\nlue"[..]));
    }
}

#[test]
fn requests_that_arrive_together_are_read_one_after_the_other() {
    let mut input = [SET, b"PING\r\n", b"\r\n", b"*0\r\n", b"*-1\r\n", SET].concat();
    let (mut parser, mut found) = (Parser::new(), vec![]);
    while !input.is_empty() {
        let consumed = match parser.parse(&input, &Limits::default()).unwrap() {
            Progress::Request { consumed } => {
                found.push(parser.request(&input).get(0).unwrap().to_vec());
                consumed
            }
            Progress::Blank { consumed } => {
                found.push(vec![]);
                consumed
            }
            Progress::Incomplete { .. } => panic!("{}", input.escape_ascii()),
        };
        input.drain(..consumed);
    }
    assert_eq!(found, words(&["SET", "PING", "", "", "", "SET"]));
}

#[test]
fn shared_arguments_are_slices_of_the_frame() {
    let mut parser = Parser::new();
    parser.parse(SET, &Limits::default()).unwrap();
    let frame = Bytes::from_static(SET);
    let shared = parser.share(&frame);
    assert_eq!(shared, [&b"SET"[..], b"key", b"va\r\nlue"]);
    assert!(frame.as_ptr_range().contains(&shared[1].as_ptr()));
}

#[test]
fn inline_commands_are_shared_unquoted() {
    let line: &[u8] = b"set \"a key\" 'it\\'s'\n";
    let mut parser = Parser::new();
    assert_eq!(parser.parse(line, &Limits::default()), Ok(Progress::Request { consumed: line.len() }));
    assert_eq!(parser.share(&Bytes::from_static(line)), [&b"set"[..], b"a key", b"it's"]);
}

#[test]
fn a_large_argument_says_how_much_of_it_is_missing() {
    let mut parser = Parser::new();
    let mut input = b"*2\r\n$3\r\nGET\r\n$1000\r\n".to_vec();
    assert_eq!(parser.parse(&input, &Limits::default()), Ok(Progress::Incomplete { missing: 1002 }));
    input.extend_from_slice(&[b'x'; 999]);
    assert_eq!(parser.parse(&input, &Limits::default()), Ok(Progress::Incomplete { missing: 3 }));
}

#[test]
fn lengths_that_are_no_lengths_are_refused() {
    let limits = Limits::default();
    refused(b"*3000000000\r\n", limits, ProtocolError::InvalidCount);
    refused(b"*1x\r\n", limits, ProtocolError::InvalidCount);
    refused(b"*\x00payload", limits, ProtocolError::InvalidCount);
    refused(b"*1\r\n$-1\r\n", limits, ProtocolError::InvalidBulkLength);
    refused(b"*1\r\n$blabla\r\n", limits, ProtocolError::InvalidBulkLength);
    refused(b"*1\r\n$2000000000\r\n", limits, ProtocolError::InvalidBulkLength);
}

#[test]
fn what_is_no_bulk_string_or_longer_than_announced_is_refused() {
    let limits = Limits::default();
    refused(b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", limits, ProtocolError::ExpectedBulk(b'f'));
    refused(b"*1\r\n*1\r\n$4\r\nPING\r\n", limits, ProtocolError::ExpectedBulk(b'*'));
    refused(b"*1\r\n$4\r\nPINGS\r\n", limits, ProtocolError::UnterminatedBulk);
}

#[test]
fn requests_beyond_the_limits_are_refused_before_they_arrive() {
    let limits = Limits {
        arguments_max: 3,
        bulk_bytes_max: 10,
        request_bytes_max: 42,
        inline_bytes_max: 8,
        ..Limits::default()
    };
    refused(b"*4\r\n", limits, ProtocolError::InvalidCount);
    refused(b"*1\r\n$11\r\n", limits, ProtocolError::InvalidBulkLength);
    refused(b"*3\r\n$10\r\n0123456789\r\n$9\r\n012345678\r\n$2\r\n", limits, ProtocolError::RequestTooBig);
    refused(b"12345678", limits, ProtocolError::InlineTooBig);
    refused(b"12345678\n", limits, ProtocolError::InlineTooBig);
    assert!(first(b"1234567\n", &limits).is_ok());
    assert!(first(b"*3\r\n$10\r\n0123456789\r\n$9\r\n012345678\r\n$0\r\n\r\n", &limits).is_ok());
}

#[test]
fn before_authentication_only_small_requests_are_taken() {
    let limits = Limits { authenticated: false, ..Limits::default() };
    refused(b"*11\r\n", limits, ProtocolError::UnauthenticatedCount);
    refused(b"*1\r\n$16385\r\n", limits, ProtocolError::UnauthenticatedBulkLength);
    assert!(first(b"*10\r\n$16384\r\n", &limits).is_ok());
}

#[test]
fn errors_are_told_in_the_words_that_clients_know() {
    for (error, text) in [
        (ProtocolError::InvalidCount, "Protocol error: invalid multibulk length"),
        (ProtocolError::ExpectedBulk(b'f'), "Protocol error: expected '$', got 'f'"),
        (ProtocolError::ExpectedBulk(b'\n'), "Protocol error: expected '$', got '\\n'"),
        (ProtocolError::UnbalancedQuotes, "Protocol error: unbalanced quotes in request"),
        (ProtocolError::InlineTooBig, "Protocol error: too big inline request"),
    ] {
        assert_eq!(crate::Reply::from(error), crate::Reply::error(format!("ERR {text}")));
    }
}

#[test]
fn an_argument_that_trickles_in_is_looked_at_once() {
    let mut parser = Parser::new();
    let mut input = b"*1\r\n$8000000\r\n".to_vec();
    let header = input.len();
    input.resize(header + 8_000_000, b'\r');
    // Looked at anew with every byte, this would be 32 terabytes.
    for arrived in header..input.len() {
        let progress = parser.parse(&input[..arrived], &Limits::default());
        assert_eq!(progress, Ok(Progress::Incomplete { missing: header + 8_000_002 - arrived }));
    }
}
