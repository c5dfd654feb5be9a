//! Durable operations on directories: begun, complete some time later, and in between either done or not if the
//! process or the machine dies.

use common::types::{Gpid, Incarnation};
use pacifica::Event;
use rand::Rng;

use crate::disk::{DirChange, DirId, FileOp, Then};
use crate::happening::Happening;
use crate::world::World;

impl World {
    /// Begins an operation.
    pub(crate) fn start_file_op(&mut self, at: usize, disk: usize, dir: DirId, change: DirChange, then: Then) {
        let op = self.serial();
        let Some(node) = self.nodes.get_mut(at) else { return };
        let run = node.run;
        self.trace.say(self.now, || format!("node {at} disk {disk}: begins {change:?} of {dir:?}"));
        node.file_ops.insert(op, FileOp { disk, dir, change, then });
        let takes = if self.rng.random_ratio(1, 30) { 60_000 } else { 3_000 };
        let done = self.now + self.rng.random_range(200..takes);
        self.queue.push(done, Happening::FileDone { node: at, run, op });
    }

    /// An operation is complete.
    pub(crate) fn file_done(&mut self, at: usize, op: u64) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let Some(FileOp { disk, dir, change, then }) = node.file_ops.remove(&op) else { return };
        if self.is_void(at, &then) {
            return;
        }
        self.perform_file_op(at, disk, dir, change);
        match then {
            Then::Collected { gpid } => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.opening.remove(&gpid);
                }
            }
            Then::BallotPersisted { gpid, ballot, .. } => self.drive(at, gpid, Event::BallotPersisted { ballot }),
            Then::Installed { gpid, opened, ballot, decree } => {
                self.checkpoint_installed(at, gpid, opened, ballot, decree);
            }
            Then::Open { gpid, incarnation } => self.open(at, gpid, incarnation),
            Then::MoveStep { gpid } => self.move_step_done(at, gpid),
        }
    }

    /// What a replica began that is closed by now, or a learn that was called off, is not done any more.
    fn is_void(&self, at: usize, then: &Then) -> bool {
        let runtime = |gpid: &Gpid| self.nodes.get(at).and_then(|node| node.runtimes.get(gpid));
        match then {
            Then::BallotPersisted { gpid, opened, .. } => runtime(gpid).is_none_or(|r| r.opened != *opened),
            Then::Installed { gpid, opened, ballot, .. } => runtime(gpid).is_none_or(|r| {
                r.opened != *opened || !r.learning.is_some_and(|learning| learning.is_installing(*ballot))
            }),
            Then::Collected { .. } | Then::Open { .. } | Then::MoveStep { .. } => false,
        }
    }

    fn perform_file_op(&mut self, at: usize, disk: usize, dir: DirId, mut change: DirChange) {
        let Some(disk) = self.nodes.get_mut(at).and_then(|node| node.disks.get_mut(disk)) else { return };
        // Two writes of one info may overlap; neither takes back what the other made durable.
        if let (DirChange::Info(info), Some(old)) = (&mut change, disk.dirs.get(&dir).and_then(|dir| dir.info)) {
            info.ballot = info.ballot.max(old.ballot);
            if info.incarnation < old.incarnation {
                return;
            }
        }
        disk.perform(dir, change);
        let gpid = disk.dirs.get(&dir).map(|dir| dir.gpid);
        if let Some(gpid) = gpid {
            self.check_configured(gpid);
        }
    }

    /// The process dies: what was under way is done or not, in the order in which it was begun.
    pub(crate) fn settle_file_ops(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        for (_, FileOp { disk, dir, change, .. }) in std::mem::take(&mut node.file_ops) {
            if self.rng.random_bool(0.5) {
                self.perform_file_op(at, disk, dir, change);
            }
        }
    }

    /// A new name for a directory that is about to be made.
    pub(crate) fn fresh_dir(&mut self) -> DirId {
        DirId(self.serial())
    }

    /// Opens after a directory was made or adopted.
    pub(crate) fn then_open(gpid: Gpid, incarnation: Incarnation) -> Then {
        Then::Open { gpid, incarnation }
    }
}
