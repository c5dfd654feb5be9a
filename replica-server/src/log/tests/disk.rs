//! A full disk and a broken one.

use std::path::{Path, PathBuf};
use std::process::Command;

use common::fault::{Action, Point, arm, disarm};
use common::types::{Decree, Gpid, Incarnation};

use super::support::{Seen, WAIT, decrees, dir, eventually, mutation, name, options, options_at};
use crate::log::{DiskLog, LogError, LogOptions, LogStatus};

const G: Gpid = Gpid::new(1, 0);
const I: Incarnation = Incarnation(1);

/// A tmpfs of a few megabytes, unmounted at the end. `None` where this user may not mount.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: &Path) -> Option<Self> {
        let options = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(dir).status().is_ok_and(|status| status.success());
        mounted.then(|| Self(dir.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_reservations_in_words_keeps_what_it_has_and_recovers_by_itself() {
    let dir = dir();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    let options = LogOptions { reserve_bytes: 256 << 10, ..options_at(disk.0.join("log")) };
    let (log, _) = DiskLog::open(options.clone()).unwrap();
    assert!(log.reserve(1000).is_ok());
    let ballast = disk.0.join("ballast");
    let filled = std::fs::write(&ballast, vec![1; 4 << 20]).unwrap_err();
    assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);

    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    let mut decree = 0;
    let refused = loop {
        match log.reserve(8000) {
            Ok(_held) => {
                decree += 1;
                sink.append(&replica, mutation(1, decree, 8000));
                sink.wait(decree as usize);
            }
            Err(error) => break error,
        }
        assert!(decree < 100, "never full");
    };
    assert!(refused.to_string().contains("free space"), "{refused}");
    // The refusal comes first; the writer's thread then gives the reserve up.
    assert!(eventually(|| log.status() == LogStatus::NoSpace));
    let given_up = eventually(|| !disk.0.join("log/reserve").exists());
    assert!(given_up, "the reserve is given up, so that memtables can be flushed");
    std::fs::write(disk.0.join("flushed"), vec![1; 128 << 10]).unwrap();

    std::fs::remove_file(&ballast).unwrap();
    assert!(eventually(|| log.reserve(8000).is_ok()));
    assert_eq!(log.status(), LogStatus::Normal);
    sink.append(&replica, mutation(1, decree + 1, 8000));
    sink.wait(decree as usize + 1);
    assert!(eventually(|| disk.0.join("log/reserve").exists()));
    drop((replica, log));
    let (log, recovery) = DiskLog::open(options).unwrap();
    assert_eq!(recovery.damage, vec![]);
    assert_eq!(decrees(&log.tail(G, I, Decree(0)).unwrap()), (1..=decree + 1).collect::<Vec<_>>());
    log.close();
}

#[test]
fn a_log_opens_on_a_full_disk_and_goes_on_when_there_is_space() {
    let dir = dir();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    let options = options_at(disk.0.join("log"));
    let (log, _) = DiskLog::open(options.clone()).unwrap();
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    sink.append(&replica, mutation(1, 1, 100));
    sink.wait(1);
    drop((replica, log));
    let ballast = disk.0.join("ballast");
    assert!(std::fs::remove_file(disk.0.join("log/reserve")).is_ok());
    assert!(std::fs::write(&ballast, vec![1; 4 << 20]).is_err());
    let spares = std::fs::read_dir(disk.0.join("log")).unwrap().map(|entry| entry.unwrap().path());
    spares.filter(|path| path.to_string_lossy().contains("spare")).for_each(|path| std::fs::remove_file(path).unwrap());
    assert!(
        std::fs::OpenOptions::new()
            .append(true)
            .open(&ballast)
            .and_then(|mut f| std::io::Write::write_all(&mut f, &[1; 4 << 20]))
            .is_err()
    );

    let (log, _) = DiskLog::open(options).unwrap();
    assert_eq!(log.status(), LogStatus::NoSpace);
    assert_eq!(decrees(&log.tail(G, I, Decree(0)).unwrap()), vec![1]);
    let (sink, replica) = attach(&log);
    sink.append(&replica, mutation(1, 2, 100));
    assert!(matches!(sink.failure(), LogError::NoSpace { .. }));
    std::fs::remove_file(&ballast).unwrap();
    assert!(eventually(|| log.status() == LogStatus::Normal));
    let (sink, replica) = attach(&log);
    sink.append(&replica, mutation(1, 2, 100));
    sink.wait(1);
    log.close();
}

#[test]
fn a_log_that_was_full_goes_on_with_the_segments_that_it_needs_no_more() {
    let dir = dir();
    let Some(disk) = SmallDisk::mount(dir.path()) else { return };
    let (log, _) = DiskLog::open(options_at(disk.0.join("log"))).unwrap();
    let (sink, replica) = attach(&log);
    let mut decree = 0;
    while log.status() == LogStatus::Normal {
        decree += 1;
        sink.append(&replica, mutation(1, decree, 8000));
        sink.wait(decree as usize);
        // The thread looks for the next spare after it has answered.
        let _ = eventually(|| log.stats().capacity_bytes > 16 << 10 || log.status() != LogStatus::Normal);
        assert!(decree < 1000, "never full");
    }
    // Others take what the reserve gave up.
    let taken = std::fs::write(disk.0.join("ballast"), vec![1; 4 << 20]);
    assert!(taken.is_err());
    assert!(log.collect_garbage(&|_, _| Some(Decree(decree))).unwrap().segments > 2);
    assert!(eventually(|| log.status() == LogStatus::Normal), "{:?}", log.stats());
    assert!(disk.0.join("log/reserve").exists());
    sink.append(&replica, mutation(1, decree + 1, 8000));
    sink.wait(decree as usize + 1);
    log.close();
}

fn attach(log: &DiskLog) -> (std::sync::Arc<Seen>, crate::log::ReplicaLog) {
    let sink = Seen::new();
    let replica = log.attach(G, I, sink.clone());
    (sink, replica)
}

#[test]
fn a_failed_fsync_poisons_the_log_and_is_never_tried_again() {
    for point in [Point::LogSync, Point::LogWrite] {
        let dir = dir();
        let (log, _) = DiskLog::open(options(&dir)).unwrap();
        let (sink, replica) = attach(&log);
        sink.append(&replica, mutation(1, 1, 100));
        sink.wait(1);
        arm(point, Action::Error, 1, &name(&dir));
        sink.append(&replica, mutation(1, 2, 100));
        assert!(sink.failure().is_disk_failure());
        disarm(&name(&dir));
        let syncs = log.stats().syncs_us.count;
        let (late, again) = attach(&log);
        late.append(&again, mutation(1, 2, 100));
        assert!(matches!(late.failure(), LogError::Poisoned { .. }), "{point:?}");
        assert!(matches!(log.reserve(1000), Err(LogError::Poisoned { .. }) | Ok(_)));
        assert!(matches!(log.status(), LogStatus::IoError(_)));
        assert!(log.sync(WAIT).is_err());
        log.close();
        assert_eq!(log.stats().syncs_us.count, syncs);
        assert_eq!(sink.durable_up_to(), 1);
        assert_eq!(replica.read(Decree(1), 10).unwrap().len(), 1, "what is there can be read");
    }
}

#[test]
fn a_write_without_space_fails_its_replicas_and_the_log_goes_on_in_a_new_segment() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    let (sink, replica) = attach(&log);
    sink.append(&replica, mutation(1, 1, 100));
    sink.wait(1);
    let before = log.stats().segments;
    arm(Point::LogWrite, Action::NoSpace, 1, &name(&dir));
    sink.append(&replica, mutation(1, 2, 100));
    assert!(matches!(sink.failure(), LogError::NoSpace { .. }));
    disarm(&name(&dir));
    let (sink, replica) = attach(&log);
    sink.append(&replica, mutation(2, 2, 100));
    sink.wait(1);
    assert_eq!(log.stats().segments, before + 1);
    drop((replica, log));
    let (log, recovery) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(recovery.damage, vec![]);
    assert_eq!(decrees(&log.tail(G, I, Decree(0)).unwrap()), vec![1, 2]);
}

#[test]
fn a_disk_that_hangs_shows_by_the_age_of_its_oldest_append() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    assert_eq!(log.oldest_append(), None);
    arm(Point::LogSync, Action::Hang(std::time::Duration::from_millis(200)), 1, &name(&dir));
    let (sink, replica) = attach(&log);
    sink.append(&replica, mutation(1, 1, 100));
    assert!(log.oldest_append().is_some());
    sink.wait(1);
    disarm(&name(&dir));
    assert!(eventually(|| log.oldest_append().is_none()));
}

#[test]
fn a_segment_that_cannot_be_made_for_a_broken_disk_poisons_the_log() {
    let dir = dir();
    let (log, _) = DiskLog::open(options(&dir)).unwrap();
    arm(Point::LogSegment, Action::Error, 1, &name(&dir));
    let (sink, replica) = attach(&log);
    for decree in 1..=40 {
        sink.append(&replica, mutation(1, decree, 5000));
    }
    assert!(matches!(sink.failure(), LogError::Poisoned { .. }));
    disarm(&name(&dir));
}
