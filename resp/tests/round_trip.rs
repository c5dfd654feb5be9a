//! What is written here is read by another implementation of the protocol as what was meant, and the other way round.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use redis_protocol::resp2::{self, types::OwnedFrame as Frame2};
use redis_protocol::resp3::types::{OwnedFrame as Frame3, VerbatimStringFormat};
use redis_protocol::resp3::{self};
use resp::protocol::{Limits, Parser, Progress};
use resp::{Reply, Version};

const CASES: u32 = 4_000;

fn text() -> impl Strategy<Value = Bytes> {
    "[ -~]{0,12}".prop_map(Bytes::from)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn scalar() -> impl Strategy<Value = Reply> {
    prop_oneof![
        text().prop_map(Reply::Simple),
        text().prop_map(|text| Reply::Error([b"ERR ", &text[..]].concat().into())),
        any::<i64>().prop_map(Reply::Integer),
        bytes().prop_map(Reply::Bulk),
        Just(Reply::Null),
        any::<f64>().prop_filter("equal to itself", |number| !number.is_nan()).prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Boolean),
        "-?[1-9][0-9]{20,40}".prop_map(|digits| Reply::BigNumber(digits.into())),
        text().prop_map(Reply::Verbatim),
    ]
}

fn reply() -> impl Strategy<Value = Reply> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        let set = proptest::collection::btree_set(any::<i64>(), 0..5);
        let map = proptest::collection::btree_map(any::<Vec<u8>>(), inner.clone(), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Reply::Array),
            set.prop_map(|numbers| Reply::Set(numbers.into_iter().map(Reply::Integer).collect())),
            map.prop_map(Reply::map),
        ]
    })
}

/// The same cases every time.
fn each<S: Strategy>(strategy: S, check: impl Fn(S::Value)) {
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = |value| {
        check(value);
        Ok(())
    };
    runner.run(&strategy, checked).unwrap();
}

fn encoded(reply: &Reply, version: Version) -> Bytes {
    let mut out = BytesMut::new();
    reply.encode(version, &mut out);
    out.freeze()
}

/// The reply as the other implementation is to see it in RESP2.
fn in_resp2(reply: &Reply) -> Frame2 {
    let bulk = |text: &[u8]| Frame2::BulkString(text.to_vec());
    match reply {
        Reply::Simple(text) => Frame2::SimpleString(text.to_vec()),
        Reply::Error(text) => Frame2::Error(String::from_utf8(text.to_vec()).unwrap()),
        Reply::Integer(value) => Frame2::Integer(*value),
        Reply::Bulk(text) | Reply::Verbatim(text) | Reply::BigNumber(text) => bulk(text),
        Reply::Null => Frame2::Null,
        Reply::Array(elements) | Reply::Set(elements) => Frame2::Array(elements.iter().map(in_resp2).collect()),
        Reply::Map(pairs) => {
            Frame2::Array(pairs.iter().flat_map(|(key, value)| [in_resp2(key), in_resp2(value)]).collect())
        }
        Reply::Double(_) => panic!("compared by its value"),
        Reply::Boolean(value) => Frame2::Integer(i64::from(*value)),
    }
}

/// The reply as the other implementation is to see it in RESP3.
fn in_resp3(reply: &Reply) -> Frame3 {
    let (data, attributes) = (|text: &[u8]| text.to_vec(), None);
    match reply {
        Reply::Simple(text) => Frame3::SimpleString { data: data(text), attributes },
        Reply::Error(text) => Frame3::SimpleError { data: String::from_utf8(data(text)).unwrap(), attributes },
        Reply::Integer(value) => Frame3::Number { data: *value, attributes },
        Reply::Bulk(text) => Frame3::BlobString { data: data(text), attributes },
        Reply::Verbatim(text) => {
            Frame3::VerbatimString { data: data(text), format: VerbatimStringFormat::Text, attributes }
        }
        Reply::BigNumber(text) => Frame3::BigNumber { data: data(text), attributes },
        Reply::Null => Frame3::Null,
        Reply::Array(elements) => Frame3::Array { data: elements.iter().map(in_resp3).collect(), attributes },
        Reply::Set(elements) => Frame3::Set { data: elements.iter().map(in_resp3).collect(), attributes },
        Reply::Map(pairs) => {
            let data = pairs.iter().map(|(key, value)| (in_resp3(key), in_resp3(value))).collect();
            Frame3::Map { data, attributes }
        }
        Reply::Double(value) => Frame3::Double { data: *value, attributes },
        Reply::Boolean(value) => Frame3::Boolean { data: *value, attributes },
    }
}

/// RESP2 has no floating-point numbers: bulk strings that read back as the same number stand for them.
fn with_doubles_spelt_out(reply: Reply) -> Reply {
    match reply {
        Reply::Double(value) => {
            let out = encoded(&Reply::Double(value), Version::Resp2);
            let text = out.split(|byte| *byte == b'\n').nth(1).unwrap().trim_ascii_end();
            assert_eq!(std::str::from_utf8(text).unwrap().parse::<f64>().unwrap().to_bits(), value.to_bits());
            Reply::Bulk(Bytes::copy_from_slice(text))
        }
        Reply::Array(elements) => Reply::Array(elements.into_iter().map(with_doubles_spelt_out).collect()),
        Reply::Map(pairs) => {
            Reply::Map(pairs.into_iter().map(|(key, value)| (key, with_doubles_spelt_out(value))).collect())
        }
        other => other,
    }
}

#[test]
fn replies_in_resp2_are_read_as_they_were_meant() {
    each(reply(), |reply| {
        let out = encoded(&reply, Version::Resp2);
        let (frame, read) = resp2::decode::decode(&out).unwrap().unwrap();
        assert_eq!((frame, read), (in_resp2(&with_doubles_spelt_out(reply)), out.len()));
    });
}

#[test]
fn replies_in_resp3_are_read_as_they_were_meant() {
    each(reply(), |reply| {
        let out = encoded(&reply, Version::Resp3);
        let (frame, read) = resp3::decode::complete::decode(&out).unwrap().unwrap();
        assert_eq!((frame, read), (in_resp3(&reply), out.len()));
    });
}

#[test]
fn requests_of_another_implementation_are_understood() {
    each(proptest::collection::vec(bytes(), 1..8), |arguments| {
        let frame = Frame2::Array(arguments.iter().map(|argument| Frame2::BulkString(argument.to_vec())).collect());
        let mut written = vec![0; frame_bytes(&arguments)];
        let length = resp2::encode::encode(&mut written, &frame, false).unwrap();
        let mut parser = Parser::new();
        let progress = parser.parse(&written[..length], &Limits::default());
        assert_eq!(progress, Ok(Progress::Request { consumed: length }));
        assert!(parser.request(&written).iter().eq(arguments.iter().map(|argument| &argument[..])));
    });
}

/// Room enough for a request.
fn frame_bytes(arguments: &[Bytes]) -> usize {
    32 + arguments.iter().map(|argument| argument.len() + 32).sum::<usize>()
}
