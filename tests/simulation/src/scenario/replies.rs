//! Histories of answers (rule REPLIES).

use common::types::ReplicaStatus;

use crate::happening::{Address, OpKind};
use crate::world::World;

/// A compare-and-set fails because of a write in flight; the primary dies and with it that write.
pub(super) fn cas_on_dying_write(world: &mut World) {
    let old = world.leader();
    let (a, b) = world.two_followers();
    world.put(old, 1);
    // What the primary sends reaches nobody: a write stays in flight.
    for to in [a, b] {
        world.cut_from(Address::Node(old), Address::Node(to));
    }
    world.begin_put(1, old, 2);
    world.pass(20);
    let value = world.fresh_value();
    world.begin(2, old, OpKind::CompareAndSet { key: 2, expect: None, value });
    world.pass(50);
    world.crash(old, false);
    world.until(|world| [a, b].iter().any(|node| world.status(*node) == Some(ReplicaStatus::Primary)));
    let new = world.leader();
    world.until(|world| world.serves(new));
    world.begin(3, new, OpKind::Get { key: 2 });
    world.until(|world| !world.client_is_busy(3));
    world.start(old, None);
    world.until_well();
}
