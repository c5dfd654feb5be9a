//! `partition/<table id>.<index>`: a partition with its configuration.

use common::types::Gpid;

pub(super) const KIND: &str = "partition";

pub(super) fn name(gpid: Gpid) -> String {
    format!("{KIND}/{:010}.{:05}", gpid.table_id.0, gpid.partition_index)
}

#[cfg(test)]
mod tests {
    use common::types::{Ballot, ConfigChange, Incarnation, Member, Moving, PeerId, SlotRange};
    use meta_state::{GivenUp, Lock, Partition, Record, Requester, create_config};
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::assert_round_trip;
    use super::*;

    fn member() -> impl Strategy<Value = Member> {
        (0_u64..9, any::<u64>()).prop_map(|(p, i)| Member { peer: PeerId(p), incarnation: Incarnation(i) })
    }

    fn moving() -> impl Strategy<Value = Moving> {
        (member(), any::<u128>(), any::<u64>(), any::<bool>()).prop_map(|(m, job, deadline_ms, hand_back)| Moving {
            peer: m.peer,
            job: Uuid::from_u128(job),
            incarnation: m.incarnation,
            deadline_ms,
            hand_back,
        })
    }

    fn change() -> impl Strategy<Value = ConfigChange> {
        prop_oneof![
            any::<u64>().prop_map(|p| ConfigChange::AddLearner { peer: PeerId(p) }),
            member().prop_map(|learner| ConfigChange::Promote { learner }),
            member().prop_map(|member| ConfigChange::Drop { member, moving: None }),
            any::<u128>().prop_map(|job| ConfigChange::Rejoin { job: Uuid::from_u128(job) }),
        ]
    }

    proptest! {
        #[test]
        fn a_partition_survives_the_store(
            table: u32,
            index in 0_u32..16384,
            ballot: u64,
            members in prop::collection::vec(member(), 0..4),
            moving in prop::option::of(moving()),
            change in prop::option::of(change()),
            by in prop::option::of(0_u64..4),
            lock in prop::option::of(any::<u128>()),
        ) {
            let gpid = Gpid::new(table, index);
            let mut config = create_config(gpid, SlotRange { start: 3, end: 9 }, 3, PeerId(0));
            config.ballot = Ballot(ballot);
            config.primary = members.first().copied();
            config.secondaries = members;
            config.moving = moving;
            let from = by.map_or(Requester::MetaServer, |p| Requester::Peer(PeerId(p)));
            let partition = Partition {
                last: change.map(|c| (from, c)),
                lock: lock.map(|job| Lock { job: Uuid::from_u128(job), taken_at_ms: ballot }),
                frozen: by.map(Ballot),
                former: vec![PeerId(1)],
                given_up: Some(GivenUp { below: Incarnation(9), except: Incarnation(3) }),
                ..Partition::new(config)
            };
            assert_round_trip(Record::Partition(partition));
        }
    }
}
