//! The log against real files: what is read back, what a full or broken disk does, what is collected.

mod crash;
mod disk;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::clock::{Clock, ManualClock};
use common::types::{Ballot, Body, Decree, Gpid, Incarnation, Mutation};

use super::*;
use support::{Seen, WAIT, decrees, dir, mutation, options};

const G: Gpid = Gpid::new(1, 0);
const H: Gpid = Gpid::new(1, 1);
const I: Incarnation = Incarnation(1);

#[test]
fn what_was_acknowledged_is_read_back_by_the_same_process_and_by_the_next() {
    let dir = dir();
    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(recovery, Recovery::default());
    let (sink, other) = (Seen::new(), Seen::new());
    let (replica, neighbour) = (log.attach(G, I, sink.clone()), log.attach(H, I, other.clone()));
    for decree in 1..=50 {
        sink.append(&replica, mutation(1, decree, 300));
        other.append(&neighbour, mutation(1, decree, 300));
    }
    sink.wait(50);
    other.wait(50);
    let read = replica.read(Decree(11), usize::MAX).unwrap();
    assert_eq!(read.iter().map(|m| m.decree.0).collect::<Vec<_>>(), (11..=50).collect::<Vec<_>>());
    assert_eq!(*read[0], *mutation(1, 11, 300));
    assert_eq!(replica.read(Decree(11), 1).unwrap().len(), 1, "at least one");
    assert_eq!(replica.read(Decree(51), 1).unwrap().len(), 0);
    assert_eq!(replica.first_decree(), Some(Decree(1)));
    assert_eq!(log.held().len(), 2);
    log.close();

    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert!(recovery.is_clean(G, I) && recovery.cut.is_none(), "{recovery:?}");
    assert_eq!(recovery.records, 100);
    let tail = log.tail(G, I, Decree(20)).unwrap();
    assert_eq!(decrees(&tail), (21..=50).collect::<Vec<_>>());
    assert_eq!((tail.committed, tail.last_ballot, tail.gap), (Decree(49), Ballot(1), false));
    assert_eq!(decrees(&log.tail(G, Incarnation(2), Decree(20)).unwrap()), Vec::<u64>::new(), "another copy");
    assert_eq!(log.scrub(G).frames, 50);
}

#[test]
fn records_run_over_many_segments() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    for decree in 1..=100 {
        sink.append(&replica, mutation(1, decree, 5_000));
    }
    sink.wait(100);
    assert!(log.stats().segments >= 8, "{:?}", log.stats());
    assert_eq!(replica.read(Decree(1), usize::MAX).unwrap().len(), 100);
    drop((replica, log));
    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!((recovery.records, recovery.damage.len()), (100, 0));
    assert_eq!(decrees(&log.tail(G, I, Decree(0)).unwrap()).len(), 100);
}

#[test]
fn an_opening_voids_what_it_must_after_a_restart_too() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    for decree in 1..=7 {
        sink.append(&replica, mutation(1, decree, 10));
    }
    let body = Body::Opening { after: Decree(5), by: Ballot(2) };
    sink.append(&replica, Arc::new(Mutation { ballot: Ballot(2), decree: Decree(6), time_ms: 1, body }));
    sink.wait(8);
    assert_eq!(replica.read(Decree(5), usize::MAX).unwrap().len(), 2);
    for after in [0, 4, 6] {
        let tail = log.tail(G, I, Decree(after)).unwrap();
        assert_eq!(decrees(&tail).last().copied().unwrap_or(after), 6, "the old decree 7 is void");
        assert_eq!(tail.highest_ballot, Ballot(2));
    }
    drop((replica, log));
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(decrees(&log.tail(G, I, Decree(4)).unwrap()), vec![5, 6]);
}

#[test]
fn one_fsync_covers_many_appends_and_each_replica_is_told_once_a_group() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    common::fault::arm(
        common::fault::Point::LogSync,
        common::fault::Action::Hang(Duration::from_millis(60)),
        1,
        &support::name(&dir),
    );
    let sinks: Vec<_> = (0..20).map(|_| Seen::new()).collect();
    let replicas: Vec<_> = (0..20).zip(&sinks).map(|(p, sink)| log.attach(Gpid::new(1, p), I, sink.clone())).collect();
    for decree in 1..=10 {
        for (sink, replica) in sinks.iter().zip(&replicas) {
            sink.append(replica, mutation(1, decree, 100));
        }
    }
    sinks.iter().for_each(|sink| sink.wait(10));
    common::fault::disarm(&support::name(&dir));
    let stats = log.stats();
    assert_eq!(stats.appends, 200);
    assert!(stats.syncs_us.count <= 4, "{stats:?}");
    assert!(sinks.iter().all(|sink| sink.calls() <= 4));
}

#[test]
fn an_interval_log_acknowledges_before_the_fsync_and_syncs_soon() {
    let dir = dir();
    let interval = SyncMode::Interval(Duration::from_millis(5));
    let (log, _) = DiskLog::open(LogOptions { sync: interval, ..options(&dir) }).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    sink.append(&replica, mutation(1, 1, 100));
    sink.wait(1);
    let synced = || log.stats().syncs_us.count > 0;
    assert!(support::eventually(synced));
    let (never, _) = DiskLog::open(LogOptions { sync: SyncMode::Never, ..options(&support::dir()) }).unwrap();
    let sink = Seen::new();
    let replica = never.attach(G, I, sink.clone());
    sink.append(&replica, mutation(1, 1, 100));
    sink.wait(1);
    assert_eq!(never.stats().syncs_us.count, 0);
    never.sync(WAIT).unwrap();
    assert_eq!(never.stats().syncs_us.count, 1);
}

fn fill(log: &DiskLog, gpid: Gpid, records: std::ops::RangeInclusive<u64>) -> ReplicaLog {
    let sink = Seen::new();
    let replica = log.attach(gpid, I, sink.clone());
    let count = records.clone().count();
    records.for_each(|decree| sink.append(&replica, mutation(1, decree, 5_000)));
    sink.wait(count);
    replica
}

#[test]
fn segments_go_when_all_in_them_is_flushed_and_stay_while_one_record_is_not() {
    let dir = dir();
    let (log, _) = DiskLog::open(LogOptions { held_bytes_target: 0, ..options(&dir) }).unwrap();
    let _slow = fill(&log, H, 1..=1);
    let fast = fill(&log, G, 1..=60);
    let flushed = BTreeMap::from([((G, I), Decree(60)), ((H, I), Decree(0))]);
    let of = |flushed: &BTreeMap<ReplicaKey, Decree>, g, i| flushed.get(&(g, i)).copied();
    assert_eq!(log.collect_garbage(&|g, i| of(&flushed, g, i)).unwrap().segments, 0);
    assert_eq!(log.laggards(), vec![Laggard { gpid: H, incarnation: I, needed: Decree(1) }]);

    let flushed = BTreeMap::from([((G, I), Decree(60)), ((H, I), Decree(1))]);
    let before = log.stats().segments;
    assert_eq!(log.collect_garbage(&|g, i| of(&flushed, g, i)).unwrap().segments, before - 1);
    assert_eq!(log.laggards(), vec![]);
    assert!(matches!(fast.read(Decree(1), 1), Err(LogError::Missing { .. })));
    let more = fill(&log, G, 61..=90);
    assert_eq!(more.read(Decree(61), usize::MAX).unwrap().len(), 30);
    drop((fast, more, _slow, log));
    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(recovery.damage, vec![], "collected segments are no damage, recycled ones neither");
    assert_eq!(decrees(&log.tail(G, I, Decree(60)).unwrap()), (61..=90).collect::<Vec<_>>());
}

#[test]
fn segments_are_used_again_and_show_nothing_of_their_earlier_life() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let old = fill(&log, G, 1..=90);
    drop(old);
    let removed = log.collect_garbage(&|_, _| None).unwrap().segments;
    let names =
        || std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let spares = names().filter(|name| name.starts_with("spare.")).count();
    assert!(removed > 4 && spares == options(&dir).spares_max, "{spares} of {removed} are kept");
    let new = fill(&log, H, 1..=20);
    assert_eq!(new.read(Decree(1), usize::MAX).unwrap().len(), 20);
    drop((new, log));
    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!((recovery.damage, recovery.cut), (vec![], None));
    assert_eq!(decrees(&log.tail(H, I, Decree(0)).unwrap()), (1..=20).collect::<Vec<_>>());
    assert!(log.tail(G, I, Decree(90)).unwrap().mutations.is_empty());
}

#[test]
fn a_copy_that_no_longer_lives_here_keeps_nothing() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let _replica = fill(&log, G, 1..=60);
    let before = log.stats().segments;
    assert_eq!(log.collect_garbage(&|_, _| None).unwrap().segments, before - 1);
}

#[test]
fn a_pin_keeps_records_until_it_is_dropped_or_its_deadline_passes() {
    let dir = dir();
    let clock = ManualClock::new();
    let (log, _) = DiskLog::open(LogOptions { clock: Clock::Manual(Arc::clone(&clock)), ..options(&dir) }).unwrap();
    let replica = fill(&log, G, 1..=60);
    let collect = || log.collect_garbage(&|_, _| Some(Decree(60))).unwrap().segments;
    let now = || Clock::Manual(Arc::clone(&clock)).mono();
    let pin = replica.pin(Decree(1), now() + Duration::from_secs(10));
    assert_eq!(collect(), 0);
    assert_eq!(replica.read(Decree(1), 1).unwrap().len(), 1);
    let _late = replica.pin(Decree(20), now() + Duration::from_secs(1));
    drop(pin);
    assert!(collect() > 0);
    assert!(replica.read(Decree(20), 1).is_ok());
    clock.advance(Duration::from_secs(2));
    assert!(collect() > 0);
    assert!(replica.read(Decree(20), 1).is_err());
}

#[test]
fn a_tail_that_cannot_be_flushed_is_copied_to_the_head_and_lets_the_segment_go() {
    let dir = dir();
    let (log, _) = DiskLog::open(LogOptions { held_bytes_target: 0, ..options(&dir) }).unwrap();
    let stuck = fill(&log, H, 1..=3);
    let _fast = fill(&log, G, 1..=60);
    let flushed = |g, _| Some(if g == H { Decree(1) } else { Decree(60) });
    assert_eq!(log.collect_garbage(&flushed).unwrap().segments, 0);
    assert_eq!(log.laggards().len(), 1);
    assert_eq!(log.copy_forward(H, I, Decree(1), WAIT).unwrap(), 2);
    assert!(log.collect_garbage(&flushed).unwrap().segments > 0);
    assert_eq!(stuck.read(Decree(2), usize::MAX).unwrap().len(), 2);
    let _next = fill(&log, H, 4..=4);
    drop((stuck, _fast, _next, log));
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(decrees(&log.tail(H, I, Decree(1)).unwrap()), vec![2, 3, 4]);
}

#[test]
fn a_tail_is_copied_to_another_disk_under_another_incarnation() {
    let (here, there) = (dir(), dir());
    let (log, target) = (DiskLog::open(options(&here)).unwrap().0, DiskLog::open(options(&there)).unwrap().0);
    let _replica = fill(&log, G, 1..=9);
    assert_eq!(log.copy_tail((G, I), Decree(4), &target, Incarnation(2), WAIT).unwrap(), Decree(9));
    drop(target);
    let (target, _) = DiskLog::open(options(&there)).unwrap();
    assert_eq!(decrees(&target.tail(G, Incarnation(2), Decree(4)).unwrap()), vec![5, 6, 7, 8, 9]);
    assert_eq!(decrees(&target.tail(G, I, Decree(4)).unwrap()), Vec::<u64>::new());
}

#[test]
fn a_write_of_half_a_frame_is_refused_at_the_door_and_a_record_that_no_frame_can_hold_at_the_log() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    assert!(matches!(log.reserve(8200), Err(LogError::TooLarge { .. })));
    let _held = log.reserve(8000).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    sink.append(&replica, mutation(1, 1, 20_000));
    assert!(matches!(sink.failure(), LogError::TooLarge { .. }));
    sink.append(&replica, mutation(1, 2, 10));
    assert!(support::eventually(|| matches!(sink.failure(), LogError::Gap { .. })), "it would follow a gap");
}

#[test]
fn a_closed_log_refuses_appends() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    log.close();
    sink.append(&replica, mutation(1, 1, 10));
    assert!(matches!(sink.failure(), LogError::Closed { .. }));
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_changed() {
    let dir = dir();
    drop(DiskLog::open(options(&dir)).unwrap());
    let path = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().contains("log."))
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[7] = 2;
    std::fs::write(&path, &bytes).unwrap();
    let list = || std::fs::read_dir(dir.path()).unwrap().count();
    let before = list();
    assert!(matches!(DiskLog::open(options(&dir)), Err(LogError::NewerFormat { version: 2, .. })));
    assert_eq!((std::fs::read(&path).unwrap(), list()), (bytes, before));
}
