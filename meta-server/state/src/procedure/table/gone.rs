//! Whether the copies of a dropped table are gone from the disks, and which nodes may still hold one.

use std::collections::BTreeSet;

use common::types::{Gpid, PeerId, Time};

use super::{At, NAMED_MAX};
use crate::cluster::Cluster;
use crate::node::Vitals;
use crate::table::Table;

/// A configuration of before the drop may be on its way to a node for so long, which then makes a copy that it did not
/// report: the calls that carry one are given up after 2 seconds.
const ON_THE_WAY_MS: u64 = 3000;

/// The copies of a table that a node reported.
fn copies_on(table: &Table, vitals: &Vitals) -> impl Iterator<Item = Gpid> {
    let gpid = |index: u32| Gpid { table_id: table.id, partition_index: index };
    vitals.replicas.range(gpid(0)..=gpid(u32::MAX)).map(|(gpid, _)| *gpid)
}

impl Cluster {
    /// Partitions of the table of which some node that heartbeats reports a copy.
    pub(super) fn partitions_held(&self, table: &Table, now: Time) -> usize {
        let nodes = self.nodes.keys().filter_map(|peer| self.vitals(*peer, now));
        nodes.flat_map(|vitals| copies_on(table, vitals)).collect::<BTreeSet<Gpid>>().len()
    }
}

impl At<'_> {
    /// The nodes that hold a copy, or that may as far as is known, each with why.
    pub(super) fn may_hold(&self, holders: &[PeerId]) -> Vec<(PeerId, &'static str)> {
        let why = |peer: PeerId| Some((peer, self.why_it_may_hold(peer, holders.contains(&peer))?));
        self.cluster.nodes.keys().copied().filter_map(why).collect()
    }

    /// A node that was never given a copy need not say that it has none.
    fn why_it_may_hold(&self, peer: PeerId, holder: bool) -> Option<&'static str> {
        let reported = self.cluster.vitals(peer, self.now.mono);
        if reported.is_some_and(|vitals| copies_on(self.table, vitals).next().is_some()) {
            return Some("still holds a copy");
        }
        if !holder {
            return None;
        }
        let heard = || self.cluster.heard_in_step(self.procedure, peer, ON_THE_WAY_MS, self.now).is_some();
        let hides = self.cluster.hides(peer, self.now.mono);
        hides.or_else(|| (!heard()).then_some("has not said since the drop what it holds"))
    }

    /// What is left, in words.
    pub(super) fn left_behind(&self, left: &[(PeerId, &'static str)]) -> String {
        let named = left.iter().take(NAMED_MAX);
        let named: Vec<String> = named.map(|(peer, why)| format!("{} {why}", self.cluster.name_of(*peer))).collect();
        let more = left.len().saturating_sub(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(", and {more} more nodes") };
        format!("copies of table '{}' may be left: {}{more}", self.table.name, named.join(", "))
    }
}
