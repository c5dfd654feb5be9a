//! Configurations on a node: which copy is to exist here, and what is done when it does not (rule INCARNATION).

use std::sync::Arc;

use common::types::{Ballot, Gpid, Incarnation, Member, PartitionConfig};
use pacifica::Event;
use rand::Rng;
use replica_state::recover::{DirKind, Info};

use crate::disk::{Dir, DirChange};
use crate::storage::Snapshot;
use crate::world::World;

impl World {
    /// A configuration becomes known to a node: pushed, passed on, or answered.
    pub(crate) fn config_arrives(&mut self, at: usize, config: Arc<PartitionConfig>) {
        let gpid = config.gpid;
        let Some(node) = self.nodes.get_mut(at) else { return };
        if node.configs.get(&gpid).is_some_and(|known| known.ballot > config.ballot) {
            return;
        }
        node.configs.insert(gpid, config.clone());
        let named = config.copy_on(node.peer());
        let learner = named.filter(|member| config.learners.contains(member));
        let held = node.runtimes.get(&gpid).map(|runtime| runtime.me);
        match (learner, held) {
            (Some(learner), Some(held)) if learner.incarnation > held.incarnation => self.adopt(at, gpid, learner),
            (Some(learner), None) => self.create(at, gpid, learner),
            (_, Some(_)) => self.drive(at, gpid, Event::Config(config)),
            (None, None) => {}
        }
    }

    /// The copy here takes the new incarnation: what is committed is applied, flushed, and the rest dropped (rule LOG).
    fn adopt(&mut self, at: usize, gpid: Gpid, learner: Member) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(at) else { return };
        if node.moves.get(&gpid).is_some_and(|job| job.holds_copy()) {
            return;
        }
        let Some(runtime) = node.runtimes.get(&gpid).filter(|runtime| runtime.hung_until <= now) else { return };
        let (disk, id) = (runtime.disk, runtime.dir);
        let Some(dir) = node.disks.get_mut(disk).and_then(|disk| disk.dirs.get_mut(&id)) else { return };
        dir.data = runtime.storage.clone();
        let Some(mut info) = dir.info else { return };
        info.incarnation = if node.minted_locally { info.incarnation.next() } else { learner.incarnation };
        info.job = None;
        node.runtimes.remove(&gpid);
        node.opening.insert(gpid);
        self.start_file_op(at, disk, id, DirChange::Info(info), Self::then_open(gpid, info.incarnation));
    }

    /// A copy is made here, empty: it will learn, or lead a partition that never had anything.
    fn create(&mut self, at: usize, gpid: Gpid, learner: Member) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let busy =
            !node.loaded || node.opening.contains(&gpid) || node.moves.get(&gpid).is_some_and(|job| job.holds_copy());
        if busy || !node.may_create(gpid, learner.incarnation) {
            return;
        }
        let live = node.disks.iter().enumerate().filter(|(_, disk)| disk.present).find_map(|(index, disk)| {
            let dir = disk.dirs.iter().find(|(_, dir)| dir.gpid == gpid && dir.kind == DirKind::Live)?;
            Some((index, *dir.0, dir.1.info?))
        });
        node.opening.insert(gpid);
        if let Some((disk, dir, mut info)) = live {
            info.incarnation = if node.minted_locally { info.incarnation.next() } else { learner.incarnation };
            info.job = None;
            return self.start_file_op(at, disk, dir, DirChange::Info(info), Self::then_open(gpid, info.incarnation));
        }
        let incarnation = if node.minted_locally { Incarnation(1) } else { learner.incarnation };
        self.create_empty(at, gpid, incarnation);
    }

    fn create_empty(&mut self, at: usize, gpid: Gpid, incarnation: Incarnation) {
        let choice = self.rng.random_range(0..2);
        let id = self.fresh_dir();
        let Some(node) = self.nodes.get(at) else { return };
        let present = |index: &usize| node.disks.get(*index).is_some_and(|disk| disk.present);
        let Some(disk) = [choice, 1 - choice].into_iter().find(present) else { return };
        let uuid = node.disks.get(disk).map_or(uuid::Uuid::nil(), |disk| disk.uuid);
        let info = Info { gpid, incarnation, ballot: Ballot(0), job: None, disk: uuid };
        let dir = Dir {
            kind: DirKind::Live,
            gpid,
            info: Some(info),
            seal: None,
            manifest_job: None,
            data: Snapshot::default(),
        };
        self.start_file_op(at, disk, id, DirChange::Create(Box::new(dir)), Self::then_open(gpid, incarnation));
    }
}

impl crate::node::Node {
    /// An absent disk could hold any copy that was made before this process started (rule LAST COPY).
    fn may_create(&self, gpid: Gpid, incarnation: Incarnation) -> bool {
        let all_present = self.disks.iter().all(|disk| disk.present);
        let next = self.at_start.as_ref().and_then(|known| known.get(&gpid)).map(|(_, next)| *next);
        let fresh = next.is_some_and(|next| incarnation >= next);
        self.minted_locally || fresh || (all_present && !self.waiting.contains(&gpid))
    }
}
