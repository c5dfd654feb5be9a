//! What this node says of the partitions that it leads to those who hold their secondaries: up to where they are committed.

use common::clock::Clock;
use common::rpc::peer::{COMMIT_POINTS_MAX, CommitPoint};
use common::types::{Ballot, Gpid};

use super::handle::Replica;
use super::node::Node;

impl Node {
    /// Of the partitions asked about, those that this node leads at that ballot and could read from now.
    pub(crate) fn commit_points(&self, asked: &[(Gpid, Ballot)]) -> Vec<CommitPoint> {
        let asked = asked.iter().take(COMMIT_POINTS_MAX);
        asked.filter_map(|(gpid, ballot)| self.registry.get(*gpid)?.commit_point(*ballot, &self.clock)).collect()
    }
}

impl Replica {
    /// Answered like a read: under the lease, which is looked at before and after. What counts is what is applied. A
    /// client hears of its write after that, while the committed decree is published only at the end of the task's turn.
    fn commit_point(&self, ballot: Ballot, clock: &Clock) -> Option<CommitPoint> {
        let leads = || self.may_read(clock.mono()) && self.view().ballot == ballot;
        let applied = self.storage().filter(|_| leads())?.applied();
        let time_ms = clock.wall_ms().max(applied.time_ms);
        leads().then_some(CommitPoint { gpid: self.gpid, ballot, committed: applied.decree, time_ms })
    }
}
