//! What holds of every configuration. Asserted after each change: a configuration that breaks one of these must never
//! be stored, because the replicas act on whatever is.

use std::collections::BTreeSet;

use common::types::{Ballot, Member, PartitionConfig};

/// Asserts what holds of a configuration by itself.
///
/// # Panics
/// If an invariant is broken; that is a fault of this program, never of its input.
pub fn check_config(config: &PartitionConfig) {
    let copies: Vec<Member> = config.copies().collect();
    let peers: BTreeSet<_> = copies.iter().map(|m| m.peer).collect();
    assert!(peers.len() == copies.len(), "{}: a node stands twice in {config:?}", config.gpid);
    let incarnations: BTreeSet<_> = copies.iter().map(|m| m.incarnation).collect();
    assert!(incarnations.len() == copies.len(), "{}: an incarnation stands twice in {config:?}", config.gpid);
    assert!(
        incarnations.iter().chain(config.moving.iter().map(|m| &m.incarnation)).all(|i| *i < config.next_incarnation),
        "{}: an incarnation was never given out in {config:?}",
        config.gpid
    );
    assert!(sorted(&config.secondaries) && sorted(&config.learners), "{}: out of order in {config:?}", config.gpid);
    check_leadership(config);
    check_moving(config);
}

fn sorted(members: &[Member]) -> bool {
    members.is_sorted_by_key(|m| m.peer)
}

fn check_leadership(config: &PartitionConfig) {
    assert!(config.primary.is_some() || config.secondaries.is_empty(), "{}: members without a primary", config.gpid);
    assert!(config.ballot > Ballot(0) || config.primary.is_none(), "{}: a primary at ballot 0", config.gpid);
}

// A mover that is a copy again is the one that `moving` promised.
fn check_moving(config: &PartitionConfig) {
    let Some(moving) = config.moving else { return };
    if let Some(copy) = config.copy_on(moving.peer) {
        assert!(copy.incarnation == moving.incarnation, "{}: the mover came back as another copy", config.gpid);
        assert!(!config.is_member(moving.peer), "{}: the mover is a member and still moving", config.gpid);
    }
}

/// Asserts what holds between a configuration and the next.
pub(crate) fn check_step(old: &PartitionConfig, new: &PartitionConfig) {
    check_config(new);
    assert!(new.ballot == old.ballot.next(), "{}: the ballot must rise by one", new.gpid);
    assert!(new.next_incarnation >= old.next_incarnation, "{}: the incarnation counter fell", new.gpid);
    assert!(new.gpid == old.gpid && new.slots == old.slots, "{}: the partition's identity changed", new.gpid);
    assert!(new.primary.is_some() || new.moving.is_some(), "{}: the last copy left the configuration", new.gpid);
    let promised = old.moving.map(|m| m.incarnation);
    let fresh = new.copies().filter(|m| !old.copies().any(|o| o == *m));
    for copy in fresh {
        let is_new = copy.incarnation >= old.next_incarnation;
        assert!(is_new || promised == Some(copy.incarnation), "{}: {copy} reuses an incarnation", new.gpid);
    }
}
