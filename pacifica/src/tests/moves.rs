//! Leaving for a disk move (rule MOVES).

use common::types::MovingRequest;

use super::*;

fn moving() -> MovingRequest {
    MovingRequest { job: uuid::Uuid::from_u128(9), deadline_ms: 1, hand_back: false }
}

#[test]
fn a_leaver_asks_the_primary_and_asks_again_until_it_is_out() {
    let mut bench = Bench::secondary();
    let ask = Message::AskDrop { moving: Some(moving()) };
    assert_eq!(sent(&bench.step(Event::Leave(moving()))), [(0, &ask)]);
    assert_eq!(sent(&bench.pass(300)), [(0, &ask)]);
    let effects = bench.install(&config(6, &[0, 2], &[]));
    assert!(effects.contains(&Effect::RoleChanged { status: ReplicaStatus::Inactive, ballot: Ballot(6) }));
    assert_eq!(bench.pass(1000), []);
}

#[test]
fn a_leaver_asks_again_under_the_next_ballot() {
    let mut bench = Bench::secondary();
    bench.step(Event::Leave(moving()));
    bench.install(&config(6, &[0, 1, 2], &[4]));
    assert_eq!(sent(&bench.pass(100)), [(0, &Message::AskDrop { moving: Some(moving()) })]);
}

#[test]
fn a_leaver_whose_primary_is_silent_takes_over() {
    let mut bench = Bench::secondary();
    bench.step(Event::Leave(moving()));
    assert_eq!(changes(&bench.pass(3100)), [ConfigChange::TakeOver { by: member(1) }]);
}

#[test]
fn the_primary_drops_a_leaver_with_its_job() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let effects = bench.hear(2, Message::AskDrop { moving: Some(moving()) });
    assert_eq!(changes(&effects), [ConfigChange::Drop { member: member(2), moving: Some(moving()) }]);
}

#[test]
fn the_primary_lets_nobody_go_below_the_fewest_members() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    assert_eq!(changes(&bench.hear(1, Message::AskDrop { moving: Some(moving()) })), []);
}

#[test]
fn the_only_copy_drops_itself_and_stops_until_the_outcome_is_known() {
    let mut bench = Bench::new(0);
    let alone = PartitionConfig { replica_count: 1, ..config(5, &[0], &[]) };
    bench.install(&alone);
    bench.durable();
    bench.write(1);
    assert_eq!(changes(&bench.step(Event::Leave(moving()))), [], "what is in flight first");
    let effects = bench.durable();
    assert_eq!(applied(&effects), [(2, vec![1])]);
    assert_eq!(changes(&effects), [ConfigChange::Drop { member: member(0), moving: Some(moving()) }]);
    assert_eq!(bench.replica.read_until(), None);
    bench.install(&PartitionConfig { primary: None, replica_count: 1, ..config(6, &[], &[]) });
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
}

#[test]
fn a_released_secondary_is_dropped_if_it_can_be_spared() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let drop = ConfigChange::Drop { member: member(2), moving: None };
    assert_eq!(changes(&bench.step(Event::Release { member: member(2) })), [drop]);
    let mut bench = Bench::primary(&[0, 1], &[]);
    assert_eq!(changes(&bench.step(Event::Release { member: member(1) })), [], "two of three are the fewest");
    let mut bench = Bench::primary(&[0, 1], &[2]);
    assert_eq!(
        changes(&bench.step(Event::Release { member: member(2) })),
        [],
        "a learner is the meta server's to drop"
    );
    let mut bench = Bench::secondary();
    assert_eq!(changes(&bench.step(Event::Release { member: member(2) })), [], "only the primary proposes");
}

#[test]
fn a_secondary_that_stays_after_all_asks_no_more() {
    let mut bench = Bench::secondary();
    assert_eq!(sent(&bench.step(Event::Leave(moving()))).len(), 1);
    bench.step(Event::Stay);
    assert_eq!(sent(&bench.pass(1000)), []);
}
