//! Patterns: `KEYS` finds what [`glob::matches`] says.

use std::collections::BTreeSet;

use rand::Rng;
use redis_protocol::resp2::types::{OwnedFrame, Resp2Frame};
use resp::glob::{self, Case};

use crate::chance;
use crate::server::Server;

const TEXTS: usize = 400;
const PATTERNS: usize = 3_000;

fn random(alphabet: &[u8], length_max: usize, chance: &mut impl Rng) -> Vec<u8> {
    (0..chance.random_range(1..=length_max)).map(|_| alphabet[chance.random_range(0..alphabet.len())]).collect()
}

#[test]
fn patterns_match_what_they_match_in_a_real_server() {
    let (server, mut chance) = (Server::start(), chance(1));
    let mut connection = server.connect();
    let texts: BTreeSet<Vec<u8>> = (0..TEXTS).map(|_| random(b"abc-]^*\\", 6, &mut chance)).collect();
    for text in &texts {
        connection.request(&[b"SET", &text[..], b""]);
        connection.frame();
    }
    for _ in 0..PATTERNS {
        let pattern = random(b"aabbc**??[[]]^--\\", 9, &mut chance);
        connection.request(&[b"KEYS", &pattern[..]]);
        let OwnedFrame::Array(found) = connection.frame() else { panic!("KEYS returns an array") };
        let found: BTreeSet<Vec<u8>> = found.into_iter().map(|key| key.as_bytes().unwrap().to_vec()).collect();
        let expected = texts.iter().filter(|text| glob::matches(&pattern, text, Case::Sensitive)).cloned().collect();
        assert_eq!(found, expected, "{}", pattern.escape_ascii());
    }
}
