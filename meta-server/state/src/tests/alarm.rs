//! What operators are told of, and what they are not.

use common::alarm::{Alarm, AlarmKind, AlarmSubject};

use super::guardian::{cures_in_vain, healthy, one_is_lost};
use super::presence::restart;
use super::*;
use crate::policy::alarms;

fn all(world: &World) -> Vec<Alarm> {
    alarms(&world.cluster, world.options, world.now)
}

fn kinds(world: &World) -> Vec<AlarmKind> {
    all(world).into_iter().map(|alarm| alarm.kind).collect()
}

fn seconds_ago(world: &World, alarm: &Alarm) -> u64 {
    (world.now.wall_ms - alarm.since_ms.unwrap()) / 1000
}

#[test]
fn there_is_none_while_a_table_comes_to_be_nor_later() {
    let mut world = World::new(4);
    world.create("t", 64, 3);
    for _ in 0..60 {
        world.round();
        assert_eq!(all(&world), []);
    }
}

#[test]
fn a_partition_that_nobody_leads_is_an_alarm_after_half_a_minute() {
    let (mut world, gpid) = healthy(3, 1, 3);
    let config = world.config(gpid).clone();
    world.down.insert(config.primary.unwrap().peer);
    world.rounds(29);
    assert_eq!(all(&world), []);
    world.rounds(2);
    let [alarm] = &all(&world)[..] else { panic!("{:?}", all(&world)) };
    assert_eq!((alarm.kind, alarm.subject), (AlarmKind::NoPrimary, AlarmSubject::Partition(gpid)));
    assert_eq!(seconds_ago(&world, alarm), 31);
    assert!(alarm.message.contains("does not heartbeat") && alarm.hint.contains("recover"), "{alarm:?}");
    world.down.clear();
    world.round();
    assert_eq!(all(&world), []);
}

#[test]
fn a_partition_whose_members_have_no_roles_is_an_alarm_and_so_is_one_that_never_began() {
    let (mut world, gpid) = healthy(3, 1, 3);
    for member in world.config(gpid).clone().members() {
        let unclean = ReplicaReport { clean: false, ..idle(gpid, member.incarnation.0) };
        world.says.insert((member.peer, gpid), Some(unclean));
    }
    world.rounds(31);
    assert!(all(&world)[0].message.contains("says that it leads"), "{:?}", all(&world));
    let mut world = World::new(3);
    world.create("t", 1, 3);
    world.down = (0..3).map(PeerId).collect();
    world.rounds(31);
    assert!(all(&world)[0].message.contains("first copy"), "{:?}", all(&world));
}

#[test]
fn copies_that_come_and_go_are_an_alarm_with_their_number_until_all_are_there() {
    let (mut world, gpid, waits) = cures_in_vain(3);
    assert_eq!(all(&world), [], "so many it may take: {waits:?}");
    world = cures_in_vain(9).0;
    let [alarm] = &all(&world)[..] else { panic!("{:?}", all(&world)) };
    assert_eq!((alarm.kind, alarm.subject), (AlarmKind::CuresInVain, AlarmSubject::Partition(gpid)));
    assert_eq!((alarm.count, seconds_ago(&world, alarm)), (Some(9), 66), "{alarm:?}");
    assert!(alarm.message.contains("2 of 3 members") && alarm.message.contains("64s"), "{alarm:?}");
    world.rounds(66);
    assert_eq!((all(&world), world.all_healthy()), (vec![], true));
}

#[test]
fn a_copy_that_no_node_may_take_is_an_alarm_once_nobody_is_waited_for() {
    let (mut world, gpid, dead) = one_is_lost();
    let spare = (0..4).map(PeerId).find(|peer| world.config(gpid).copy_on(*peer).is_none() && *peer != dead).unwrap();
    world.disk.insert(spare, DiskStatus::SpaceInsufficient);
    world.rounds(20);
    assert_eq!(all(&world), [], "the node may still come back");
    world.rounds(15);
    let [alarm] = &all(&world)[..] else { panic!("{:?}", all(&world)) };
    assert_eq!((alarm.kind, alarm.subject), (AlarmKind::NoRoom, AlarmSubject::Partition(gpid)));
    assert_eq!(seconds_ago(&world, alarm), 35);
    for part in ["2 of 3 copies", "does not heartbeat", "no disk that takes replicas"] {
        assert!(alarm.message.contains(part), "{alarm:?}");
    }
    let maintained = world.cluster.set_maintenance(true, world.now).unwrap();
    world.apply(vec![maintained]);
    assert_eq!(all(&world), [], "it is down on purpose");
    let ended = world.cluster.set_maintenance(false, world.now).unwrap();
    world.apply(vec![ended]);
    world.disk.clear();
    world.rounds(2);
    assert_eq!((all(&world), world.all_healthy()), (vec![], true));
}

#[test]
fn a_copy_is_not_made_where_it_does_not_fit_and_is_an_alarm_where_it_fits_nowhere() {
    let (mut world, gpid, dead) = one_is_lost();
    let spare = (0..4).map(PeerId).find(|peer| world.config(gpid).copy_on(*peer).is_none() && *peer != dead).unwrap();
    (world.size_bytes, world.headroom_bytes) = (600, 100);
    world.available.insert(spare, 699);
    world.rounds(35);
    assert!(world.config(gpid).copy_on(spare).is_none());
    let [alarm] = &all(&world)[..] else { panic!("{:?}", all(&world)) };
    assert!(alarm.kind == AlarmKind::NoRoom && alarm.message.contains("no disk with room for it"), "{alarm:?}");
    world.available.insert(spare, 700);
    world.rounds(2);
    assert_eq!((all(&world), world.all_healthy()), (vec![], true));
}

#[test]
fn nodes_that_are_busy_with_learners_have_room() {
    let mut world = World::new(3);
    world.create("t", 256, 3);
    for _ in 0..40 {
        world.pass(Duration::from_secs(1));
        world.beat();
        for proposal in world.proposals() {
            let next = world.cluster.accept(&proposal, world.now.wall_ms).unwrap();
            world.apply(vec![next.into()]);
        }
    }
    let lacking = world.cluster.live_partitions().filter(|p| p.config.copies().count() < 3).count();
    assert!(lacking > 100, "{lacking} wait for their turn");
    assert_eq!(kinds(&world), []);
}

#[test]
fn a_node_that_comes_and_goes_is_an_alarm_until_it_is_trusted() {
    let mut world = World::new(3);
    restart(&mut world, PeerId(1), 4);
    let [alarm] = &all(&world)[..] else { panic!("{:?}", all(&world)) };
    assert_eq!((alarm.kind, alarm.subject), (AlarmKind::NodeUnsteady, AlarmSubject::Node(PeerId(1))));
    assert_eq!((alarm.count, seconds_ago(&world, alarm)), (Some(4), 2));
    world.rounds(59);
    assert_eq!(kinds(&world), [AlarmKind::NodeUnsteady]);
    world.rounds(2);
    assert_eq!(all(&world), []);
}

#[test]
fn the_most_urgent_alarms_come_first() {
    let (mut world, _) = healthy(3, 4, 3);
    restart(&mut world, PeerId(0), 3);
    world.down = (0..3).map(PeerId).collect();
    world.rounds(31);
    let mut expected = vec![AlarmKind::NoPrimary; 4];
    expected.push(AlarmKind::NodeUnsteady);
    assert_eq!(kinds(&world), expected);
}
