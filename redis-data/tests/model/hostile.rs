//! Requests of any bytes over records of any bytes: whatever is stored, an answer and no panic.

use bytes::Bytes;
use common::types::{Value, ValueKind};
use proptest::prelude::*;
use redis_data::encoding::Head;
use redis_data::{Missing, Page, Parsed, View};
use resp::Version;
use resp::command::commands;

use crate::START_MS;
use crate::support::node::Node;

/// A storage that answers every question with one of a few values, and every range with pages of them.
#[derive(Debug)]
struct Strange {
    values: Vec<Option<Bytes>>,
    asked: usize,
}

impl Strange {
    fn next(&mut self) -> Option<Bytes> {
        self.asked += 1;
        self.values.get(self.asked % self.values.len()).cloned().flatten()
    }
}

impl View for Strange {
    fn get(&mut self, _key: &[u8]) -> Result<Option<Bytes>, Missing> {
        Ok(self.next())
    }

    fn scan(&mut self, start: &[u8], _end: &[u8], limit: usize) -> Result<Page, Missing> {
        assert!(limit > 0, "a page of nothing is asked for");
        let value = self.next().unwrap_or_default();
        let record = Bytes::from([start, b"\0"].concat());
        // It does end, some time.
        Ok(Page { records: vec![(record, value)], more: self.asked < 50 })
    }
}

fn stored() -> impl Strategy<Value = Option<Bytes>> {
    let kind = prop::sample::select(vec![ValueKind::Bytes, ValueKind::Hash, ValueKind::Field]);
    let head = (any::<u64>(), prop_oneof![0..5_u64, Just(u64::MAX), Just(10_000), any::<u64>()]);
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        head.prop_map(|(version, length)| Head { version, length }.encode()),
        argument(),
    ];
    let expiry = prop::option::of(prop_oneof![any::<u64>(), Just(START_MS + 1)]);
    prop_oneof![
        1 => Just(None),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Some(Bytes::from(bytes))),
        6 => (kind, payload, expiry)
            .prop_map(|(kind, payload, expires_at_ms)| Some(Value { kind, expires_at_ms, payload }.encode())),
    ]
}

fn argument() -> impl Strategy<Value = Bytes> {
    let words = vec![
        "",
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "1e4932",
        "-1e-4900",
        "inf",
        "0x1p-16445",
        "EX",
        "PXAT",
        "KEEPTTL",
        "GET",
        "NX",
        "COUNT",
        "MATCH",
        "TYPE",
        "WITHVALUES",
        "GT",
        "-1000",
        "[",
        "*",
    ];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(Bytes::from),
        1 => prop::collection::vec(any::<u8>(), 0..10).prop_map(Bytes::from),
    ]
}

fn request() -> impl Strategy<Value = Vec<Bytes>> {
    let names: Vec<_> = commands().map(|spec| Bytes::from(spec.name)).collect();
    (prop::sample::select(names), prop::collection::vec(argument(), 0..7))
        .prop_map(|(name, arguments)| [vec![name], arguments].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn any_request_over_any_records_is_answered(
        request in request(),
        values in prop::collection::vec(stored(), 1..5),
        now_ms in prop_oneof![Just(START_MS), any::<u64>()],
        seed: u64,
    ) {
        let mut ctx = Node::new(now_ms).ctx();
        (ctx.seed, ctx.unique, ctx.protocol) = (seed, seed, Version::Resp3);
        if let Ok(Parsed::Command(command)) = redis_data::parse(&request) {
            let done = command.evaluate(&mut Strange { values, asked: 0 }, &ctx);
            prop_assert!(done.is_ok(), "{:?}", request);
            for op in done.unwrap().writes.iter() {
                prop_assert!(common::types::decode_key(op.key()).is_ok());
            }
        }
    }
}
