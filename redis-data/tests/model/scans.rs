//! A scan tells everything that is there from its first call to its last, whatever else comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resp::Reply;

use crate::START_MS;
use crate::support::node::Node;

/// The parts of a reply to a scan.
fn parts(reply: Reply) -> (String, Vec<Bytes>) {
    let Reply::Array(parts) = reply else { panic!("{reply:?}") };
    let [Reply::Bulk(cursor), Reply::Array(found)] = &parts[..] else { panic!("{parts:?}") };
    let bulk = |reply: &Reply| if let Reply::Bulk(bulk) = reply { bulk.clone() } else { panic!("{reply:?}") };
    (String::from_utf8(cursor.to_vec()).unwrap(), found.iter().map(bulk).collect())
}

/// Scans to the end; between two calls `disturb` may do anything. How often each element was told, and the calls.
fn scan(
    node: &mut Node,
    command: &[&str],
    options: &[&str],
    disturb: &mut dyn FnMut(&mut Node),
) -> (BTreeMap<String, u32>, Vec<usize>) {
    let (mut cursor, mut told, mut calls) = ("0".to_owned(), BTreeMap::new(), vec![]);
    loop {
        let (next, found) = parts(node.say(&[command, &[&cursor], options].concat()));
        calls.push(found.len());
        for element in found {
            *told.entry(String::from_utf8(element.to_vec()).unwrap()).or_default() += 1;
        }
        if next == "0" {
            return (told, calls);
        }
        assert!(calls.len() < 100_000, "the scan does not end");
        cursor = next;
        disturb(node);
    }
}

/// Fails unless every stable element was told once, and nothing that never was.
fn check(told: &BTreeMap<String, u32>, stable: &BTreeSet<String>, passing: &str) {
    let missed: Vec<_> = stable.iter().filter(|element| told.get(*element) != Some(&1)).collect();
    assert!(missed.is_empty(), "not told once: {missed:?}");
    let strange: Vec<_> = told.keys().filter(|key| !stable.contains(*key) && !key.contains(passing)).collect();
    assert!(strange.is_empty(), "never there: {strange:?}");
}

fn scan_of_keys(seed: u64, keys: usize, count: &str) -> Vec<usize> {
    let (mut node, mut random) = (Node::new(START_MS), ChaCha8Rng::seed_from_u64(seed));
    // Half of them share a slot, some hold fields.
    let name = |number: usize| if number.is_multiple_of(2) { format!("{{t}}{number}") } else { format!("key{number}") };
    let stable: BTreeSet<_> = (0..keys).map(name).collect();
    for (number, key) in stable.iter().enumerate() {
        match number % 3 {
            0 => drop(node.say(&["HSET", key, "a", "1", "b", "2", "c", "3", "d", "4", "e", "5"])),
            _ => drop(node.say(&["SET", key, "v"])),
        }
    }
    let mut disturb = |node: &mut Node| {
        for _ in 0..20 {
            let number = random.random_range(0..200_u32);
            let key =
                if number.is_multiple_of(2) { format!("{{t}}passing{number}") } else { format!("passing{number}") };
            let command = if random.random_bool(0.5) { "DEL" } else { "SET" };
            node.say(&[command, &key, "v"][..if command == "DEL" { 2 } else { 3 }]);
        }
    };
    let (told, calls) = scan(&mut node, &["SCAN"], &["COUNT", count], &mut disturb);
    check(&told, &stable, "passing");
    calls
}

#[test]
fn keys_that_stay_are_told_once_while_others_come_and_go() {
    for seed in 0..5 {
        scan_of_keys(seed, 1200, "1");
        scan_of_keys(seed, 3000, "10");
        scan_of_keys(seed, 3000, "10000");
    }
}

#[test]
fn a_slot_of_very_many_keys_is_told_in_parts() {
    let calls = scan_of_keys(9, 44_000, "10");
    let largest = calls.iter().max().unwrap();
    assert!((1000..=2100).contains(largest), "{calls:?}");
    assert!(calls.len() > 16, "{calls:?}");
}

#[test]
fn few_keys_are_told_about_as_count_says() {
    let calls = scan_of_keys(10, 200, "10");
    // The slot that half of them share is told at once.
    assert!(calls.iter().filter(|told| **told > 11).count() <= 1 && calls.len() >= 10, "{calls:?}");
}

#[test]
fn fields_that_stay_are_told_once_while_others_come_and_go() {
    for (seed, count) in [(1, "1"), (2, "10"), (3, "500"), (4, "100000")] {
        let (mut node, mut random) = (Node::new(START_MS), ChaCha8Rng::seed_from_u64(seed));
        let stable: BTreeSet<_> = (0..1500).map(|number| format!("field{number}")).collect();
        stable.iter().for_each(|field| drop(node.say(&["HSET", "h", field, "passing"])));
        let mut disturb = |node: &mut Node| {
            let field = format!("passing{}", random.random_range(0..100));
            let command = if random.random_bool(0.5) { "HDEL" } else { "HSET" };
            node.say(&[command, "h", &field, "passing"][..if command == "HDEL" { 3 } else { 4 }]);
        };
        let (mut told, calls) = scan(&mut node, &["HSCAN", "h"], &["COUNT", count], &mut disturb);
        told.remove("passing");
        check(&told, &stable, "passing");
        assert!(count != "10" || calls.iter().all(|told| *told <= 20), "{calls:?}");
    }
}

#[test]
fn a_cursor_that_no_scan_has_told_ends_at_once() {
    let mut node = Node::new(START_MS);
    node.say(&["SET", "k", "v"]);
    node.say(&["HSET", "h", "f", "v"]);
    for cursor in ["18446744073709551615", "9007199254740992", "-1"] {
        assert_eq!(parts(node.say(&["SCAN", cursor])), ("0".to_owned(), vec![]), "{cursor}");
        assert_eq!(parts(node.say(&["HSCAN", "h", cursor])), ("0".to_owned(), vec![]), "{cursor}");
    }
}

#[test]
fn scans_filter_by_pattern_and_type() {
    let mut node = Node::new(START_MS);
    for number in 0..300 {
        node.say(&["SET", &format!("s{number}"), "v"]);
        node.say(&["HSET", &format!("h{number}"), "f", "v"]);
    }
    let (told, _) = scan(&mut node, &["SCAN"], &["TYPE", "Hash", "MATCH", "h1?"], &mut |_| {});
    assert!(told.len() == 10 && told.keys().all(|key| key.starts_with("h1")), "{told:?}");
}
