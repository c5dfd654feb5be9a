//! `cluster`: the cluster's id and counters.

/// Its name: there is one.
pub(super) const NAME: &str = "cluster";

#[cfg(test)]
mod tests {
    use meta_state::{Identity, Record};
    use proptest::prelude::*;

    use super::super::assert_round_trip;

    proptest! {
        #[test]
        fn an_identity_survives_the_store(cluster: u128, next_table: u32, next_peer: u64) {
            let cluster = uuid::Uuid::from_u128(cluster);
            assert_round_trip(Record::Identity(Identity { cluster, next_table, next_peer }));
        }
    }
}
