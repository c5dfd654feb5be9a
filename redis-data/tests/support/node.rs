//! A server over one table in memory, in three ranges of slots.

use bytes::Bytes;
use common::types::SlotRange;
use redis_data::keyspace::{Keyspace, count_keys, random_key};
use redis_data::{Context, Parsed};
use resp::{Reply, Version};

use super::records::{Records, in_rounds};

const RANGES: [SlotRange; 3] =
    [SlotRange { start: 0, end: 5000 }, SlotRange { start: 5001, end: 5001 }, SlotRange { start: 5002, end: 16383 }];

/// One server.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) records: Records,
    pub(crate) now_ms: u64,
    pub(crate) protocol: Version,
    pub(crate) value_bytes_max: usize,
    requests: u64,
}

impl Node {
    pub(crate) fn new(now_ms: u64) -> Self {
        let records = Records::default();
        Self { records, now_ms, protocol: Version::Resp2, value_bytes_max: 512 << 20, requests: 0 }
    }

    pub(crate) fn ctx(&self) -> Context {
        Context {
            now_ms: self.now_ms,
            unique: self.requests,
            seed: self.requests.wrapping_mul(7919),
            protocol: self.protocol,
            value_bytes_max: self.value_bytes_max,
        }
    }

    /// A request from its words.
    pub(crate) fn say(&mut self, request: &[&str]) -> Reply {
        self.execute(&request.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect::<Vec<_>>())
    }

    pub(crate) fn execute(&mut self, request: &[Bytes]) -> Reply {
        self.requests += 1;
        if let Err(error) = resp::command::resolve(request) {
            return error;
        }
        match redis_data::parse(request) {
            Err(error) => error,
            Ok(Parsed::Keyspace(command)) => self.keyspace(command),
            Ok(Parsed::Command(command)) => {
                let ctx = self.ctx();
                let direct = command.evaluate(&mut self.records, &ctx).expect("all records are at hand");
                let (fetched, cost) = in_rounds(&command, &mut self.records, &ctx);
                assert_eq!(direct, fetched, "rounds change nothing: {request:?}");
                assert!(cost.record_rounds <= 2, "{cost:?} for {request:?}");
                self.records.apply(&direct.writes);
                direct.reply
            }
        }
    }

    fn keyspace(&mut self, command: Keyspace) -> Reply {
        let (now_ms, ctx, view) = (self.now_ms, self.ctx(), &mut self.records);
        match command {
            Keyspace::Scan(scan) => {
                let mut scanning = scan.begin();
                for slots in RANGES {
                    scanning.take(slots, view, now_ms).expect("all records are at hand");
                }
                scanning.reply(&RANGES)
            }
            Keyspace::Keys(keys) => {
                let within = |slots| keys.within(slots, view, now_ms).expect("all records are at hand");
                Reply::bulks(RANGES.into_iter().flat_map(within))
            }
            Keyspace::RandomKey => {
                let key = RANGES.into_iter().find_map(|slots| random_key(slots, view, &ctx).expect("at hand"));
                Reply::bulk_or_null(key)
            }
            Keyspace::DbSize => {
                let count = |slots| count_keys(slots, view, now_ms).expect("all records are at hand");
                Reply::count(RANGES.into_iter().map(count).sum::<u64>())
            }
        }
    }
}
