//! Tables that come to be and go, walked step by step; what the meta server knows may be read anew from its records after
//! every step.

use common::procedure::{PartitionCount, ProcedureInfo, ProcedureState, ProcedureSubject};
use common::rpc::ErrorCode;
use common::types::TableId;

use super::*;
use crate::Procedure;

/// A table of two partitions with three members each was asked for, and nothing has happened yet.
fn asked_for(restarts: bool) -> (World, Uuid) {
    let mut world = World::new(4);
    world.restarts = restarts;
    let table = world.create("t", 2, 3);
    (world, creation(table))
}

/// The guardian and the nodes do what they can; the procedure is not looked at.
fn others_go_on(world: &mut World) {
    world.second();
    for proposal in world.proposals() {
        let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
        world.apply(vec![next.into()]);
    }
}

/// Every partition is led, and the creation knows.
fn led(restarts: bool) -> (World, Uuid) {
    let (mut world, id) = asked_for(restarts);
    others_go_on(&mut world);
    world.second();
    world.go(id);
    assert_eq!(step(&world, id), "fill");
    (world, id)
}

/// A whole table that was dropped; all nodes report what they have as if nobody had told them yet.
fn dropped(restarts: bool) -> (World, Uuid, Vec<PeerId>) {
    let mut world = World::new(4);
    let table = world.create("t", 2, 3);
    world.rounds(8);
    assert!(world.all_healthy());
    world.restarts = restarts;
    let before = world.cluster.partitions_of(TableId(table)).map(|p| p.config.clone()).collect::<Vec<_>>();
    for config in &before {
        for copy in config.copies() {
            world.says.insert((copy.peer, config.gpid), Some(idle(config.gpid, copy.incarnation.0)));
        }
    }
    let id = world.drop_table("t");
    let holders: BTreeSet<PeerId> = before.iter().flat_map(|config| config.copies()).map(|copy| copy.peer).collect();
    (world, id, holders.into_iter().collect())
}

fn procedure(world: &World, id: Uuid) -> &Procedure {
    world.cluster.procedure(id).unwrap()
}

fn step(world: &World, id: Uuid) -> &'static str {
    procedure(world, id).work.step()
}

fn info(world: &World, id: Uuid) -> ProcedureInfo {
    world.cluster.procedure_info(procedure(world, id), world.now)
}

fn ended(world: &World, id: Uuid) -> (ProcedureState, Option<ErrorCode>) {
    let procedure = procedure(world, id);
    (procedure.state, procedure.error.as_ref().map(|error| error.code))
}

fn history(world: &World, id: Uuid) -> Vec<&str> {
    procedure(world, id).history.iter().map(|step| step.step.as_str()).collect()
}

fn cancel(world: &mut World, id: Uuid) -> Result<(), ErrorCode> {
    let wish = world.cluster.cancel_procedure(id, world.now).map_err(|error| error.code)?;
    world.apply(vec![wish.into()]);
    Ok(())
}

/// So much later that no configuration of before a drop is on its way to a node any more.
fn later(world: &mut World) {
    (0..4).for_each(|_| world.second());
}

/// A while later the nodes have said what they hold, and the procedure is completed.
fn completes_later(world: &mut World, id: Uuid) {
    later(world);
    world.go(id);
    assert_eq!(ended(world, id), (ProcedureState::Completed, None));
}

/// The nodes obey their orders to set copies aside.
fn set_aside(world: &mut World, on: impl Fn(PeerId) -> bool) {
    world.says.retain(|(peer, _), _| !on(*peer));
}

#[test]
fn a_table_comes_to_be_step_by_step_and_also_if_the_meta_server_is_restarted_after_each() {
    for restarts in [false, true] {
        let (mut world, id) = asked_for(restarts);
        assert_eq!(
            (world.go(id), step(&world, id), procedure(&world, id).state),
            (None, "lead", ProcedureState::Running)
        );
        let (mut world, id) = led(restarts);
        for _ in 0..8 {
            world.round();
        }
        assert_eq!(ended(&world, id), (ProcedureState::Completed, None));
        assert_eq!(history(&world, id), ["lead", "fill"]);
        assert!(world.all_healthy());
    }
}

#[test]
fn a_creation_tells_how_many_partitions_are_led_and_then_how_many_are_whole() {
    let (mut world, id) = asked_for(false);
    let begun = info(&world, id);
    assert_eq!(begun.subject, ProcedureSubject::Table { table_id: TableId(1), name: "t".to_owned() });
    assert_eq!((begun.partitions, begun.percent), (Some(PartitionCount { done: 0, total: 2 }), 0));
    assert!(begun.note.as_ref().unwrap().contains("0 of 2 partitions of table 't' are led: 1.0 (it is being created"));
    others_go_on(&mut world);
    let silent = world.config(Gpid::new(1, 0)).primary.unwrap().peer;
    assert_eq!(info(&world, id).partitions.unwrap().done, 0, "nobody has said yet that it leads");
    world.down.insert(silent);
    world.second();
    let half = info(&world, id);
    assert_eq!((half.partitions.unwrap().done, half.percent), (1, 24), "{half:?}");
    world.down.clear();
    world.second();
    world.go(id);
    let led = info(&world, id);
    assert_eq!((led.step.as_str(), led.partitions.unwrap().done, led.percent), ("fill", 0, 50));
    assert!(led.note.unwrap().contains("have all their members: 1.0 (1 of 3 members"));
    world.rounds(8);
    let whole = info(&world, id);
    assert_eq!(
        (whole.state, whole.percent, whole.note, whole.partitions),
        (ProcedureState::Completed, 100, None, None)
    );
}

#[test]
fn a_creation_that_takes_too_long_fails_with_the_partitions_and_why_and_the_table_goes_on() {
    for restarts in [false, true] {
        let (mut world, id) = asked_for(restarts);
        // The first copies never come to be.
        world.says.extend((0..4).flat_map(|node| (0..2).map(move |index| ((PeerId(node), Gpid::new(1, index)), None))));
        world.pass(Duration::from_secs(599));
        world.beat();
        world.go(id);
        assert_eq!(ended(&world, id), (ProcedureState::Running, None));
        world.second();
        world.go(id);
        assert_eq!(ended(&world, id), (ProcedureState::Failed, Some(ErrorCode::Timeout)));
        let info = info(&world, id);
        let cause = info.error.unwrap().message;
        assert!(cause.starts_with("0 of 2 partitions") && cause.contains("1.1 (it is being created"), "{cause}");
        assert!(info.note.unwrap().contains("the table stays"));
        world.says.clear();
        world.rounds(8);
        assert!(world.cluster.route("t").is_ok() && world.all_healthy());
    }
}

#[test]
fn a_table_that_does_not_get_all_its_members_in_time_fails_with_what_it_lacks() {
    let (mut world, id) = led(false);
    world.pass(Duration::from_secs(900));
    world.beat();
    world.go(id);
    assert_eq!(ended(&world, id), (ProcedureState::Failed, Some(ErrorCode::Timeout)));
    let cause = procedure(&world, id).error.clone().unwrap().message;
    assert!(cause.contains("1.0 (1 of 3 members"), "{cause}");
}

#[test]
fn a_creation_that_is_cancelled_before_the_table_is_led_drops_it_again() {
    for restarts in [false, true] {
        let (mut world, id) = asked_for(restarts);
        world.beat();
        assert_eq!(cancel(&mut world, id), Ok(()));
        let config = world.config(Gpid::new(1, 0)).clone();
        let first = config.learners[0];
        world.says.insert((first.peer, config.gpid), Some(idle(config.gpid, first.incarnation.0)));
        world.go(id);
        assert_eq!((step(&world, id), world.cluster.route("t").is_err()), ("rollback", true));
        assert_eq!(cancel(&mut world, id), Err(ErrorCode::NotCancellable));
        world.second();
        world.go(id);
        assert_eq!(ended(&world, id).0, ProcedureState::Running, "a copy is left");
        set_aside(&mut world, |_| true);
        later(&mut world);
        world.go(id);
        assert_eq!(
            (ended(&world, id), history(&world, id)),
            ((ProcedureState::Cancelled, None), vec!["lead", "rollback"])
        );
        assert_eq!(world.create("t", 1, 3), 2, "the name is free");
    }
}

#[test]
fn a_rolled_back_creation_ends_also_if_a_node_does_not_come_back() {
    let (mut world, id) = asked_for(false);
    let away = world.config(Gpid::new(1, 0)).learners[0].peer;
    cancel(&mut world, id).unwrap();
    world.go(id);
    world.down.insert(away);
    world.pass(Duration::from_secs(600));
    world.beat();
    world.go(id);
    assert_eq!(ended(&world, id), (ProcedureState::Cancelled, None));
    let note = procedure(&world, id).note.clone().unwrap();
    assert!(note.contains(&format!("node {away} (")) && note.contains("is silent"), "{note}");
}

#[test]
fn a_creation_that_is_cancelled_waits_for_a_job_that_has_a_partition() {
    let (mut world, id) = asked_for(false);
    let gpid = Gpid::new(1, 0);
    world.lock(gpid, 9);
    cancel(&mut world, id).unwrap();
    world.go(id);
    assert_eq!((step(&world, id), world.cluster.route("t").is_ok()), ("lead", true));
    assert!(info(&world, id).note.unwrap().contains("1.0 is being moved"));
    let free = world.cluster.unlock(gpid, Uuid::from_u128(9)).unwrap().unwrap();
    world.apply(vec![free]);
    world.go(id);
    assert_eq!(step(&world, id), "rollback");
}

#[test]
fn a_creation_cannot_be_cancelled_once_clients_may_use_the_table() {
    let (mut world, id) = led(false);
    let refusal = world.cluster.cancel_procedure(id, world.now).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::NotCancellable);
    assert!(refusal.hint.contains("admin-cli drop t"), "{refusal:?}");
    world.rounds(8);
    assert_eq!(cancel(&mut world, id), Err(ErrorCode::JobEnded));
}

#[test]
fn a_table_that_is_dropped_while_it_is_created_ends_its_creation() {
    for (mut world, id) in [asked_for(false), led(false)] {
        let drop = world.drop_table("t");
        later(&mut world);
        world.go(id);
        assert_eq!(ended(&world, id), (ProcedureState::Cancelled, None));
        assert!(procedure(&world, id).note.clone().unwrap().contains("dropped meanwhile"));
        world.go(drop);
        assert_eq!(ended(&world, drop), (ProcedureState::Completed, None));
    }
}

#[test]
fn a_drop_is_completed_once_no_node_reports_a_copy_and_also_if_the_meta_server_is_restarted() {
    for restarts in [false, true] {
        let (mut world, id, holders) = dropped(restarts);
        assert!(world.cluster.route("t").is_err(), "nobody can use it any more");
        world.go(id);
        assert_eq!(ended(&world, id).0, ProcedureState::Running, "what was heard before the drop says nothing");
        if restarts {
            world.restart();
        }
        world.second();
        world.go(id);
        let held = info(&world, id);
        assert_eq!((held.step.as_str(), held.partitions), ("collect", Some(PartitionCount { done: 0, total: 2 })));
        assert!(held.note.unwrap().contains("still holds a copy"));
        set_aside(&mut world, |peer| peer != holders[0]);
        later(&mut world);
        world.go(id);
        assert_eq!(ended(&world, id).0, ProcedureState::Running, "one is left");
        set_aside(&mut world, |_| true);
        later(&mut world);
        world.go(id);
        assert_eq!((ended(&world, id), info(&world, id).percent), ((ProcedureState::Completed, None), 100));
    }
}

#[test]
fn a_drop_waits_for_a_node_that_is_away_and_then_fails_with_its_name() {
    let (mut world, id, holders) = dropped(false);
    let away = holders[0];
    world.down.insert(away);
    set_aside(&mut world, |peer| peer != away);
    world.pass(Duration::from_secs(599));
    world.beat();
    world.go(id);
    assert_eq!(ended(&world, id).0, ProcedureState::Running);
    assert!(info(&world, id).note.unwrap().contains("is silent"));
    world.second();
    world.go(id);
    assert_eq!(ended(&world, id), (ProcedureState::Failed, Some(ErrorCode::Timeout)));
    let cause = procedure(&world, id).error.clone().unwrap().message;
    assert!(cause.contains("copies of table 't' may be left") && cause.contains(&format!("node {away} (")), "{cause}");
}

#[test]
fn a_drop_does_not_wait_for_a_silent_node_that_never_had_a_copy() {
    let (mut world, id, holders) = dropped(false);
    let others = (0..4).map(PeerId).filter(|peer| !holders.contains(peer));
    world.down.extend(others);
    set_aside(&mut world, |_| true);
    world.pass(Duration::from_secs(6));
    world.beat();
    world.go(id);
    assert_eq!(ended(&world, id), (ProcedureState::Completed, None));
}

#[test]
fn a_disk_that_cannot_be_read_may_hold_what_is_not_reported() {
    let (mut world, id, holders) = dropped(false);
    set_aside(&mut world, |_| true);
    world.disk.insert(holders[0], DiskStatus::IoError);
    world.second();
    world.go(id);
    assert!(info(&world, id).note.unwrap().contains("absent or broken"));
    world.disk.clear();
    completes_later(&mut world, id);
}

#[test]
fn a_node_that_says_it_holds_nothing_may_still_hear_of_a_configuration_from_before_the_drop() {
    let (mut world, id, _) = dropped(false);
    set_aside(&mut world, |_| true);
    world.second();
    world.go(id);
    assert_eq!(ended(&world, id).0, ProcedureState::Running);
    assert!(info(&world, id).note.unwrap().contains("has not said since the drop"));
    completes_later(&mut world, id);
}

#[test]
fn a_drop_cannot_be_cancelled() {
    let (mut world, id, _) = dropped(false);
    assert_eq!(cancel(&mut world, id), Err(ErrorCode::NotCancellable));
}

#[test]
fn moves_and_procedures_of_tables_are_told_apart() {
    let (world, _, holders) = dropped(false);
    assert!(world.cluster.jobs(Some(holders[0]), world.now).unwrap().is_empty(), "a job is a move");
    assert_eq!(world.cluster.procedure_infos(common::procedure::ProcedureFilter::default(), world.now).len(), 2);
}
