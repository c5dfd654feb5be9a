//! Whether a copy that lost its role is ever asked for again.

use common::types::{PartitionConfig, PeerId};

/// Whether the partition has every copy that its table wants, none of them on this node, and awaits none from a move on it. Nobody
/// adds one more then, so who waits for this node's copy waits in vain.
#[must_use]
pub fn is_replaced(config: &PartitionConfig, peer: PeerId) -> bool {
    let awaited = config.moving.is_some_and(|moving| moving.peer == peer);
    !awaited && config.copy_on(peer).is_none() && config.copies().count() >= config.replica_count as usize
}

#[cfg(test)]
mod tests {
    use common::types::{Ballot, Gpid, Incarnation, Member, Moving, SlotRange};

    use super::*;

    const ME: PeerId = PeerId(3);

    fn member(peer: u64) -> Member {
        Member { peer: PeerId(peer), incarnation: Incarnation(peer + 1) }
    }

    /// Three are wanted; node 0 leads, 1 follows, 2 learns.
    fn without_me() -> PartitionConfig {
        PartitionConfig {
            gpid: Gpid::new(1, 0),
            slots: SlotRange::at_creation(0, 1),
            ballot: Ballot(7),
            replica_count: 3,
            primary: Some(member(0)),
            secondaries: vec![member(1)],
            learners: vec![member(2)],
            consented: true,
            appointed: None,
            next_incarnation: Incarnation(9),
            moving: None,
        }
    }

    #[test]
    fn a_copy_is_replaced_once_others_are_there_or_on_their_way_and_it_is_not_named() {
        assert!(is_replaced(&without_me(), ME));
        let lacking = PartitionConfig { learners: vec![], ..without_me() };
        assert!(!is_replaced(&lacking, ME), "it may be taken back in");
        let named = PartitionConfig { learners: vec![member(2), member(3)], ..without_me() };
        assert!(!is_replaced(&named, ME));
    }

    #[test]
    fn a_copy_that_is_out_for_its_move_is_awaited_and_not_replaced() {
        let moving = |peer| {
            let (job, incarnation) = (uuid::Uuid::nil(), Incarnation(8));
            Some(Moving { peer, job, incarnation, deadline_ms: 1, hand_back: false })
        };
        assert!(!is_replaced(&PartitionConfig { moving: moving(ME), ..without_me() }, ME));
        assert!(is_replaced(&PartitionConfig { moving: moving(PeerId(1)), ..without_me() }, ME));
    }
}
