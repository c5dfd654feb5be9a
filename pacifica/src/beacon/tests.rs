//! Beacons as sentences: what is granted, what counts, and what is sent again as a whole.

use std::collections::BTreeMap;
use std::time::Duration;

use common::types::{Ballot, Beacon, BeaconAnswer, Gpid, ProcessId, Time};

use super::{BeaconReceiver, BeaconSender};

const A: ProcessId = ProcessId(1);
const B: ProcessId = ProcessId(2);
const INTERVAL: Duration = Duration::from_millis(500);

fn gpid(index: u32) -> Gpid {
    Gpid::new(1, index)
}

fn roster(entries: &[(u32, u64)]) -> BTreeMap<Gpid, Ballot> {
    entries.iter().map(|(index, ballot)| (gpid(*index), Ballot(*ballot))).collect()
}

/// A pair whose processes know each other and the roster.
fn acquainted(entries: &[(u32, u64)]) -> (BeaconSender, BeaconReceiver) {
    let (mut sender, mut receiver) = (BeaconSender::new(A, INTERVAL), BeaconReceiver::default());
    let first = sender.tick(Time(0), &roster(entries)).unwrap();
    assert_eq!(sender.answered(&receiver.receive(&first, |_, _| true, B).0), []);
    let second = sender.tick(Time(1), &roster(entries)).unwrap();
    assert_eq!(sender.answered(&receiver.receive(&second, |_, _| true, B).0).len(), entries.len());
    (sender, receiver)
}

fn all(_: Gpid, _: Ballot) -> bool {
    true
}

#[test]
fn a_grant_carries_when_the_beacon_was_sent_and_at_which_ballot() {
    let (mut sender, mut receiver) = acquainted(&[(0, 5), (1, 6)]);
    let beacon = sender.tick(Time(600_000), &roster(&[(0, 5), (1, 6)])).unwrap();
    let (answer, granted) = receiver.receive(&beacon, |asked, _| asked == gpid(1), B);
    assert_eq!((granted, answer.refused.clone()), (vec![gpid(1)], vec![gpid(0)]));
    assert_eq!(sender.answered(&answer), [(gpid(1), Ballot(6), Time(600_000))]);
}

#[test]
fn a_beacon_that_is_wanted_does_not_wait_for_its_interval() {
    let (mut sender, _) = acquainted(&[(0, 5)]);
    assert!(sender.tick(Time(2), &roster(&[(0, 5)])).is_none());
    sender.hasten();
    assert!(sender.tick(Time(2), &roster(&[(0, 5)])).is_some());
    assert!(sender.tick(Time(3), &roster(&[(0, 5)])).is_none());
}

#[test]
fn a_known_roster_is_not_repeated() {
    let (mut sender, _) = acquainted(&[(0, 5), (1, 6)]);
    let beacon = sender.tick(Time(600_000), &roster(&[(0, 5), (1, 7)])).unwrap();
    assert_eq!((beacon.changed, beacon.removed), (vec![(gpid(1), Ballot(7))], vec![]));
}

#[test]
fn a_beacon_goes_once_an_interval_and_at_once_when_the_roster_changes() {
    let (mut sender, _) = acquainted(&[(0, 5)]);
    assert!(sender.tick(Time(400_000), &roster(&[(0, 5)])).is_none());
    assert!(sender.tick(Time(400_001), &roster(&[(0, 6)])).is_some());
    assert!(sender.tick(Time(900_000), &roster(&[(0, 6)])).is_none());
    assert!(sender.tick(Time(900_001), &roster(&[(0, 6)])).is_some());
}

#[test]
fn an_entry_that_is_gone_is_granted_no_more() {
    let (mut sender, mut receiver) = acquainted(&[(0, 5), (1, 6)]);
    let beacon = sender.tick(Time(2), &roster(&[(1, 6)])).unwrap();
    let (answer, granted) = receiver.receive(&beacon, all, B);
    assert_eq!(granted, [gpid(1)]);
    assert_eq!(sender.answered(&answer).len(), 1);
}

#[test]
fn a_node_that_leads_nothing_sends_nothing() {
    assert!(BeaconSender::new(A, INTERVAL).tick(Time(0), &BTreeMap::new()).is_none());
    let (mut sender, mut receiver) = acquainted(&[(0, 5)]);
    let last = sender.tick(Time(2), &BTreeMap::new()).unwrap();
    sender.answered(&receiver.receive(&last, all, B).0);
    assert!(sender.tick(Time(10_000_000), &BTreeMap::new()).is_none());
}

#[test]
fn the_answer_of_another_process_never_counts() {
    let (mut sender, _) = acquainted(&[(0, 5)]);
    let beacon = sender.tick(Time(600_000), &roster(&[(0, 5)])).unwrap();
    let mut restarted = BeaconReceiver::default();
    let (answer, granted) = restarted.receive(&beacon, all, ProcessId(3));
    assert_eq!(granted, [], "the beacon was for the process before");
    assert_eq!(sender.answered(&answer), []);
    let whole = sender.tick(Time(600_001), &roster(&[(0, 5)])).unwrap();
    assert_eq!((whole.to_process, whole.based_on), (Some(ProcessId(3)), None));
    assert_eq!(sender.answered(&restarted.receive(&whole, all, ProcessId(3)).0).len(), 1);
}

#[test]
fn an_answer_counts_once_and_a_late_one_not_at_all() {
    let (mut sender, mut receiver) = acquainted(&[(0, 5)]);
    let first = sender.tick(Time(600_000), &roster(&[(0, 5)])).unwrap();
    let second = sender.tick(Time(1_200_000), &roster(&[(0, 5)])).unwrap();
    let early = receiver.receive(&first, all, B).0;
    let late = receiver.receive(&second, all, B).0;
    assert_eq!(sender.answered(&late).len(), 1);
    assert_eq!(sender.answered(&late), []);
    assert_eq!(sender.answered(&early), []);
}

#[test]
fn a_beacon_that_arrives_late_or_twice_grants_nothing() {
    let (mut sender, mut receiver) = acquainted(&[(0, 5)]);
    let first = sender.tick(Time(600_000), &roster(&[(0, 5)])).unwrap();
    let second = sender.tick(Time(600_001), &roster(&[(0, 6)])).unwrap();
    assert_eq!(receiver.receive(&second, all, B).1, [gpid(0)]);
    assert_eq!(receiver.receive(&second, all, B).1, []);
    assert_eq!(receiver.receive(&first, all, B).1, []);
}

#[test]
fn a_delta_to_an_unknown_roster_asks_for_the_whole() {
    let (mut sender, _) = acquainted(&[(0, 5), (1, 6)]);
    let mut forgetful = BeaconReceiver::default();
    let delta = sender.tick(Time(600_000), &roster(&[(0, 5), (1, 6)])).unwrap();
    let (answer, granted) = forgetful.receive(&delta, all, B);
    assert!(answer.need_whole_roster && granted.is_empty());
    assert_eq!(sender.answered(&answer), []);
    let whole = sender.tick(Time(600_001), &roster(&[(0, 5), (1, 6)])).unwrap();
    assert_eq!(forgetful.receive(&whole, all, B).1.len(), 2);
}

#[test]
fn lost_answers_do_not_spoil_the_deltas() {
    let (mut sender, mut receiver) = acquainted(&[(0, 5), (1, 6)]);
    let lost = sender.tick(Time(2), &roster(&[(0, 5), (2, 7)])).unwrap();
    receiver.receive(&lost, all, B);
    let mut now = 3;
    loop {
        let Some(beacon) = sender.tick(Time(now), &roster(&[(0, 5)])) else { panic!("not settled") };
        let (answer, granted) = receiver.receive(&beacon, all, B);
        if !sender.answered(&answer).is_empty() {
            assert_eq!(granted, [gpid(0)], "2 was added and removed again");
            break;
        }
        now += 1;
    }
    assert!(now < 6, "{now} beacons");
}

#[test]
fn an_answer_out_of_nowhere_is_ignored() {
    let (mut sender, _) = acquainted(&[(0, 5)]);
    let answer = BeaconAnswer { process: ProcessId(9), sequence: 77, need_whole_roster: false, refused: vec![] };
    assert_eq!(sender.answered(&answer), []);
    let beacon: Beacon = sender.tick(Time(600_000), &roster(&[(0, 5)])).unwrap();
    assert_eq!(beacon.to_process, Some(B));
}
