//! `cluster`: the cluster's id, its counters, and what holds for all of it.

/// Its name: there is one.
pub(super) const NAME: &str = "cluster";

#[cfg(test)]
mod tests {
    use meta_state::{Identity, Record};
    use proptest::prelude::*;

    use super::super::{assert_round_trip, decode};
    use super::NAME;

    proptest! {
        #[test]
        fn an_identity_survives_the_store(cluster: u128, next_table: u32, next_peer: u64, since: Option<u64>) {
            let cluster = uuid::Uuid::from_u128(cluster);
            let identity = Identity { cluster, next_table, next_peer, maintenance_since_ms: since };
            assert_round_trip(Record::Identity(identity));
        }
    }

    #[test]
    fn a_store_from_before_maintenance_mode_is_read_and_has_it_off() {
        let old =
            br#"{"version":1,"value":{"cluster":"00000000-0000-0000-0000-000000000007","next_table":3,"next_peer":2}}"#;
        let Record::Identity(identity) = decode(NAME, old).unwrap() else { panic!("another record") };
        assert_eq!((identity.next_table, identity.maintenance_since_ms), (3, None));
    }
}
