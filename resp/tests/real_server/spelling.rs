//! How requests are read, and how replies are spelt.

use rand::Rng;
use resp::protocol::{Limits, Parser, Progress, ProtocolError};
use resp::{Reply, Version};

use crate::chance;
use crate::server::Server;

const LINES: usize = 5_000;

/// A line of `ECHO` with words and quotes as they come.
fn line(chance: &mut impl Rng) -> Vec<u8> {
    let pieces =
        [" ", "\t", "a", "b ", "\"", "\"", "'", "\\", "\\n", "\\x4", "\\x41", "\\\"", "\\'", "\r", "\x0b", "é", "\" "];
    let count = chance.random_range(0..7);
    let rest: String = (0..count).map(|_| pieces[chance.random_range(0..pieces.len())]).collect();
    format!("ECHO {rest}\n").into_bytes()
}

/// What this crate reads in a line: the answer to it, or why it is refused.
fn answer(line: &[u8]) -> Result<Reply, ProtocolError> {
    let mut parser = Parser::new();
    assert_eq!(parser.parse(line, &Limits::default())?, Progress::Request { consumed: line.len() });
    let arguments: Vec<&[u8]> = parser.request(line).iter().collect();
    Ok(match resp::command::resolve(&arguments) {
        Ok(_) => Reply::bulk(arguments[1].to_vec()),
        Err(error) => error,
    })
}

#[test]
fn inline_commands_are_split_as_a_real_server_splits_them() {
    let (server, mut chance) = (Server::start(), chance(2));
    let mut connection = server.connect();
    let mut refused = 0;
    for _ in 0..LINES {
        let line = line(&mut chance);
        connection.send(&line);
        let answer = answer(&line);
        connection.expect(
            &answer.clone().unwrap_or_else(Reply::from),
            Version::Resp2,
            &line.escape_ascii().to_string(),
        );
        if answer.is_err() {
            connection.expect_end();
            connection = server.connect();
            refused += 1;
        }
    }
    assert!((LINES / 20..LINES * 19 / 20).contains(&refused), "{refused} lines of {LINES} were refused");
}

#[test]
fn what_is_no_request_is_refused_in_the_same_words_and_ends_the_connection() {
    let server = Server::start();
    let too_long = vec![b'x'; 70_000];
    for wrong in [
        &b"*3000000000\r\n"[..],
        b"*blabla\r\n",
        b"*01\r\n",
        b"*1\r\n$-10\r\n",
        b"*1\r\n$2000000000\r\n",
        b"*1\r\n$blabla\r\n",
        b"*1\r\nfoo\r\n",
        b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n",
        b"*1\r\n*1\r\n$4\r\nPING\r\n",
        b"set \"\"\"test-key\"\"\" test-value\r\n",
        &too_long,
    ] {
        let mut connection = server.connect();
        connection.send(wrong);
        let error = Parser::new().parse(wrong, &Limits::default()).unwrap_err();
        connection.expect(&error.into(), Version::Resp2, &wrong.escape_ascii().to_string());
        connection.expect_end();
    }
}

#[test]
fn every_kind_of_reply_is_spelt_as_a_real_server_spells_it() {
    let server = Server::start();
    for version in [Version::Resp2, Version::Resp3] {
        let mut connection = server.connect();
        if version == Version::Resp3 {
            connection.request(&["HELLO", "3"]);
            connection.skip_until(b"modules\r\n*0\r\n");
        }
        for kind in "string integer double bignum null array set map verbatim true false".split(' ') {
            connection.request(&["DEBUG", "PROTOCOL", kind]);
            connection.expect(&resp::server::protocol(kind.as_bytes()), version, kind);
        }
    }
}
