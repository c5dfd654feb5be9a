//! The one function that turns a configuration into the next.
//!
//! ```text
//! who may ask        change        effect                                            may go below min_replicas
//! meta server        AddLearner    + learner, fresh incarnation                      -
//! sitting primary    Promote       learner -> secondary, ends its move               -
//! sitting primary    Drop          - secondary or learner                            yes: it is dead or deaf
//! sitting primary    Drop, moving  - secondary, `moving` with a fresh incarnation    no: RedundancyTooLow
//!                                  (or - learner, for which nothing waits)
//! meta server        Drop          - learner (its node died)                         -
//! sitting primary    HandOver      secondary <-> primary, consented                  -
//! that secondary     TakeOver      secondary -> primary, old primary leaves          yes: it is silent
//! meta server        Appoint       member (ballot 0: the learner) -> primary         -
//! mover, meta server Rejoin        mover -> learner with the recorded incarnation    -
//! mover, meta server EndMove       `moving` cleared                                  -
//! ```
//!
//! Below `min_replicas` the primary refuses writes, so the two removals that may go there lose availability, never an
//! acknowledged write (rule LAST COPY). A table of one replica moves as its own last copy: its primary drops itself
//! with `moving`, and `Rejoin` (new copy) or `EndMove` (origin, under a fresh incarnation) makes it primary again.

use common::types::{Ballot, ConfigChange, Incarnation, Member, Moving, MovingRequest, PartitionConfig, PeerId};
use uuid::Uuid;

use crate::invariants::check_step;
use crate::refusal::ChangeRefusal;

/// The longest that the guardian waits for a disk move, in milliseconds, whatever the mover asks for: 1 hour.
pub const MOVING_MS_MAX: u64 = 3_600_000;

/// Who asks for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Requester {
    /// The meta server: its guardian or a procedure.
    MetaServer,
    /// A replica server, in the run that is registered now.
    Peer(PeerId),
}

/// The configuration after `change`, if it may be made.
///
/// # Errors
/// [`ChangeRefusal`]; nothing changed.
///
/// # Panics
/// If the result would break an invariant: a fault of this program.
pub fn change_config(
    config: &PartitionConfig,
    from: Requester,
    expected: Ballot,
    change: &ConfigChange,
    now_ms: u64,
) -> Result<PartitionConfig, ChangeRefusal> {
    if config.ballot != expected {
        return Err(ChangeRefusal::BallotMismatch { expected, present: config.ballot });
    }
    let mut next = config.clone();
    next.ballot = config.ballot.next();
    match *change {
        ConfigChange::AddLearner { peer } => add_learner(&mut next, from, peer)?,
        ConfigChange::Promote { learner } => promote(&mut next, from, learner)?,
        ConfigChange::Drop { member, moving: None } => drop_copy(&mut next, from, member)?,
        ConfigChange::Drop { member, moving: Some(request) } => leave(&mut next, from, member, request, now_ms)?,
        ConfigChange::HandOver { to } => hand_over(&mut next, from, to)?,
        ConfigChange::TakeOver { by } => take_over(&mut next, from, by)?,
        ConfigChange::Appoint { primary } => appoint(&mut next, from, primary)?,
        ConfigChange::Rejoin { job } => rejoin(&mut next, from, job)?,
        ConfigChange::EndMove { job } => end_move(&mut next, from, job)?,
    }
    check_step(config, &next);
    Ok(next)
}

fn add_learner(next: &mut PartitionConfig, from: Requester, peer: PeerId) -> Result<(), ChangeRefusal> {
    by_meta_server(from)?;
    if next.primary.is_none() {
        return Err(ChangeRefusal::NoPrimary);
    }
    if let Some(moving) = next.moving.filter(|m| m.peer == peer) {
        return Err(ChangeRefusal::MoveUnderWay { job: moving.job });
    }
    if next.copy_on(peer).is_some() {
        return Err(ChangeRefusal::AlreadyThere { peer });
    }
    let incarnation = mint(next);
    insert(&mut next.learners, Member { peer, incarnation });
    Ok(())
}

fn promote(next: &mut PartitionConfig, from: Requester, learner: Member) -> Result<(), ChangeRefusal> {
    by_primary(next, from)?;
    if !remove(&mut next.learners, learner) {
        return Err(ChangeRefusal::NotLearner { member: learner });
    }
    insert(&mut next.secondaries, learner);
    next.moving = next.moving.filter(|m| m.peer != learner.peer);
    Ok(())
}

fn drop_copy(next: &mut PartitionConfig, from: Requester, member: Member) -> Result<(), ChangeRefusal> {
    // The meta server may remove a learner, for which nothing waits; members are the primary's to drop (rule UNION).
    let by_primary = by_primary(next, from);
    if from != Requester::MetaServer {
        by_primary?;
    }
    let secondary = from != Requester::MetaServer && remove(&mut next.secondaries, member);
    if next.ballot > Ballot(1) && (secondary || remove(&mut next.learners, member)) {
        return Ok(());
    }
    Err(ChangeRefusal::NotDroppable { member })
}

fn leave(
    next: &mut PartitionConfig,
    from: Requester,
    member: Member,
    request: MovingRequest,
    now_ms: u64,
) -> Result<(), ChangeRefusal> {
    by_primary(next, from)?;
    if let Some(moving) = next.moving {
        return Err(ChangeRefusal::MoveUnderWay { job: moving.job });
    }
    if next.replica_count == 1 && next.primary == Some(member) && next.secondaries.is_empty() {
        next.primary = None;
    } else {
        leave_as_follower(next, member)?;
    }
    let incarnation = mint(next);
    let deadline_ms = request.deadline_ms.min(now_ms.saturating_add(MOVING_MS_MAX));
    let MovingRequest { job, hand_back, .. } = request;
    next.moving = Some(Moving { peer: member.peer, job, incarnation, deadline_ms, hand_back });
    Ok(())
}

fn leave_as_follower(next: &mut PartitionConfig, member: Member) -> Result<(), ChangeRefusal> {
    if remove(&mut next.learners, member) {
        return Ok(());
    }
    if !remove(&mut next.secondaries, member) {
        return Err(ChangeRefusal::NotSecondary { member });
    }
    let (left, needed) = (next.member_count(), next.min_replicas());
    if left < needed { Err(ChangeRefusal::RedundancyTooLow { left, needed }) } else { Ok(()) }
}

fn hand_over(next: &mut PartitionConfig, from: Requester, to: Member) -> Result<(), ChangeRefusal> {
    by_primary(next, from)?;
    if !remove(&mut next.secondaries, to) {
        return Err(ChangeRefusal::NotSecondary { member: to });
    }
    if let Some(old) = next.primary.replace(to) {
        insert(&mut next.secondaries, old);
    }
    next.consented = true;
    next.appointed = None;
    Ok(())
}

fn take_over(next: &mut PartitionConfig, from: Requester, by: Member) -> Result<(), ChangeRefusal> {
    if from != Requester::Peer(by.peer) {
        return Err(ChangeRefusal::NotSelf);
    }
    if !remove(&mut next.secondaries, by) {
        return Err(ChangeRefusal::NotSecondary { member: by });
    }
    next.primary = Some(by);
    next.consented = false;
    next.appointed = None;
    Ok(())
}

fn appoint(next: &mut PartitionConfig, from: Requester, primary: Member) -> Result<(), ChangeRefusal> {
    by_meta_server(from)?;
    next.appointed = Some(next.ballot);
    if next.ballot == Ballot(1) {
        // No primary has ever been, so there is no lease to wait for.
        return if remove(&mut next.learners, primary) {
            next.primary = Some(primary);
            next.consented = true;
            Ok(())
        } else {
            Err(ChangeRefusal::MayNotLead { member: primary })
        };
    }
    if !next.members().any(|m| m == primary) {
        return Err(ChangeRefusal::MayNotLead { member: primary });
    }
    if remove(&mut next.secondaries, primary)
        && let Some(old) = next.primary.replace(primary)
    {
        insert(&mut next.secondaries, old);
    }
    next.consented = false;
    Ok(())
}

fn rejoin(next: &mut PartitionConfig, from: Requester, job: Uuid) -> Result<(), ChangeRefusal> {
    let moving = move_of(next, from, job)?;
    if next.copy_on(moving.peer).is_some() {
        return Err(ChangeRefusal::AlreadyThere { peer: moving.peer });
    }
    let copy = Member { peer: moving.peer, incarnation: moving.incarnation };
    if next.primary.is_none() {
        lead_again(next, copy);
    } else {
        insert(&mut next.learners, copy);
    }
    Ok(())
}

fn end_move(next: &mut PartitionConfig, from: Requester, job: Uuid) -> Result<(), ChangeRefusal> {
    let moving = move_of(next, from, job)?;
    next.moving = None;
    if next.primary.is_none() {
        let incarnation = mint(next);
        lead_again(next, Member { peer: moving.peer, incarnation });
    }
    Ok(())
}

// The only copy of a table of one replica is back: nobody else ever held a lease or a record.
fn lead_again(next: &mut PartitionConfig, copy: Member) {
    next.primary = Some(copy);
    next.consented = true;
    next.appointed = Some(next.ballot);
    next.moving = None;
}

fn move_of(config: &PartitionConfig, from: Requester, job: Uuid) -> Result<Moving, ChangeRefusal> {
    let moving = config.moving.filter(|m| m.job == job).ok_or(ChangeRefusal::NoSuchMove { job })?;
    match from {
        Requester::Peer(peer) if peer != moving.peer => Err(ChangeRefusal::NotMover),
        Requester::Peer(_) | Requester::MetaServer => Ok(moving),
    }
}

fn by_meta_server(from: Requester) -> Result<(), ChangeRefusal> {
    if from == Requester::MetaServer { Ok(()) } else { Err(ChangeRefusal::NotMetaServer) }
}

fn by_primary(config: &PartitionConfig, from: Requester) -> Result<(), ChangeRefusal> {
    match config.primary {
        Some(primary) if from == Requester::Peer(primary.peer) => Ok(()),
        Some(_) => Err(ChangeRefusal::NotPrimary),
        None => Err(ChangeRefusal::NoPrimary),
    }
}

fn mint(config: &mut PartitionConfig) -> Incarnation {
    let fresh = config.next_incarnation;
    config.next_incarnation = fresh.next();
    fresh
}

fn insert(members: &mut Vec<Member>, member: Member) {
    let at = members.partition_point(|m| m.peer < member.peer);
    members.insert(at, member);
}

fn remove(members: &mut Vec<Member>, member: Member) -> bool {
    let before = members.len();
    members.retain(|m| *m != member);
    members.len() < before
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
