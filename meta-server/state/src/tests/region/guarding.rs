//! The guardian beside a migration: it does not fight it, and goes on curing.

use common::types::ConfigChange;

use super::Walk;
use crate::policy::Cure;

#[test]
fn the_guardian_leaves_the_learner_of_a_migration_alone() {
    let mut walk = Walk::learning(true);
    walk.world.second();
    assert!(walk.world.config(walk.gpid).is_healthy(), "nothing needs the learner but the migration");
    assert_eq!(walk.world.proposals(), []);
    let (mut walk, _) = Walk::member(true);
    walk.world.second();
    assert_eq!(walk.world.proposals(), [], "nor does it mind four members");
}

#[test]
fn a_copy_that_is_missing_is_made_beside_a_migration() {
    let mut walk = Walk::learning(true);
    let config = walk.world.config(walk.gpid).clone();
    for member in config.secondaries {
        walk.world.down.insert(member.peer);
        walk.change(&ConfigChange::Drop { member, moving: None });
    }
    walk.seconds(6);
    assert_eq!(walk.world.config(walk.gpid).copies().count(), 2, "the primary and the learner");
    let back = walk.world.partition(walk.gpid).former[0];
    walk.world.down.remove(&back);
    walk.world.says.insert((back, walk.gpid), Some(super::idle(walk.gpid, 2)));
    walk.world.second();
    let cures: Vec<_> = walk.world.proposals().into_iter().map(|proposal| proposal.cure).collect();
    assert_eq!(cures, [Cure::Change(ConfigChange::AddLearner { peer: back })]);
}

#[test]
fn a_learner_that_is_left_over_after_a_migration_is_dropped_like_any_other() {
    let mut walk = Walk::learning(true);
    walk.cancel().unwrap();
    walk.go();
    assert!(walk.world.config(walk.gpid).learners.is_empty());
    walk.seconds(3);
    assert_eq!(walk.world.proposals(), []);
}
