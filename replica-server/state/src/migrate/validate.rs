//! Whether a request to move a replica is accepted, and if not, what the operator is told.

use common::job::JobState;
use common::rpc::node_admin::DiskStatus;
use common::rpc::{ErrorCode, WireError};
use common::types::{Gpid, ReplicaStatus};
use uuid::Uuid;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveRequest {
    /// What moves.
    pub gpid: Gpid,
    /// Disk tag it leaves.
    pub source: String,
    /// Disk tag it goes to.
    pub target: String,
    /// Whether a primary may be handed over first.
    pub demote: bool,
}

/// What the node knows at the moment of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoveFacts {
    /// The replica, if the node has it open.
    pub replica: Option<ReplicaFacts>,
    /// The unfinished job of the same partition.
    pub running: Option<RunningMove>,
    /// All disks of the node.
    pub disks: Vec<DiskFacts>,
    /// Bytes that must stay free on the target beyond the replica.
    pub headroom_bytes: u64,
}

/// The replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaFacts {
    /// Tag of the disk that holds it.
    pub disk: String,
    /// Its status.
    pub status: ReplicaStatus,
    /// Bytes in its directory.
    pub size_bytes: u64,
    /// Members of the partition now, this one included.
    pub members: usize,
    /// Members that the table wants.
    pub replica_count: u32,
    /// Fewest members with which the partition accepts writes.
    pub min_replicas: usize,
}

/// A job that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningMove {
    /// Which.
    pub id: Uuid,
    /// Where it stands.
    pub state: JobState,
    /// How far it is.
    pub percent: u8,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFacts {
    /// Its tag.
    pub tag: String,
    /// Its status.
    pub status: DiskStatus,
    /// Free for Godwit, in bytes.
    pub available_bytes: u64,
    /// Whether its replicas are to leave it.
    pub draining: bool,
    /// Whether a live directory of the partition stands on it.
    pub holds_replica: bool,
}

/// Checks a request against the facts, in the order in which an operator would look.
///
/// # Errors
/// The first thing that is wrong, each with a code of its own and a hint that says what to do.
pub fn validate(request: &MoveRequest, facts: &MoveFacts) -> Result<(), WireError> {
    let replica = known_replica(request, facts)?;
    not_running(request, facts)?;
    different_disks(request)?;
    let source = disk(&request.source, facts)?;
    let target = disk(&request.target, facts)?;
    on_source(request, replica)?;
    movable_role(request, replica)?;
    if target.holds_replica {
        return Err(holds_already(request));
    }
    healthy(source)?;
    healthy(target)?;
    not_draining(target)?;
    fits(request, replica, target, facts.headroom_bytes)?;
    redundant(request, replica)
}

fn known_replica<'a>(request: &MoveRequest, facts: &'a MoveFacts) -> Result<&'a ReplicaFacts, WireError> {
    facts.replica.as_ref().ok_or_else(|| {
        let message = format!("this node has no replica {}", request.gpid);
        WireError::new(ErrorCode::UnknownReplica, message, "disk-replica -n <node> -d lists what each node holds")
    })
}

fn not_running(request: &MoveRequest, facts: &MoveFacts) -> Result<(), WireError> {
    let Some(job) = &facts.running else { return Ok(()) };
    let message = format!("{} is already migrating: job {}, {}, {} %", request.gpid, job.id, job.state, job.percent);
    let hint = format!("follow it with disk-migrate-report -g {}", request.gpid);
    Err(WireError::new(ErrorCode::AlreadyMigrating, message, hint))
}

fn different_disks(request: &MoveRequest) -> Result<(), WireError> {
    if request.source != request.target {
        return Ok(());
    }
    let message = format!("source and target are the same disk, {}", request.source);
    Err(WireError::new(ErrorCode::SameDisk, message, "name another disk with -t"))
}

fn disk<'a>(tag: &str, facts: &'a MoveFacts) -> Result<&'a DiskFacts, WireError> {
    facts.disks.iter().find(|disk| disk.tag == tag).ok_or_else(|| {
        let tags: Vec<_> = facts.disks.iter().map(|disk| disk.tag.as_str()).collect();
        let hint = format!("this node has {}", tags.join(", "));
        WireError::new(ErrorCode::UnknownDisk, format!("this node has no disk {tag}"), hint)
    })
}

fn on_source(request: &MoveRequest, replica: &ReplicaFacts) -> Result<(), WireError> {
    if replica.disk == request.source {
        return Ok(());
    }
    let message = format!("{} is not on {}: it is on {}", request.gpid, request.source, replica.disk);
    Err(WireError::new(ErrorCode::NotOnDisk, message, format!("name it with -f {}", replica.disk)))
}

fn movable_role(request: &MoveRequest, replica: &ReplicaFacts) -> Result<(), WireError> {
    let gpid = request.gpid;
    let (message, hint) = match replica.status {
        ReplicaStatus::Secondary => return Ok(()),
        ReplicaStatus::Primary if request.demote => return Ok(()),
        ReplicaStatus::Primary => (
            format!("{gpid} is primary here, and a hand-over was refused with --no-demote"),
            format!("leave --no-demote out, or first propose -g {gpid} --primary <another member>"),
        ),
        ReplicaStatus::Learner => {
            (format!("{gpid} is still learning here"), "try again once app <table> -d shows it as secondary".to_owned())
        }
        ReplicaStatus::Inactive | ReplicaStatus::Error => (
            format!("{gpid} is {} here", replica.status),
            "wait until the partition is healthy (app <table> -d), then try again".to_owned(),
        ),
    };
    Err(WireError::new(ErrorCode::NotSecondary, message, hint))
}

fn holds_already(request: &MoveRequest) -> WireError {
    let message = format!("{} already holds a directory of {}", request.target, request.gpid);
    let hint = "restart the server, which sorts out double directories, or choose another target";
    WireError::new(ErrorCode::TargetHoldsReplica, message, hint)
}

fn healthy(disk: &DiskFacts) -> Result<(), WireError> {
    if disk.status != DiskStatus::IoError {
        return Ok(());
    }
    let hint = "replicas of a failed disk are cured from other nodes; move only between working disks";
    Err(WireError::new(ErrorCode::DiskIoError, format!("{} has failed (IO_ERROR)", disk.tag), hint))
}

fn not_draining(target: &DiskFacts) -> Result<(), WireError> {
    if !target.draining {
        return Ok(());
    }
    let hint = "choose another target, or end the draining first: disk-drain --cancel";
    Err(WireError::new(ErrorCode::DiskDraining, format!("{} is being drained: replicas leave it", target.tag), hint))
}

fn fits(
    request: &MoveRequest,
    replica: &ReplicaFacts,
    target: &DiskFacts,
    headroom_bytes: u64,
) -> Result<(), WireError> {
    let needed = replica.size_bytes.saturating_add(headroom_bytes);
    let full = target.status == DiskStatus::SpaceInsufficient;
    if !full && target.available_bytes >= needed {
        return Ok(());
    }
    let (gpid, free) = (request.gpid, target.available_bytes);
    let message =
        format!("{gpid} does not fit on {}: it needs {needed} bytes with headroom, {free} are free", target.tag);
    let message = if full { format!("{} is SPACE_INSUFFICIENT ({free} bytes free)", target.tag) } else { message };
    let hint = "free space there, or choose a disk with more room (disk-capacity -n <node>)";
    Err(WireError::new(ErrorCode::DiskSpaceInsufficient, message, hint))
}

/// A move takes one member out for a moment. A table of one replica is exempt: it stops for that moment.
fn redundant(request: &MoveRequest, replica: &ReplicaFacts) -> Result<(), WireError> {
    if replica.replica_count == 1 || replica.members > replica.min_replicas {
        return Ok(());
    }
    let (gpid, members, least) = (request.gpid, replica.members, replica.min_replicas);
    let message = format!("{gpid} has {members} members and must keep {least} while one of them moves");
    Err(WireError::new(ErrorCode::RedundancyTooLow, message, "wait until it has all its replicas (app <table> -d)"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn request() -> MoveRequest {
        MoveRequest { gpid: Gpid::new(1, 3), source: "disk1".into(), target: "disk2".into(), demote: true }
    }

    fn facts() -> MoveFacts {
        let disk = |tag: &str| DiskFacts {
            tag: tag.into(),
            status: DiskStatus::Normal,
            available_bytes: 1000,
            draining: false,
            holds_replica: tag == "disk1",
        };
        let status = ReplicaStatus::Secondary;
        let (members, replica_count, min_replicas) = (3, 3, 2);
        let replica =
            ReplicaFacts { disk: "disk1".into(), status, size_bytes: 500, members, replica_count, min_replicas };
        MoveFacts {
            replica: Some(replica),
            running: None,
            disks: vec![disk("disk1"), disk("disk2")],
            headroom_bytes: 100,
        }
    }

    fn refused(change: impl FnOnce(&mut MoveRequest, &mut MoveFacts)) -> WireError {
        let (mut request, mut facts) = (request(), facts());
        change(&mut request, &mut facts);
        validate(&request, &facts).unwrap_err()
    }

    fn replica(facts: &mut MoveFacts) -> &mut ReplicaFacts {
        facts.replica.as_mut().unwrap()
    }

    #[test]
    fn a_secondary_and_a_primary_that_may_be_demoted_are_accepted() {
        assert_eq!(validate(&request(), &facts()), Ok(()));
        let mut primary = facts();
        replica(&mut primary).status = ReplicaStatus::Primary;
        assert_eq!(validate(&request(), &primary), Ok(()));
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_own_code_and_a_hint() {
        let running = RunningMove { id: Uuid::from_u128(7), state: JobState::Moving, percent: 40 };
        let errors = [
            refused(|_, f| f.replica = None),
            refused(|_, f| f.running = Some(running)),
            refused(|r, _| r.target = "disk1".into()),
            refused(|r, _| r.target = "disk9".into()),
            refused(|_, f| replica(f).disk = "disk2".into()),
            refused(|r, f| (r.demote, replica(f).status) = (false, ReplicaStatus::Primary)),
            refused(|_, f| f.disks[1].holds_replica = true),
            refused(|_, f| f.disks[1].status = DiskStatus::IoError),
            refused(|_, f| f.disks[1].draining = true),
            refused(|_, f| f.disks[1].available_bytes = 599),
            refused(|_, f| replica(f).members = 2),
        ];
        let codes: BTreeSet<_> = errors.iter().map(|e| e.code.to_string()).collect();
        assert_eq!(codes.len(), errors.len(), "{codes:?}");
        assert!(errors.iter().all(|e| !e.hint.is_empty() && !e.message.is_empty()));
    }

    #[test]
    fn a_running_job_is_named_with_its_progress() {
        let running = RunningMove { id: Uuid::from_u128(7), state: JobState::Moving, percent: 40 };
        let error = refused(|_, f| f.running = Some(running));
        assert!(error.message.contains("00000007") || error.message.contains(&running.id.to_string()));
        assert!(error.message.contains("MOVING") && error.message.contains("40 %"), "{error}");
    }

    #[test]
    fn a_full_target_and_a_failed_source_are_refused() {
        assert_eq!(
            refused(|_, f| f.disks[1].status = DiskStatus::SpaceInsufficient).code,
            ErrorCode::DiskSpaceInsufficient
        );
        assert_eq!(refused(|_, f| f.disks[0].status = DiskStatus::IoError).code, ErrorCode::DiskIoError);
    }

    #[test]
    fn a_replica_may_leave_a_draining_disk() {
        let mut facts = facts();
        facts.disks[0].draining = true;
        assert_eq!(validate(&request(), &facts), Ok(()));
    }

    #[test]
    fn a_table_of_one_replica_and_one_of_two_may_move() {
        for (replicas, least) in [(1, 1), (2, 1)] {
            let mut facts = facts();
            let replica = replica(&mut facts);
            (replica.members, replica.replica_count, replica.min_replicas) = (replicas, replicas as u32, least);
            assert_eq!(validate(&request(), &facts), Ok(()));
        }
    }

    #[test]
    fn a_replica_without_a_role_is_refused() {
        for status in [ReplicaStatus::Learner, ReplicaStatus::Inactive, ReplicaStatus::Error] {
            assert_eq!(refused(|_, f| replica(f).status = status).code, ErrorCode::NotSecondary);
        }
    }
}
