//! What nodes and operators ask for.

use common::rpc::ErrorCode;
use common::types::MovingRequest;

use super::*;

fn led() -> (World, Gpid) {
    let mut world = World::new(3);
    let gpid = Gpid::new(world.create("t", 1, 3), 0);
    world.rounds(6);
    assert!(world.all_healthy());
    (world, gpid)
}

#[test]
fn the_same_address_keeps_its_peer_id_and_older_runs_are_refused() {
    let mut world = World::new(2);
    world.register(1, 777, true);
    assert_eq!(world.cluster.vet(PeerId(1), ProcessId(777)), Ok(()));
    assert_eq!(world.cluster.vet(PeerId(1), ProcessId(101)).unwrap_err().code, ErrorCode::NotReady);
    assert_eq!(world.cluster.vet(PeerId(9), ProcessId(1)).unwrap_err().code, ErrorCode::UnknownNode);
}

#[test]
fn disks_of_another_cluster_are_refused() {
    let world = World::new(1);
    let mut foreign = registration(5, 1, true);
    foreign.cluster = Some(Uuid::from_u128(2));
    assert!(world.cluster.register(&foreign).unwrap_err().hint.contains("empty disks"));
    foreign.cluster = Some(Uuid::from_u128(1));
    assert!(world.cluster.register(&foreign).is_ok());
}

#[test]
fn an_address_that_nobody_could_reach_is_refused() {
    for address in ["", "host", ":1", "host:0", "host:x"] {
        let registration = Registration { address: address.into(), ..registration(0, 1, true) };
        assert!(World::new(0).cluster.register(&registration).is_err(), "{address}");
    }
}

#[test]
fn a_node_that_loads_its_replicas_is_shown_so_and_given_none() {
    let mut world = World::new(3);
    let info = |world: &World| world.cluster.cluster_info(&[], world.options, world.now.mono).nodes.remove(1);
    let request = ValidatedTable::new("t", 1, 3).unwrap();
    let create = |world: &World| world.cluster.create_table(&request, Uuid::from_u128(1), world.options, world.now);
    let loading = Heartbeat { loaded: false, ..world.heartbeat(1) };
    world.cluster.heard(&loading, world.now.mono);
    assert_eq!((info(&world).alive, info(&world).loaded), (true, false));
    let refused = create(&world).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotReady);
    assert!(refused.hint.contains("loading"), "{refused:?}");
    world.beat();
    assert!(info(&world).loaded);
    assert!(create(&world).is_ok());
}

#[test]
fn a_run_without_fsync_taints_its_node_while_that_holds_copies() {
    let (mut world, _) = led();
    world.register(0, 300, false);
    world.register(0, 301, true);
    assert!(!world.cluster.node(PeerId(0)).unwrap().sync_always);
    world.drop_table("t");
    world.register(0, 302, true);
    assert!(world.cluster.node(PeerId(0)).unwrap().sync_always);
}

#[test]
fn a_repeated_change_is_answered_as_the_first_time_and_a_stale_one_as_superseded() {
    let (mut world, gpid) = led();
    let before = world.config(gpid).clone();
    let from = Requester::Peer(before.primary.unwrap().peer);
    let change = ConfigChange::HandOver { to: before.secondaries[0] };
    world.change(before.primary.unwrap().peer.0, gpid, &change);
    let again = world.cluster.decide(from, gpid, before.ballot, &change, 0).unwrap();
    assert!(matches!(again, Verdict::Installed(config) if config.ballot == before.ballot.next()));
    let other = ConfigChange::HandOver { to: before.secondaries[1] };
    let stale = world.cluster.decide(from, gpid, before.ballot, &other, 0).unwrap();
    assert!(matches!(stale, Verdict::Superseded(config) if config.ballot == before.ballot.next()));
}

#[test]
fn a_restarted_member_that_did_not_fsync_is_not_handed_the_lead() {
    let (mut world, gpid) = led();
    let config = world.config(gpid).clone();
    let (primary, to) = (config.primary.unwrap().peer, config.secondaries[0]);
    let decide = |world: &World| {
        let change = ConfigChange::HandOver { to };
        world.cluster.decide(Requester::Peer(primary), gpid, config.ballot, &change, 0).unwrap()
    };
    assert!(matches!(decide(&world), Verdict::Install(_)));
    world.register(to.peer.0, 900, false);
    let refusal = crate::ChangeRefusal::MayHaveForgotten { member: to };
    assert!(matches!(decide(&world), Verdict::Refused(_, why) if why == refusal), "nothing is heard of its new run");
    world.says.insert((to.peer, gpid), Some(idle(gpid, to.incarnation.0)));
    world.beat();
    assert!(matches!(decide(&world), Verdict::Refused(_, why) if why == refusal), "it has no role");
    world.says.clear();
    world.beat();
    assert!(matches!(decide(&world), Verdict::Install(_)));
}

#[test]
fn a_lock_belongs_to_one_job_at_a_time() {
    let (mut world, gpid) = led();
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let lock = world.cluster.lock(gpid, one, world.now).unwrap().unwrap();
    world.apply(vec![lock]);
    assert_eq!(world.cluster.lock(gpid, one, world.now), Ok(None));
    assert_eq!(world.cluster.lock(gpid, two, world.now).unwrap_err().code, ErrorCode::PartitionBusy);
    assert_eq!(world.cluster.unlock(gpid, two), Ok(None));
    assert_eq!(
        world.cluster.drop_table("t", Uuid::from_u128(6), world.now).unwrap_err().code,
        ErrorCode::PartitionBusy
    );
    let unlock = world.cluster.unlock(gpid, one).unwrap().unwrap();
    world.apply(vec![unlock]);
    assert!(world.cluster.lock(gpid, two, world.now).unwrap().is_some());
}

#[test]
fn a_table_needs_enough_live_nodes() {
    let mut world = World::new(3);
    world.down.insert(PeerId(2));
    world.pass(std::time::Duration::from_secs(6));
    world.beat();
    let request = ValidatedTable::new("t", 8, 3).unwrap();
    let error = world.cluster.create_table(&request, creation(1), world.options, world.now).unwrap_err();
    assert!(error.message.contains('2') && error.hint.contains("fewer replicas"), "{error:?}");
}

#[test]
fn a_dropped_tables_copies_lose_their_roles_and_are_collected() {
    let (mut world, gpid) = led();
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    world.drop_table("t");
    assert!(world.cluster.route("t").is_err() && world.config(gpid).ballot > config.ballot);
    let secondary =
        ReplicaReport { status: ReplicaStatus::Secondary, ballot: config.ballot, ..idle(gpid, member.incarnation.0) };
    world.says.insert((member.peer, gpid), Some(secondary));
    let reply = world.cluster.reply(&world.heartbeat(member.peer.0));
    assert_eq!((reply.configs.len(), reply.collect.len()), (1, 0));
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    let reply = world.cluster.reply(&world.heartbeat(member.peer.0));
    assert_eq!(reply.collect, [(gpid, member.incarnation, config.ballot.next())]);
    assert_eq!(world.create("t", 1, 3), 2);
}

#[test]
fn a_copy_that_may_still_be_needed_is_not_collected() {
    let (mut world, gpid) = led();
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    world.change(config.primary.unwrap().peer.0, gpid, &ConfigChange::Drop { member, moving: None });
    world.says.insert((member.peer, gpid), Some(idle(gpid, member.incarnation.0)));
    assert!(world.cluster.reply(&world.heartbeat(member.peer.0)).collect.is_empty());
}

#[test]
fn a_heartbeat_is_answered_with_what_is_newer_and_nothing_else() {
    let (mut world, gpid) = led();
    let member = world.config(gpid).secondaries[0];
    let mut heartbeat = world.heartbeat(member.peer.0);
    heartbeat.nodes_version = 3;
    let reply = world.cluster.reply(&heartbeat);
    assert_eq!((reply.configs.len(), reply.nodes, reply.collect.len()), (0, None, 0));
    world.says.insert((member.peer, gpid), None);
    let reply = world.cluster.reply(&world.heartbeat(member.peer.0));
    assert_eq!((reply.configs.len(), reply.nodes.map(|n| n.len())), (1, Some(3)));
}

#[test]
fn recover_refuses_while_a_named_node_is_alive_or_an_unnamed_one_is_silent() {
    let (mut world, gpid) = led();
    let config = world.config(gpid).clone();
    let (primary, other) = (config.primary.unwrap(), config.secondaries[1].peer);
    let recover = |w: &World, dead: &[PeerId]| w.cluster.recover(gpid, dead, w.now.mono);
    assert_eq!(recover(&world, &[other]).unwrap_err().code, ErrorCode::NodeAlive);
    assert!(recover(&world, &[]).unwrap_err().hint.contains("by itself"));
    let damaged = ReplicaReport { clean: false, ..idle(gpid, config.secondaries[0].incarnation.0) };
    world.says.insert((config.secondaries[0].peer, gpid), Some(damaged));
    world.down.extend([primary.peer, other]);
    world.pass(std::time::Duration::from_secs(6));
    world.beat();
    assert!(recover(&world, &[primary.peer]).unwrap_err().hint.contains("--node-is-dead"));
    let decision = recover(&world, &[primary.peer, other]).unwrap();
    assert_eq!(decision.plan.primary, Some(config.secondaries[0]));
    let next = decision.partition.unwrap();
    assert_eq!((next.config.member_count(), next.config.ballot), (1, config.ballot.next()));
}

#[test]
fn what_a_recovery_gave_up_is_set_aside_where_it_returns_and_not_taken_back() {
    let (mut world, gpid) = led();
    let config = world.config(gpid).clone();
    let (primary, heir, other) = (config.primary.unwrap(), config.secondaries[0], config.secondaries[1]);
    let damaged = ReplicaReport { clean: false, ..idle(gpid, heir.incarnation.0) };
    world.says.insert((heir.peer, gpid), Some(damaged));
    world.down.extend([primary.peer, other.peer]);
    world.pass(std::time::Duration::from_secs(6));
    world.beat();
    let recovered = world.cluster.recover(gpid, &[primary.peer, other.peer], world.now.mono).unwrap();
    let partition = recovered.partition.unwrap();
    assert!(partition.has_given_up(primary.incarnation) && !partition.has_given_up(heir.incarnation));
    assert!(!partition.has_given_up(partition.config.next_incarnation), "what is made from now on is not meant");
    world.apply(vec![partition.into()]);
    world.says.remove(&(heir.peer, gpid));
    world.says.insert((primary.peer, gpid), Some(idle(gpid, primary.incarnation.0)));
    world.down.clear();
    world.beat();
    let collect = world.cluster.reply(&world.heartbeat(primary.peer.0)).collect;
    assert_eq!(collect.first().map(|order| (order.0, order.1)), Some((gpid, primary.incarnation)));
    let added = guardian(&world.cluster, GuardianOptions::default(), world.now);
    let onto = |peer| added.iter().any(|p| p.cure == crate::policy::Cure::Change(ConfigChange::AddLearner { peer }));
    assert!(!onto(primary.peer), "{added:?}");
}

#[test]
fn recover_refuses_what_an_appointment_will_cure() {
    let (mut world, gpid) = led();
    let members: Vec<_> = world.config(gpid).members().collect();
    world.down.extend([members[1].peer, members[2].peer]);
    world.says.insert((members[0].peer, gpid), Some(idle(gpid, members[0].incarnation.0)));
    world.pass(std::time::Duration::from_secs(6));
    world.beat();
    let refused = world.cluster.recover(gpid, &[members[1].peer, members[2].peer], world.now.mono);
    assert!(refused.unwrap_err().hint.contains("by itself"));
}

#[test]
fn a_lock_ends_with_its_jobs_end_its_node_or_if_it_was_never_reported() {
    use common::job::JobOutcome;
    let (mut world, gpid) = led();
    let lock = world.cluster.lock(gpid, Uuid::from_u128(1), world.now).unwrap().unwrap();
    world.apply(vec![lock]);
    let held = |w: &World| w.cluster.is_held(w.partition(gpid).lock.unwrap(), w.now);
    assert!(held(&world));
    let mut unreported = world.cluster.clone();
    let mut heartbeat = world.heartbeat(0);
    heartbeat.jobs = vec![job(1)];
    let records = world.cluster.consequences(&heartbeat);
    world.apply(records);
    world.pass(std::time::Duration::from_secs(59));
    assert!(held(&world));
    world.pass(std::time::Duration::from_secs(2));
    assert!(!held(&world));
    world.beat();
    assert!(held(&world));
    heartbeat.jobs[0].outcome = JobOutcome::Failed;
    let records = world.cluster.consequences(&heartbeat);
    world.apply(records);
    assert!(!held(&world));
    std::mem::swap(&mut world.cluster, &mut unreported);
    assert!(held(&world));
    world.pass(std::time::Duration::from_secs(600));
    assert!(!held(&world));
}

#[test]
fn recover_says_that_nothing_is_left_instead_of_making_an_empty_copy() {
    let (mut world, gpid) = led();
    let members: Vec<PeerId> = world.config(gpid).members().map(|m| m.peer).collect();
    world.down.extend(members.clone());
    world.pass(std::time::Duration::from_secs(6));
    let decision = world.cluster.recover(gpid, &members, world.now.mono).unwrap();
    assert_eq!((decision.plan.primary, decision.partition), (None, None));
}

#[test]
fn jobs_are_kept_by_change_of_state_and_not_without_end() {
    use common::job::{JobOutcome, JobState};
    let mut world = World::new(1);
    let mut heartbeat = world.heartbeat(0);
    heartbeat.jobs = vec![job(1)];
    assert_eq!(world.cluster.consequences(&heartbeat).len(), 1);
    let records = world.cluster.consequences(&heartbeat);
    world.apply(records);
    heartbeat.jobs[0].bytes_done = 7;
    assert!(world.cluster.consequences(&heartbeat).is_empty());
    world.cluster.heard(&heartbeat, world.now.mono);
    assert_eq!(world.cluster.jobs(None, world.now).unwrap()[0].bytes_done, 7);
    heartbeat.jobs[0].enter(JobState::Start, 5);
    heartbeat.jobs[0].outcome = JobOutcome::Failed;
    assert_eq!(world.cluster.consequences(&heartbeat).len(), 1);
    assert_eq!(world.cluster.jobs(Some(PeerId(4)), world.now).unwrap_err().code, ErrorCode::UnknownNode);
}

pub(super) fn job(id: u128) -> common::job::Job {
    use common::job::{Job, JobKind, JobOutcome, JobState};
    Job {
        id: Uuid::from_u128(id),
        kind: JobKind::Disk,
        subject: Gpid::new(1, 0),
        node: PeerId(0),
        source: "disk1".into(),
        target: "disk2".into(),
        state: JobState::Idle,
        outcome: JobOutcome::Running,
        history: Vec::new(),
        bytes_total: 0,
        bytes_done: 0,
        bytes_resumed: 0,
        rate_bytes_per_s: None,
        max_rate_bytes_per_s: 0,
        throttled_by: None,
        retries: 0,
        demote: true,
        was_primary: false,
        learn_kind: None,
        window_ms: None,
        write_pause_ms: None,
        purge_origin: false,
        queued_at_ms: 1,
        started_at_ms: None,
        updated_at_ms: 1,
        finished_at_ms: None,
        last_error: None,
    }
}

#[test]
fn a_node_hears_of_every_configuration_that_names_it_a_move_included_and_of_no_other() {
    let mut world = World::new(4);
    let gpid = Gpid::new(world.create("t", 8, 3), 0);
    world.rounds(8);
    let named = |world: &World, node: u64| {
        let configs = world.cluster.configs_of(PeerId(node));
        configs.into_iter().map(|config| config.gpid).collect::<Vec<_>>()
    };
    assert_eq!((0..4).map(|node| named(&world, node).len()).sum::<usize>(), 24);
    let config = world.config(gpid).clone();
    let member = config.secondaries[0];
    assert!(named(&world, member.peer.0).contains(&gpid));
    let deadline_ms = world.now.wall_ms + 60_000;
    let moving = Some(MovingRequest { job: Uuid::from_u128(9), deadline_ms, hand_back: false });
    let primary = config.primary.unwrap().peer.0;
    world.lock(gpid, 9);
    world.change(primary, gpid, &ConfigChange::Drop { member, moving });
    assert!(world.config(gpid).copy_on(member.peer).is_none() && named(&world, member.peer.0).contains(&gpid));
}
