//! Whether a migration may begin: what is wrong with a request, each with its own code, in a fixed order.

use common::procedure::{MigrateRegion, ProcedureState};
use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, Now, PartitionConfig, PeerId};
use uuid::Uuid;

use super::{Procedure, RegionMigration, Work};
use crate::cluster::Cluster;
use crate::node::DEAD_AFTER;
use crate::partition::{Lock, Partition};
use crate::record::Record;
use crate::request::unknown_node;
use crate::room::Room;

/// The least and the most that catching up may be given, in milliseconds: 1 second and 7 days.
const REPLAY_MS: std::ops::RangeInclusive<u64> = 1000..=7 * 24 * 3600 * 1000;

impl Cluster {
    /// A migration, with what to store for it: its record, and the partition locked for it. Where the replica is already
    /// where it should be it has completed at once.
    ///
    /// # Errors
    /// In this order: `SameNode`, `InvalidArgument`, `UnknownPartition`, `UnknownNode`, `NotOnNode`,
    /// `TargetHoldsReplica`, `NodeDead`, `NotReady`, `DiskSpaceInsufficient`, `PartitionBusy`.
    pub fn migrate_region(
        &self,
        request: &MigrateRegion,
        id: Uuid,
        now: Now,
    ) -> Result<(Procedure, Vec<Record>), WireError> {
        let MigrateRegion { gpid, from, to, replay_timeout_ms } = *request;
        check_request(request)?;
        let partition = self.known(gpid).ok().filter(|_| self.is_live(gpid.table_id));
        let partition = partition.ok_or_else(|| unknown_partition(gpid))?;
        let unknown = [from, to].into_iter().find(|peer| self.node(*peer).is_none());
        unknown.map_or(Ok(()), |peer| Err(unknown_node(peer)))?;
        let work = Work::RegionMigration(RegionMigration::new(gpid, from, to, replay_timeout_ms));
        let procedure = Procedure::new(id, work, now.wall_ms);
        let mut records = self.outlived_procedures(1, now);
        if let Some(note) = whereabouts(&partition.config, from, to)? {
            let done = procedure.ended(ProcedureState::Completed, now.wall_ms);
            let done = Procedure { started_at_ms: Some(now.wall_ms), note: Some(note), ..done };
            records.push(done.clone().into());
            return Ok((done, records));
        }
        self.check_target(partition, to, now)?;
        self.check_free(partition, now)?;
        let lock = Some(Lock { job: id, taken_at_ms: now.wall_ms });
        records.push(Partition { lock, ..partition.clone() }.into());
        records.push(procedure.clone().into());
        Ok((procedure, records))
    }

    fn check_target(&self, partition: &Partition, to: PeerId, now: Now) -> Result<(), WireError> {
        let Some(vitals) = self.vitals(to, now.mono) else {
            if self.silent_for(to, now.mono) < DEAD_AFTER {
                let message = format!("this meta server has just started and has not heard of node {to} yet");
                return Err(WireError::new(ErrorCode::NotReady, message, "try again in a few seconds"));
            }
            let message = format!("node {to} does not heartbeat");
            return Err(WireError::new(ErrorCode::NodeDead, message, "start it, or choose another node"));
        };
        let old = vitals.replicas.get(&partition.config.gpid);
        if vitals.stopping || !vitals.loaded || old.is_some_and(|copy| partition.has_given_up(copy.incarnation)) {
            let message = format!("node {to} starts, stops, or still holds a copy that a recovery gave up");
            return Err(WireError::new(ErrorCode::NotReady, message, "try again in a few seconds"));
        }
        self.check_room(&partition.config, to, now)
    }

    /// Whether the target has a disk that takes the copy.
    pub(super) fn check_room(&self, config: &PartitionConfig, to: PeerId, now: Now) -> Result<(), WireError> {
        let Some(vitals) = self.vitals(to, now.mono).filter(|_| !config.is_member(to)) else { return Ok(()) };
        if !vitals.has_room() {
            let message = format!("no disk of node {to} takes a new replica");
            let hint = "see admin-cli disk-capacity -n NODE; free space, end a drain, or choose another node";
            return Err(WireError::new(ErrorCode::DiskSpaceInsufficient, message, hint));
        }
        // A learner that is there already has begun to take its room.
        let room = self.room_for(config.gpid, to, now.mono).filter(|_| config.copy_on(to).is_none());
        let bytes = self.copy_bytes(config, now.mono);
        room.filter(|room| !room.fits(bytes)).map_or(Ok(()), |room| Err(does_not_fit(config.gpid, to, &room, bytes)))
    }

    fn check_free(&self, partition: &Partition, now: Now) -> Result<(), WireError> {
        let gpid = partition.config.gpid;
        let holder = partition.lock.filter(|lock| self.is_held(*lock, now)).map(|lock| lock.job);
        let holder = holder.or(partition.config.moving.map(|moving| moving.job));
        if let Some(job) = holder {
            let message = format!("partition {gpid} is being moved by job {job}");
            return Err(WireError::new(ErrorCode::PartitionBusy, message, "wait for that job, or cancel it"));
        }
        partition.frozen.map_or(Ok(()), |_| Err(crate::request::frozen_error(gpid)))
    }
}

fn check_request(request: &MigrateRegion) -> Result<(), WireError> {
    let MigrateRegion { from, to, replay_timeout_ms, .. } = *request;
    if from == to {
        let message = format!("node {from} is source and target");
        return Err(WireError::new(ErrorCode::SameNode, message, "choose another target"));
    }
    if !REPLAY_MS.contains(&replay_timeout_ms) {
        let message = format!("{replay_timeout_ms} ms is no time to catch up in");
        return Err(WireError::new(ErrorCode::InvalidArgument, message, "give from 1s to 7days, for example 5m"));
    }
    Ok(())
}

/// What there is to say if the replica is where it should be.
///
/// # Errors
/// It is not where the request has it, or there is nothing that could move.
fn whereabouts(config: &PartitionConfig, from: PeerId, to: PeerId) -> Result<Option<String>, WireError> {
    let gpid = config.gpid;
    let moves = config.moving.is_some_and(|moving| moving.peer == from);
    match (config.is_member(from) || moves, config.is_member(to)) {
        (false, true) => Ok(Some(format!("node {to} is a member of {gpid} already, and node {from} is none"))),
        (false, false) => {
            let message = format!("node {from} holds no replica of partition {gpid}");
            let hint = "see admin-cli app TABLE -d for the nodes that do";
            Err(WireError::new(ErrorCode::NotOnNode, message, hint))
        }
        (true, false) => Ok(None),
        (true, true) => both_are_members(config, from, to),
    }
}

fn both_are_members(config: &PartitionConfig, from: PeerId, to: PeerId) -> Result<Option<String>, WireError> {
    let (gpid, leads) = (config.gpid, |peer| config.primary.is_some_and(|primary| primary.peer == peer));
    let one_too_many = config.member_count() > config.replica_count as usize;
    if leads(from) || one_too_many {
        return Ok(None);
    }
    if leads(to) {
        return Ok(Some(format!("node {to} leads {gpid} already")));
    }
    let message = format!("node {to} holds a replica of {gpid} already, and node {from} does not lead");
    let hint = "choose a node that holds none; propose makes a secondary the primary";
    Err(WireError::new(ErrorCode::TargetHoldsReplica, message, hint))
}

fn does_not_fit(gpid: Gpid, to: PeerId, room: &Room, bytes: u64) -> WireError {
    let (needed, free) = (room.needed_bytes(bytes), room.free_bytes());
    let message = format!("{gpid} does not fit on node {to}: it needs {needed} bytes with headroom, {free} are free");
    let lacking = needed.saturating_sub(free);
    let hint = format!(
        "free {lacking} bytes more on one of its disks (admin-cli disk-capacity -n NODE, disk-gc), let copies on their way to it \
         arrive, or choose another node"
    );
    WireError::new(ErrorCode::DiskSpaceInsufficient, message, hint)
}

fn unknown_partition(gpid: Gpid) -> WireError {
    let hint = "list tables with admin-cli ls, partitions with admin-cli app <table> -d";
    WireError::new(ErrorCode::UnknownPartition, format!("there is no partition {gpid}"), hint)
}
