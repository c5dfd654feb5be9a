//! A table's route: which node is primary of each slot. A value that is replaced, never changed.

use std::sync::Arc;

use common::rpc::meta_admin::TableRoute;
use common::types::{Ballot, Gpid, SlotRange};

use crate::node::Node;

/// Where the partitions of a table are.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Rises with every replacement, so that a caller can say which route failed him.
    pub(crate) epoch: u64,
    /// In order of slots.
    partitions: Vec<Partition>,
}

/// Where a partition is.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) gpid: Gpid,
    pub(crate) slots: SlotRange,
    pub(crate) ballot: Ballot,
    pub(crate) primary: Option<Arc<Node>>,
}

impl Route {
    /// A route from what the meta server says; `node` finds the node of an address.
    pub(crate) fn new(epoch: u64, table: &TableRoute, mut node: impl FnMut(&str) -> Arc<Node>) -> Self {
        let mut partitions = Vec::with_capacity(table.configs.len());
        for config in &table.configs {
            let peer = config.primary.map(|member| member.peer);
            let address = table.nodes.iter().find(|(id, _)| Some(*id) == peer).map(|(_, address)| address);
            let primary = address.map(|address| node(address));
            partitions.push(Partition { gpid: config.gpid, slots: config.slots, ballot: config.ballot, primary });
        }
        partitions.sort_by_key(|p| p.slots);
        Self { epoch, partitions }
    }

    /// The partition that owns a slot.
    pub(crate) fn find(&self, slot: u16) -> Option<&Partition> {
        let after = self.partitions.partition_point(|p| p.slots.start <= slot);
        self.partitions.get(after.checked_sub(1)?).filter(|p| p.slots.contains(slot))
    }

    /// The same route with another primary of a partition, if that is news.
    pub(crate) fn with_primary(&self, gpid: Gpid, primary: Arc<Node>, ballot: Ballot) -> Option<Self> {
        let index = self.partitions.iter().position(|p| p.gpid == gpid && p.ballot < ballot)?;
        let mut route = self.clone();
        let partition = route.partitions.get_mut(index)?;
        (partition.primary, partition.ballot) = (Some(primary), ballot);
        route.epoch += 1;
        Some(route)
    }
}
