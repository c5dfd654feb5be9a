//! The same requests to a real redis-server and to this crate: the replies have to be the same, byte for byte.
//!
//! Where order means nothing (HGETALL, KEYS) both replies are sorted; where a clock shows (TTL) they may differ by what a
//! request takes; where chance decides (HRANDFIELD) only the shape is compared. Needs `redis-server` (7.0) or Debian's
//! `redis-tools`, in which the same program is called `redis-check-rdb`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod compare;
mod edges;
mod generate;
mod redis;
mod shape;
#[path = "../support/mod.rs"]
mod support;

use common::clock::Clock;
use resp::Version;

use crate::compare::Pair;
use crate::generate::Generator;

const REQUESTS: usize = 20_000;

fn random_requests(seed: u64, protocol: Version) {
    let (clock, mut pair) = (Clock::System, Pair::start(protocol));
    let mut generator = Generator::new(seed, clock.wall_ms());
    for number in 0..REQUESTS {
        pair.ask(&generator.request());
        if number % 500 == 499 {
            pair.compare_everything();
        }
    }
    pair.compare_everything();
}

#[test]
fn thousands_of_random_requests_are_answered_as_a_real_server_answers_them() {
    random_requests(1, Version::Resp2);
    random_requests(2, Version::Resp2);
}

#[test]
fn so_they_are_in_the_newer_protocol() {
    random_requests(3, Version::Resp3);
}

#[test]
fn edge_cases_are_answered_as_a_real_server_answers_them() {
    for protocol in [Version::Resp2, Version::Resp3] {
        let mut pair = Pair::start(protocol);
        for line in edges::LINES.lines().filter(|line| !line.trim().is_empty()) {
            pair.ask(&edges::words(line));
        }
        pair.compare_everything();
    }
}

#[test]
fn a_scan_of_many_keys_and_of_many_fields_finds_what_a_real_server_finds() {
    let mut pair = Pair::start(Version::Resp2);
    for number in 0..3000_u32 {
        // Some slots hold one key, one holds a thousand and more, and many keys are followed by fields.
        let key = if number.is_multiple_of(2) { format!("{{one}}:{number}") } else { format!("key:{number}") };
        match number % 5 {
            0 => pair.ask_words(&["HSET", &key, "f", "1", "g", "2", "h", "3"]),
            _ => pair.ask_words(&["SET", &key, "v"]),
        }
        pair.ask_words(&["HSET", "fields", &format!("field:{number}"), &number.to_string()]);
    }
    for options in [&["COUNT", "7"][..], &["COUNT", "100000"], &["MATCH", "*1*", "COUNT", "50"], &["TYPE", "hash"]] {
        pair.compare_scan(&["SCAN"], options);
    }
    for options in [&[][..], &["COUNT", "1"], &["COUNT", "700", "MATCH", "field:1[0-4]*"]] {
        pair.compare_scan(&["HSCAN", "fields"], options);
    }
    pair.compare_everything();
}
