//! Every planted fault takes its rule out, and only that; that each is noticed is the simulator's to show.

use super::*;

fn faults(set: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    set(&mut faults);
    faults
}

fn secondary_with(faults: Faults) -> Bench {
    let mut bench = Bench::with(1, Boot { fresh: true, ..Boot::default() }, Options::default(), faults);
    bench.install(&config(4, &[0, 2], &[1]));
    bench.install(&config(5, &[0, 1, 2], &[]));
    bench
}

#[test]
fn ack_before_fsync() {
    let mut bench = secondary_with(faults(|f| f.ack_before_fsync = true));
    assert_eq!(acks(&bench.hear(0, prepare(5, 0, 0, vec![mutation(5, 1, "a")]))), [1]);
}

#[test]
fn no_ballot_check() {
    let mut bench = secondary_with(faults(|f| f.no_ballot_check = true));
    assert_eq!(acks(&bench.hear(2, prepare(4, 0, 0, vec![mutation(4, 1, "a")]))), [1]);
}

#[test]
fn ballot_resumed_after_restart() {
    let boot = Boot { ballot: Ballot(5), ..Boot::default() };
    let mut bench = Bench::with(0, boot, Options::default(), faults(|f| f.ballot_resumed_after_restart = true));
    bench.install(&config(5, &[0, 1], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Primary);
}

#[test]
fn no_union() {
    let faults = faults(|f| f.no_union = true);
    let mut bench = Bench::primary_with(&[0, 1, 2], &[], Options::default(), faults);
    bench.write(1);
    bench.durable();
    bench.hear(2, Message::AskDrop { moving: None });
    assert_eq!(applied(&bench.hear(1, ack(5, 2))), [(2, vec![1])]);
}

#[test]
fn no_opening_marker() {
    let mut bench = Bench::with(
        0,
        Boot { fresh: true, ..Boot::default() },
        Options::default(),
        faults(|f| f.no_opening_marker = true),
    );
    let effects = bench.install(&config(6, &[0], &[]));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Append { .. })));
    assert!(bench.replica.is_serving());
}

#[test]
fn learner_promoted_with_gap() {
    let faults = faults(|f| f.learner_promoted_with_gap = true);
    let mut bench = Bench::with(3, Boot { fresh: true, ..Boot::default() }, Options::default(), faults);
    bench.install(&config(5, &[0, 1, 2], &[3]));
    bench.hear(0, prepare(5, 3, 3, vec![mutation(5, 4, "d")]));
    assert_eq!(acks(&bench.step(Event::LearnEnded { ballot: Ballot(5) })), [4]);
}

#[test]
fn grace_shorter_than_lease() {
    let mut bench = secondary_with(faults(|f| f.grace_shorter_than_lease = true));
    assert_eq!(changes(&bench.pass(1300)), [ConfigChange::TakeOver { by: member(1) }]);
}

#[test]
fn take_over_without_wait() {
    let faults = faults(|f| f.take_over_without_wait = true);
    let mut bench = Bench::with(0, Boot { fresh: true, ..Boot::default() }, Options::default(), faults);
    bench.install(&PartitionConfig { consented: false, ..config(6, &[0], &[]) });
    bench.durable();
    assert!(bench.replica.is_serving());
}

#[test]
fn node_wide_leases() {
    let bench = secondary_with(faults(|f| f.node_wide_leases = true));
    assert!(bench.replica.grants(PeerId(2), Ballot(1)));
}

#[test]
fn failed_cas_answered_from_overlay() {
    let faults = faults(|f| f.failed_cas_answered_from_overlay = true);
    let mut bench = Bench::primary_with(&[0, 1], &[], Options::default(), faults);
    bench.write(1);
    assert_eq!(answers(&bench.barrier(2, 2)), [(2, Answer::ReadReady)]);
}
