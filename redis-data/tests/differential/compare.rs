//! Both servers side by side.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use common::clock::Clock;
use resp::{Reply, Version};

use crate::redis::Redis;
use crate::shape::Shape;
use crate::support::node::Node;

/// A request reaches the two servers within so many ms of each other.
const SKEW_MS: i64 = 5_000;
/// A scan of the tests is over long before so many calls.
const CALLS_MAX: usize = 100_000;

/// A real server and this crate's.
pub(crate) struct Pair {
    redis: Redis,
    node: Node,
    clock: Clock,
    protocol: Version,
    history: Vec<Vec<Bytes>>,
}

impl Pair {
    pub(crate) fn start(protocol: Version) -> Self {
        let clock = Clock::System;
        let mut node = Node::new(clock.wall_ms());
        node.protocol = protocol;
        Self { redis: Redis::start(protocol), node, clock, protocol, history: vec![] }
    }

    pub(crate) fn ask_words(&mut self, request: &[&str]) {
        self.ask(&words(request));
    }

    /// Asks both, and compares.
    pub(crate) fn ask(&mut self, request: &[Bytes]) {
        self.history.push(request.to_vec());
        if name(request) == "dbsize" {
            // A real server counts expired keys until it meets them; a scan makes it meet them.
            self.redis.ask(&words(&["SCAN", "0", "COUNT", "1000000"]));
        }
        let (theirs, ours) = (self.redis.ask(request), self.ours(request));
        let (theirs, ours) = (comparable(request, theirs), comparable(request, ours));
        if theirs != ours && !within_skew(request, &theirs, &ours) {
            self.fail(request, &theirs, &ours);
        }
    }

    fn ours(&mut self, request: &[Bytes]) -> Shape {
        self.node.now_ms = self.clock.wall_ms();
        let reply = self.node.execute(request);
        shape(&reply, self.protocol)
    }

    /// All keys, what they hold, and how long.
    pub(crate) fn compare_everything(&mut self) {
        self.ask_words(&["DBSIZE"]);
        self.ask_words(&["KEYS", "*"]);
        let keys = self.redis.ask(&words(&["KEYS", "*"]));
        for key in keys.elements().iter().filter_map(Shape::bulk) {
            for command in ["TYPE", "GET", "HGETALL", "HLEN", "PEXPIRETIME"] {
                self.ask(&[Bytes::from(command), Bytes::copy_from_slice(key)]);
            }
        }
    }

    /// Whole scans find the same, and ours finds nothing twice.
    pub(crate) fn compare_scan(&mut self, command: &[&str], options: &[&str]) {
        let (mut found, mut cursors) = ([vec![], vec![]], [Bytes::from("0"), Bytes::from("0")]);
        for side in [0, 1] {
            for call in 0.. {
                assert!(call < CALLS_MAX, "the scan does not end");
                let mut request = words(command);
                request.push(cursors[side].clone());
                request.extend(words(options));
                let reply = if side == 0 { self.redis.ask(&request) } else { self.ours(&request) };
                let [cursor, elements] = reply.elements() else { panic!("{reply:?}") };
                let group = if command.len() == 2 { 2 } else { 1 };
                found[side].extend(elements.elements().chunks(group).map(<[Shape]>::to_vec));
                cursors[side] = Bytes::copy_from_slice(cursor.bulk().unwrap());
                if cursors[side] == "0" {
                    break;
                }
            }
        }
        let [theirs, ours] = found.map(|mut found| {
            found.sort();
            found
        });
        let distinct: BTreeSet<_> = theirs.iter().collect();
        assert!(distinct.iter().copied().eq(&ours), "{command:?} {options:?}: {} and {}", distinct.len(), ours.len());
    }

    fn fail(&self, request: &[Bytes], theirs: &Shape, ours: &Shape) -> ! {
        let key = request.get(1);
        let about_it = |old: &&Vec<Bytes>| old.iter().skip(1).any(|argument| Some(argument) == key);
        let history: Vec<_> = self.history.iter().filter(about_it).rev().take(12).collect();
        panic!("{request:?}\n real server: {theirs:?}\n this crate:  {ours:?}\n latest first: {history:?}");
    }
}

/// The reply as the connection would carry it.
fn shape(reply: &Reply, protocol: Version) -> Shape {
    let mut bytes = BytesMut::new();
    reply.encode(protocol, &mut bytes);
    let (shape, rest) = Shape::read(&bytes).expect("a whole reply");
    assert!(rest.is_empty(), "{bytes:?}");
    shape
}

fn words(request: &[&str]) -> Vec<Bytes> {
    request.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

fn name(request: &[Bytes]) -> String {
    String::from_utf8_lossy(&request[0]).to_ascii_lowercase()
}

/// Without what may differ between two servers that are both right.
fn comparable(request: &[Bytes], reply: Shape) -> Shape {
    match name(request).as_str() {
        "hgetall" => reply.sorted(2),
        "hkeys" | "hvals" | "keys" => reply.sorted(1),
        "randomkey" | "hrandfield" => reply.outline(),
        // Of the few elements here a single call tells all.
        "scan" | "hscan" => match reply {
            Shape::List(sign, number, mut parts) if parts.len() == 2 => {
                let group = if name(request) == "hscan" { 2 } else { 1 };
                parts = parts.into_iter().map(|part| part.sorted(group)).collect();
                Shape::List(sign, number, parts)
            }
            other => other,
        },
        _ => reply,
    }
}

/// Whether both are times, in the unit of the command, and close to each other.
fn within_skew(request: &[Bytes], theirs: &Shape, ours: &Shape) -> bool {
    let skew = match name(request).as_str() {
        "pttl" | "pexpiretime" => SKEW_MS,
        "ttl" | "expiretime" => SKEW_MS / 1000,
        _ => return false,
    };
    let times = theirs.integer().zip(ours.integer()).filter(|(theirs, ours)| *theirs > 0 && *ours > 0);
    times.is_some_and(|(theirs, ours)| theirs.abs_diff(ours) <= skew.unsigned_abs())
}
