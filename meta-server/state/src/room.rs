//! Whether a node has room for one more copy: what a copy needs, what the node's disks have, and what its learners are yet to
//! fetch.

use common::types::{Gpid, PartitionConfig, PeerId, Time};

use crate::cluster::Cluster;
use crate::node::Vitals;

/// What a node can take. It puts a copy on one of its disks: the emptiest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Free on the emptiest disk that takes replicas, in bytes.
    pub emptiest_bytes: u64,
    /// Free on all disks that take replicas, in bytes.
    pub total_bytes: u64,
    /// What its learners have yet to fetch, in bytes.
    pub awaited_bytes: u64,
    /// What must stay free on a disk beyond the copy, in bytes.
    pub headroom_bytes: u64,
}

impl Room {
    /// Of a node that awaits nothing.
    #[must_use]
    pub fn of(vitals: &Vitals) -> Self {
        let free = || vitals.open_disks().map(|disk| disk.available_bytes);
        Self {
            emptiest_bytes: free().max().unwrap_or(0),
            total_bytes: free().fold(0, u64::saturating_add),
            awaited_bytes: 0,
            headroom_bytes: vitals.headroom_bytes,
        }
    }

    /// What one more copy finds free, headroom included, in bytes.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.emptiest_bytes.min(self.total_bytes.saturating_sub(self.awaited_bytes))
    }

    /// What a copy of so many bytes needs with headroom.
    #[must_use]
    pub const fn needed_bytes(&self, copy_bytes: u64) -> u64 {
        copy_bytes.saturating_add(self.headroom_bytes)
    }

    /// Whether a copy of so many bytes fits.
    #[must_use]
    pub fn fits(&self, copy_bytes: u64) -> bool {
        self.needed_bytes(copy_bytes) <= self.free_bytes()
    }

    /// One more copy is on its way, of which so many bytes are missing.
    pub const fn awaits(&mut self, bytes: u64) {
        self.awaited_bytes = self.awaited_bytes.saturating_add(bytes);
    }
}

impl Cluster {
    /// What a new copy of a partition takes, in bytes: as much as its primary has, or else its largest member; 0 if none has told.
    #[must_use]
    pub fn copy_bytes(&self, config: &PartitionConfig, now: Time) -> u64 {
        let told = |peer| self.size_on(config.gpid, peer, now).filter(|bytes| *bytes > 0);
        let primary = config.primary.and_then(|primary| told(primary.peer));
        primary.or_else(|| config.members().filter_map(|member| told(member.peer)).max()).unwrap_or(0)
    }

    /// What the node's learner of a partition has yet to fetch at most, in bytes.
    #[must_use]
    pub(crate) fn missing_bytes(&self, config: &PartitionConfig, peer: PeerId, now: Time) -> u64 {
        let report = self.vitals(peer, now).and_then(|vitals| vitals.replicas.get(&config.gpid));
        let there = report.map_or(0, |report| report.size_bytes.max(report.learned_bytes));
        self.copy_bytes(config, now).saturating_sub(there)
    }

    /// The room on a node for a copy of this partition; `None`: it does not heartbeat.
    #[must_use]
    pub fn room_for(&self, gpid: Gpid, peer: PeerId, now: Time) -> Option<Room> {
        let mut room = Room::of(self.vitals(peer, now)?);
        let configs = self.live_partitions().map(|partition| &partition.config);
        let learning = configs.filter(|c| c.gpid != gpid && c.learners.iter().any(|learner| learner.peer == peer));
        learning.for_each(|config| room.awaits(self.missing_bytes(config, peer, now)));
        Some(room)
    }

    fn size_on(&self, gpid: Gpid, peer: PeerId, now: Time) -> Option<u64> {
        Some(self.vitals(peer, now)?.replicas.get(&gpid)?.size_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_DISKS: Room = Room { emptiest_bytes: 60, total_bytes: 100, awaited_bytes: 0, headroom_bytes: 10 };

    #[test]
    fn a_copy_needs_one_disk_that_holds_it_and_the_headroom() {
        assert!(TWO_DISKS.fits(50) && !TWO_DISKS.fits(51));
    }

    #[test]
    fn what_is_awaited_takes_room_on_all_disks_together() {
        let mut room = TWO_DISKS;
        room.awaits(40);
        assert!(room.fits(50), "it goes to the other disk");
        room.awaits(30);
        assert_eq!((room.free_bytes(), room.fits(20), room.fits(21)), (30, true, false));
    }
}
