//! The start and the end of a process: recovery of directories by the real decision, opening of replicas, crashes.

use std::collections::BTreeMap;

use common::types::{Gpid, Incarnation, Member, ProcessId};
use pacifica::{Boot, Faults, Replica};
use rand::Rng;
use replica_state::recover::{Decision, DirKind, FoundDir, Outcome, Rename, RenameTo, recover};
use replica_state::replay::{Replay, Tail};

use crate::disk::DirId;
use crate::happening::Happening;
use crate::log::Sync;
use crate::planted::Planted;
use crate::runtime::Runtime;
use crate::storage::Snapshot;
use crate::world::World;

impl World {
    /// A process starts; `absent` is a disk that is not there.
    pub(crate) fn start_node(&mut self, at: usize, absent: Option<usize>) {
        let process = ProcessId(self.rng.random());
        let stagger = self.rng.random_range(0..10_000);
        let Some(node) = self.nodes.get_mut(at).filter(|node| !node.up) else { return };
        node.up = true;
        node.run += 1;
        node.process = process;
        node.last_tick = node.clock.now(self.now).mono;
        for (index, disk) in node.disks.iter_mut().enumerate() {
            disk.present = absent != Some(index);
            disk.full = false;
            disk.log.failed = false;
        }
        let run = node.run;
        self.trace.mark((5, at, run, absent));
        self.trace.say(self.now, || format!("node {at}: starts, run {run}, absent disk {absent:?}"));
        self.queue.push(self.now + stagger, Happening::Tick { node: at, run });
        self.send_heartbeat(at);
        // Without fsync a copy may have forgotten what it acknowledged. An earlier process may still have asked for a
        // role; so nothing is opened before the meta server listens to this one alone (rule ROLES).
        if self.plan.sync == Sync::Always {
            self.recover_directories(at);
        }
    }

    /// Decides what becomes of the directories found, and opens what is to be opened.
    pub(crate) fn recover_directories(&mut self, at: usize) {
        let configured = self.configured_here(at);
        let naive = self.has(Planted::IncarnationMintedLocally);
        if self.has(Planted::UnsealedRolledForward) {
            self.roll_unsealed_forward(at);
        }
        let Some(node) = self.nodes.get(at) else { return };
        let present = node.disks.iter().filter(|disk| disk.present);
        let (ids, found): (Vec<DirId>, Vec<FoundDir>) = present.flat_map(|disk| disk.found()).unzip();
        let absent: Vec<_> = node.disks.iter().filter(|disk| !disk.present && !naive).map(|disk| disk.uuid).collect();
        for (gpid, decision) in recover(&found, &absent, &configured) {
            self.carry_out(at, gpid, decision, &ids, &found);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.loaded = true;
        }
        self.resume_moves(at);
    }

    /// What the meta server says this node is to hold, if it can be asked before the replicas are opened.
    fn configured_here(&mut self, at: usize) -> BTreeMap<Gpid, Incarnation> {
        let asked = self.rng.random_bool(0.5);
        let Some(node) = self.nodes.get(at) else { return BTreeMap::new() };
        if !asked || !self.meta.up || node.minted_locally {
            return BTreeMap::new();
        }
        let peer = node.peer();
        let here = self.meta.cluster.live_partitions().filter_map(|partition| {
            let config = &partition.config;
            let moving = config.moving.filter(|moving| moving.peer == peer).map(|moving| moving.incarnation);
            Some((config.gpid, config.copy_on(peer).map(|member| member.incarnation).or(moving)?))
        });
        here.collect()
    }

    fn carry_out(&mut self, at: usize, gpid: Gpid, decision: Decision, ids: &[DirId], found: &[FoundDir]) {
        self.trace.say(self.now, || format!("node {at} {gpid}: recovery decides {decision:?}"));
        for Rename { dir, to } in &decision.renames {
            let (Some(id), Some(dir)) = (ids.get(*dir), found.get(*dir)) else { continue };
            let kind = match to {
                RenameTo::Live => DirKind::Live,
                RenameTo::Origin => DirKind::Origin,
                RenameTo::Garbage => DirKind::Garbage,
                RenameTo::Damaged => DirKind::Damaged,
            };
            self.rename_now(at, dir.disk, *id, kind);
        }
        match decision.outcome {
            Outcome::Open { incarnation, .. } => self.open(at, gpid, incarnation),
            Outcome::Wait { .. } => {
                if let Some(node) = self.nodes.get_mut(at) {
                    node.waiting.insert(gpid);
                }
            }
            Outcome::Nothing => {}
        }
        self.check_configured(gpid);
    }

    fn rename_now(&mut self, at: usize, disk: uuid::Uuid, dir: DirId, kind: DirKind) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let disk = node.disk_of(disk).and_then(|disk| node.disks.get_mut(disk));
        if let Some(dir) = disk.and_then(|disk| disk.dirs.get_mut(&dir)) {
            dir.kind = kind;
        }
    }

    /// The planted fault: whatever lies in a `.tmp` takes the place of what it was copied from.
    fn roll_unsealed_forward(&mut self, at: usize) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let mut sources = BTreeMap::new();
        for dir in node.disks.iter().flat_map(|disk| disk.dirs.values()).filter(|dir| dir.kind == DirKind::Live) {
            sources.extend(dir.info.map(|info| (dir.gpid, info)));
        }
        let unsealed = |dir: &crate::disk::Dir| dir.kind == DirKind::MoveTmp && dir.seal.is_none();
        let mut rolled = Vec::new();
        for disk in node.disks.iter_mut().filter(|disk| disk.present) {
            for dir in disk.dirs.values_mut().filter(|dir| unsealed(dir)) {
                let Some(info) = sources.get(&dir.gpid) else { continue };
                dir.kind = DirKind::Live;
                dir.info = Some(replica_state::recover::Info { disk: disk.uuid, ..*info });
                rolled.push((dir.gpid, info.disk));
            }
        }
        for (gpid, source) in rolled {
            let Some(disk) = node.disks.iter_mut().find(|disk| disk.uuid == source) else { continue };
            for dir in disk.dirs.values_mut().filter(|dir| dir.gpid == gpid && dir.kind == DirKind::Live) {
                dir.kind = DirKind::Origin;
            }
        }
    }

    /// Opens the live directory of this incarnation, with what the disk's log has for it.
    pub(crate) fn open(&mut self, at: usize, gpid: Gpid, incarnation: Incarnation) {
        let opened = self.serial();
        let made_here = self.nodes.get_mut(at).is_some_and(|node| node.opening.remove(&gpid));
        let Some((disk, dir)) = self.live_dir(at, gpid, incarnation) else { return };
        let me = self.member_for(at, gpid, incarnation);
        let faults = self.faults_of_opening(at, gpid);
        let Some((storage, boot, clean)) = self.boot_of(at, gpid, (disk, dir), made_here) else { return };
        let core = Replica::new(self.options.clone(), me, gpid, boot, faults);
        let (applied, prepared) = (storage.applied, core.prepared());
        self.trace.say(self.now, || format!("node {at} {gpid}: opens {me} at decree {applied}, prepared {prepared}"));
        let Some(node) = self.nodes.get_mut(at) else { return };
        node.waiting.remove(&gpid);
        node.runtimes.insert(gpid, Runtime::new(core, opened, (disk, dir), storage, clean));
        self.check_member_is_whole(at, gpid);
        self.opened(at, gpid, made_here);
    }

    /// What a copy knows of itself: the storage as it was flushed, and the log's tail of its incarnation; whether that
    /// is clean.
    fn boot_of(&self, at: usize, gpid: Gpid, place: (usize, DirId), made_here: bool) -> Option<(Snapshot, Boot, bool)> {
        let node = self.nodes.get(at)?;
        let disk = node.disks.get(place.0)?;
        let dir = disk.dirs.get(&place.1)?;
        let (info, storage) = (dir.info?, dir.data.clone());
        let blind = self.has(Planted::FramesWithoutIncarnation);
        let mut replay = Replay::new(info.incarnation, storage.applied);
        for frame in disk.log.frames().filter(|frame| frame.gpid == gpid) {
            let own = if blind { info.incarnation } else { frame.incarnation };
            replay.frame(own, frame.committed, frame.mutation.clone());
        }
        let Tail { mutations, committed, conflict, .. } = replay.finish();
        let at_start = node.at_start.as_ref().and_then(|known| known.get(&gpid)).map(|(ballot, _)| *ballot);
        let forgets = self.plan.sync == Sync::Never && !made_here;
        let boot = Boot {
            ballot: at_start.filter(|_| forgets).map_or(info.ballot, |floor| floor.max(info.ballot)),
            fresh: made_here,
            applied: storage.applied,
            applied_ballot: storage.ballot,
            committed,
            time_ms: storage.time_ms,
            tail: mutations,
            started_at: node.clock.now(self.now).mono,
        };
        Some((storage, boot, conflict.is_none()))
    }

    /// The roles of a replica that was opened again come from a configuration.
    fn opened(&mut self, at: usize, gpid: Gpid, made_here: bool) {
        let known = self.nodes.get(at).and_then(|node| node.configs.get(&gpid)).cloned();
        if let Some(config) = known.filter(|_| made_here || self.has(Planted::MemberKeptAcrossMove)) {
            self.config_arrives(at, config);
        }
    }

    fn live_dir(&self, at: usize, gpid: Gpid, incarnation: Incarnation) -> Option<(usize, DirId)> {
        let disks = self.nodes.get(at)?.disks.iter().enumerate().filter(|(_, disk)| disk.present);
        let mut dirs = disks.flat_map(|(index, disk)| disk.dirs.iter().map(move |(id, dir)| (index, *id, dir)));
        let found = dirs.find(|(_, _, dir)| {
            let same = dir.info.is_some_and(|info| info.incarnation == incarnation);
            dir.gpid == gpid && dir.kind == DirKind::Live && same
        })?;
        Some((found.0, found.1))
    }

    /// Planted: a node that counts incarnations itself takes its copy for the configured one.
    fn member_for(&self, at: usize, gpid: Gpid, incarnation: Incarnation) -> Member {
        let peer = common::types::PeerId(at as u64);
        let own = Member { peer, incarnation };
        if self.has(Planted::IncarnationMintedLocally) {
            return self.meta.config(gpid).and_then(|config| config.copy_on(peer)).unwrap_or(own);
        }
        own
    }

    /// Planted: a member that was kept through its move takes its role again as if nothing had happened.
    fn faults_of_opening(&self, at: usize, gpid: Gpid) -> Faults {
        let moved = self.nodes.get(at).is_some_and(|node| node.moves.contains_key(&gpid));
        let kept = self.has(Planted::MemberKeptAcrossMove) && moved;
        Faults { ballot_resumed_after_restart: self.faults.ballot_resumed_after_restart || kept, ..self.faults }
    }

    /// Under `sync = always` every configured member holds all that is committed, whatever happened to its process.
    fn check_member_is_whole(&mut self, at: usize, gpid: Gpid) {
        let known = self.committed.last(gpid);
        let Some(runtime) = self.nodes.get(at).and_then(|node| node.runtimes.get(&gpid)) else { return };
        let member = self.meta.config(gpid).is_some_and(|config| config.members().any(|member| member == runtime.me));
        let prepared = runtime.core.prepared();
        if self.plan.sync == Sync::Always && member && prepared < known {
            let seen =
                format!("{gpid}: member {} comes back with decree {prepared}, {known} was committed", runtime.me);
            self.violated("no acknowledged write lost", seen);
        }
    }

    /// A process dies, with or without its machine.
    pub(crate) fn crash(&mut self, at: usize, power_cut: bool) {
        let Some(node) = self.nodes.get(at).filter(|node| node.up) else { return };
        let run = node.run;
        self.trace.mark((6, at, run, power_cut));
        self.trace.say(self.now, || format!("node {at}: {}", if power_cut { "loses power" } else { "is killed" }));
        self.settle_file_ops(at);
        let Some(node) = self.nodes.get_mut(at) else { return };
        for disk in &mut node.disks {
            if disk.present {
                disk.log.crash(&mut self.rng, power_cut);
            } else {
                // A log that failed was poisoned for the process that is gone, whether or not its disk is there.
                disk.log.failed = false;
            }
        }
        node.forget_process();
    }
}
