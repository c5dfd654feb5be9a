//! A process start ends every role (rule ROLES).

use common::types::RefuseReason;

use super::*;

#[test]
fn a_restarted_primary_is_inactive_at_its_own_ballot() {
    let mut bench = Bench::restarted(0, 5, 1, vec![]);
    bench.install(&config(5, &[0, 1, 2], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
    assert_eq!(bench.replica.roster(), []);
}

#[test]
fn a_restarted_primary_leads_again_only_at_a_higher_ballot() {
    let mut bench = Bench::restarted(0, 5, 1, vec![mutation(5, 2, "b")]);
    let effects = bench.install(&PartitionConfig { consented: false, ..config(6, &[0, 1], &[]) });
    assert_eq!(bench.replica.status(), ReplicaStatus::Primary);
    assert_eq!(prepares(&effects), [(1, vec![2, 3])]);
}

#[test]
fn a_restarted_copy_does_not_lead_because_others_handed_over_to_it_or_it_asked_before() {
    let mut bench = Bench::restarted(1, 5, 1, vec![]);
    bench.install(&PartitionConfig { appointed: None, ..config(6, &[1, 0], &[]) });
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
    bench.install(&config(7, &[1, 0], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Primary);
}

#[test]
fn a_restarted_primary_is_not_appointed_by_what_was_said_before_its_start() {
    let mut bench = Bench::restarted(0, 5, 1, vec![]);
    bench.install(&PartitionConfig { appointed: Some(Ballot(5)), ..config(6, &[0, 1], &[4]) });
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
}

#[test]
fn a_restarted_secondary_takes_no_role_whatever_the_ballot() {
    let mut bench = Bench::restarted(1, 5, 1, vec![]);
    bench.install(&config(6, &[0, 1, 2], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
    let effects = bench.hear(0, prepare(6, 1, 1, vec![]));
    let refusal = Message::PrepareRefused { ballot: Ballot(6), reason: RefuseReason::NoRole };
    assert_eq!(sent(&effects), [(0, &refusal)]);
}

#[test]
fn a_restarted_learner_takes_no_role_at_a_ballot_under_which_it_may_have_acknowledged() {
    let mut bench = Bench::restarted(3, 5, 1, vec![]);
    bench.install(&config(5, &[0, 1], &[3]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
    bench.install(&config(6, &[0, 1], &[3]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Learner);
}

#[test]
fn a_primary_drops_a_member_that_says_under_this_ballot_that_it_has_no_role() {
    let mut bench = Bench::primary(&[0, 1, 2], &[]);
    let refusal = |ballot| Message::PrepareRefused { ballot: Ballot(ballot), reason: RefuseReason::NoRole };
    let effects = bench.hear(2, refusal(4));
    assert_eq!(changes(&effects), [], "it only does not know the configuration yet");
    assert!(matches!(sent(&effects).first(), Some((2, Message::Config(_)))));
    let drop = ConfigChange::Drop { member: member(2), moving: None };
    assert_eq!(changes(&bench.hear(2, refusal(5))), [drop]);
}

#[test]
fn what_the_log_knows_to_be_committed_is_applied_with_the_first_step() {
    let tail = vec![mutation(4, 2, "b"), mutation(5, 3, "c")];
    let boot = Boot { ballot: Ballot(5), applied: Decree(1), committed: Decree(2), tail, ..Boot::default() };
    let mut bench = Bench::with(0, boot, Options::default(), Faults::default());
    assert_eq!(applied(&bench.step(Event::Tick)), [(2, vec![])]);
    assert_eq!((bench.replica.prepared(), bench.replica.prepared_ballot()), (Decree(3), Ballot(5)));
}

#[test]
fn an_older_configuration_is_ignored() {
    let mut bench = Bench::primary(&[0, 1], &[]);
    assert_eq!(bench.install(&config(4, &[1, 0], &[])), []);
    assert_eq!(bench.install(&config(5, &[1, 0], &[])), []);
    assert_eq!(bench.replica.status(), ReplicaStatus::Primary);
}

#[test]
fn a_copy_of_another_incarnation_is_not_named() {
    let mut bench = Bench::new(0);
    let mut other = config(5, &[0, 1], &[]);
    other.primary = Some(Member { incarnation: Incarnation(77), ..member(0) });
    bench.install(&other);
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
}

#[test]
fn a_role_that_ended_does_not_come_back_as_secondary() {
    let mut bench = Bench::secondary();
    bench.install(&config(6, &[0, 2], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
    bench.install(&config(7, &[0, 1, 2], &[]));
    assert_eq!(bench.replica.status(), ReplicaStatus::Inactive);
}
