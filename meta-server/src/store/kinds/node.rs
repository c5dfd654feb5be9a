//! `node/<peer id>`: a replica server.

use common::types::PeerId;

pub(super) const KIND: &str = "node";

pub(super) fn name(peer: PeerId) -> String {
    format!("{KIND}/{:020}", peer.0)
}

#[cfg(test)]
mod tests {
    use common::types::ProcessId;
    use meta_state::{Node, Record};
    use proptest::prelude::*;

    use super::super::assert_round_trip;
    use super::*;

    proptest! {
        #[test]
        fn a_node_survives_the_store(peer: u64, address: String, process: u128, sync_always: bool, draining: bool, resp: Option<String>) {
            let node = Node { peer: PeerId(peer), address, process: ProcessId(process), sync_always, draining, resp };
            assert_round_trip(Record::Node(node));
        }
    }
}
