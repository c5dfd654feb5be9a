//! How a partition's configuration begins and ends: at creation, when the first node dies before it led, by an
//! operator's `recover`, and when its table is dropped. Everything else is [`crate::change_config`].

use common::types::{Ballot, Gpid, Incarnation, Member, PartitionConfig, PeerId, SlotRange};

use crate::invariants::check_config;

/// A new partition: one learner at ballot 0, which its node may create empty (rule LAST COPY: only at ballot 0).
#[must_use]
pub fn create_config(gpid: Gpid, slots: SlotRange, replica_count: u32, first: PeerId) -> PartitionConfig {
    let incarnation = Incarnation(1);
    let config = PartitionConfig {
        gpid,
        slots,
        ballot: Ballot(0),
        replica_count,
        primary: None,
        secondaries: Vec::new(),
        learners: vec![Member { peer: first, incarnation }],
        consented: true,
        appointed: None,
        next_incarnation: incarnation.next(),
        moving: None,
    };
    check_config(&config);
    config
}

/// Another node for a partition that never had a primary, because the first one died before it reported its copy.
/// The ballot stays 0, so that the new node may create its copy empty; `None` once a primary has been.
#[must_use]
pub fn replace_first_copy(config: &PartitionConfig, first: PeerId) -> Option<PartitionConfig> {
    if config.ballot != Ballot(0) {
        return None;
    }
    let mut next = config.clone();
    next.learners = vec![Member { peer: first, incarnation: config.next_incarnation }];
    next.next_incarnation = config.next_incarnation.next();
    check_config(&next);
    Some(next)
}

/// The configuration of a dropped table's partition: nobody has a role, and whatever copy is reported is surplus.
#[must_use]
pub fn retire_config(config: &PartitionConfig) -> PartitionConfig {
    let next = PartitionConfig {
        ballot: config.ballot.next(),
        primary: None,
        secondaries: Vec::new(),
        learners: Vec::new(),
        moving: None,
        ..config.clone()
    };
    check_config(&next);
    next
}

/// What an operator's recovery is based on (rule LAST COPY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The copy that will lead alone, as its node reports it.
    pub primary: Member,
    /// The highest ballot that any copy reported.
    pub seen_ballot: Ballot,
    /// The highest incarnation that any copy reported.
    pub seen_incarnation: Incarnation,
}

/// The configuration after an operator's recovery: one member, above every ballot and incarnation ever reported.
/// Copies that return later are not named by it, so they are set aside.
#[must_use]
pub fn recover_config(config: &PartitionConfig, recovery: Recovery) -> PartitionConfig {
    let seen = recovery.seen_incarnation.max(recovery.primary.incarnation);
    let ballot = config.ballot.max(recovery.seen_ballot).next();
    let next = PartitionConfig {
        ballot,
        primary: Some(recovery.primary),
        secondaries: Vec::new(),
        learners: Vec::new(),
        consented: false,
        appointed: Some(ballot),
        next_incarnation: config.next_incarnation.max(seen.next()),
        moving: None,
        ..config.clone()
    };
    check_config(&next);
    next
}
