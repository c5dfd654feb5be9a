//! Disks in temporary directories.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::rpc::node_admin::DiskStatus;
use common::types::{Ballot, Decree, Gpid, Incarnation};
use replica_state::recover::{DirKind, Seal};
use uuid::Uuid;

use super::*;

mod membership;

const G: Gpid = Gpid::new(1, 0);
const JOB: Uuid = Uuid::from_u128(0xa);
const DAY_MS: u64 = 24 * 3600 * 1000;

struct Node {
    dir: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, tag: &str) -> PathBuf {
        self.dir.path().join(tag)
    }

    fn options(&self, tags: &[&str]) -> DiskOptions {
        let disks = tags.iter().map(|tag| ((*tag).to_owned(), self.path(tag))).collect();
        let limits = SpaceLimits { low_percent: 0, low_bytes: 0 };
        DiskOptions { disks, home: self.path("home"), limits, lives: TrashLives::default() }
    }

    fn open(&self) -> DiskManager {
        DiskManager::open(&self.options(&["disk1", "disk2"])).unwrap()
    }

    fn refused(&self) -> OpenDisksError {
        DiskManager::open(&self.options(&["disk1", "disk2"])).unwrap_err()
    }
}

fn replica(disk: &DataDir, dir: &Path, incarnation: u64, job: Option<Uuid>) {
    fs::create_dir_all(layout::rdb_dir(dir)).unwrap();
    let info = ReplicaInfo::new(G, Incarnation(incarnation), Ballot(1), disk.uuid());
    ReplicaInfo { job, ..info }.write(dir).unwrap();
}

fn status(disks: &DiskManager, tag: &str) -> (DiskStatus, String) {
    let disk = disks.disk(tag).unwrap();
    (disk.status(), disk.reason().unwrap_or_default())
}

#[test]
fn new_disks_get_an_identity_that_they_keep() {
    let node = Node::new();
    let first: Vec<_> = node.open().disks().iter().map(|disk| disk.uuid()).collect();
    let second: Vec<_> = node.open().disks().iter().map(|disk| disk.uuid()).collect();
    assert_eq!(first, second);
    assert!(first[0] != first[1] && !first[0].is_nil());
}

#[test]
fn a_known_directory_without_its_file_has_failed_and_is_not_filled_anew() {
    let node = Node::new();
    let lost = node.open().disk("disk2").unwrap().uuid();
    fs::remove_dir_all(node.path("disk2")).unwrap();
    for mounted_empty in [false, true] {
        if mounted_empty {
            fs::create_dir(node.path("disk2")).unwrap();
        }
        let disks = node.open();
        let (status, reason) = status(&disks, "disk2");
        assert_eq!(status, DiskStatus::IoError);
        assert!(reason.contains("mounted"), "{reason}");
        assert_eq!(disks.scan().absent, [lost]);
        assert!(!layout::identity_file(&node.path("disk2")).exists(), "nothing is written");
    }
}

#[test]
fn a_disk_that_comes_back_is_itself_again() {
    let node = Node::new();
    let before = node.open().disk("disk2").unwrap().uuid();
    let away = node.path("away");
    common::fs::durable_rename(&node.path("disk2"), &away).unwrap();
    drop(node.open());
    common::fs::durable_rename(&away, &node.path("disk2")).unwrap();
    let disks = node.open();
    assert_eq!(disks.disk("disk2").unwrap().uuid(), before);
    assert_eq!(status(&disks, "disk2").0, DiskStatus::Normal);
}

#[test]
fn a_directory_with_something_else_in_it_is_not_taken() {
    let node = Node::new();
    fs::create_dir_all(node.path("disk2").join("photos")).unwrap();
    let disks = node.open();
    assert_eq!(status(&disks, "disk2").0, DiskStatus::IoError);
    assert_eq!(fs::read_dir(node.path("disk2")).unwrap().count(), 1);
}

#[test]
fn a_newer_format_is_refused_before_anything_is_written() {
    let node = Node::new();
    drop(node.open());
    fs::remove_dir_all(node.path("disk1")).unwrap();
    common::fs::write_checked(&layout::identity_file(&node.path("disk2")), "disk", identity::FORMAT + 1, &1).unwrap();
    assert!(matches!(node.refused(), OpenDisksError::Newer(_)));
    assert!(!node.path("disk1").exists());
}

#[test]
fn a_second_process_is_locked_out() {
    let node = Node::new();
    let first = node.open();
    assert!(matches!(node.refused(), OpenDisksError::Locked(_)));
    drop(first);
    node.open();
}

#[test]
fn a_copied_disk_and_disks_of_two_clusters_are_refused() {
    let (node, other) = (Node::new(), Node::new());
    node.open().set_cluster(Uuid::from_u128(1)).unwrap();
    other.open().set_cluster(Uuid::from_u128(2)).unwrap();
    let mixed = DiskOptions {
        disks: vec![("a".into(), node.path("disk1")), ("b".into(), other.path("disk1"))],
        ..node.options(&[])
    };
    assert!(matches!(DiskManager::open(&mixed).unwrap_err(), OpenDisksError::MixedClusters(..)));
    fs::copy(layout::identity_file(&node.path("disk1")), layout::identity_file(&node.path("disk2"))).unwrap();
    assert!(matches!(node.refused(), OpenDisksError::SameDisk(..)));
}

#[test]
fn the_cluster_is_remembered_by_every_disk() {
    let node = Node::new();
    let disks = node.open();
    assert_eq!(disks.cluster(), None);
    disks.set_cluster(Uuid::from_u128(1)).unwrap();
    assert!(disks.set_cluster(Uuid::from_u128(2)).is_err());
    drop(disks);
    assert_eq!(node.open().cluster(), Some(Uuid::from_u128(1)));
}

#[test]
fn new_replicas_go_to_the_emptiest_disk_and_take_turns_on_equal_ones() {
    let node = Node::new();
    let disks = node.open();
    let chosen = |disks: &DiskManager| disks.choose().unwrap().tag().to_owned();
    assert_eq!([chosen(&disks), chosen(&disks), chosen(&disks)], ["disk1", "disk2", "disk1"]);
    disks.poll();
    let first = disks.disk("disk1").unwrap();
    replica(&first, &layout::replica_dir(first.path(), G), 1, None);
    assert_eq!(chosen(&disks), "disk2");
    disks.fail("disk2", "test");
    assert_eq!(chosen(&disks), "disk1");
    disks.fail("disk1", "test");
    assert!(disks.choose().is_none());
}

#[test]
fn a_full_disk_says_so_and_recovers_by_itself() {
    let node = Node::new();
    let options =
        DiskOptions { limits: SpaceLimits { low_percent: 10, low_bytes: u64::MAX }, ..node.options(&["disk1"]) };
    let disks = DiskManager::open(&options).unwrap();
    let available = |bytes| move |_: &Path| Ok(Space { capacity_bytes: 1000, available_bytes: bytes });
    disks.poll_with(available(50));
    assert_eq!(status(&disks, "disk1").0, DiskStatus::SpaceInsufficient);
    assert!(disks.choose().is_none());
    disks.poll_with(available(500));
    assert_eq!(status(&disks, "disk1").0, DiskStatus::Normal);
    disks.poll_with(|_: &Path| Err(io::Error::other("gone")));
    assert_eq!(status(&disks, "disk1").0, DiskStatus::IoError);
}

#[test]
fn an_interrupted_move_is_rolled_forward_at_start() {
    let node = Node::new();
    let disks = node.open();
    let (first, second) = (disks.disk("disk1").unwrap(), disks.disk("disk2").unwrap());
    replica(&first, &layout::replica_dir(first.path(), G), 1, Some(JOB));
    let tmp = layout::move_tmp_dir(second.path(), G);
    replica(&second, &tmp, 2, Some(JOB));
    write_seal(&tmp, &Seal { job: JOB, incarnation: Incarnation(2), last: Decree(7) }).unwrap();
    let recovered = disks.recover(&disks.scan(), &BTreeMap::new(), 0);
    assert_eq!(recovered.open.len(), 1);
    assert_eq!((recovered.open[0].disk.as_str(), recovered.open[0].info.incarnation), ("disk2", Incarnation(2)));
    assert!(recovered.open[0].dir.is_dir() && layout::origin_dir(first.path(), G).is_dir());
    assert!(!layout::replica_dir(first.path(), G).exists() && !tmp.exists());
}

#[test]
fn an_absent_disk_makes_its_partitions_wait_until_their_configuration_is_known() {
    let node = Node::new();
    let disks = node.open();
    let first = disks.disk("disk1").unwrap();
    replica(&first, &layout::replica_dir(first.path(), G), 1, None);
    disks.fail("disk2", "test");
    let scan = disks.scan();
    assert_eq!(scan.gpids(), [G]);
    assert_eq!(disks.recover(&scan, &BTreeMap::new(), 0).waiting, [G]);
    let configured = BTreeMap::from([(G, Incarnation(1))]);
    assert_eq!(disks.recover(&scan, &configured, 0).open.len(), 1);
}

#[test]
fn trash_is_kept_for_its_recorded_time_and_no_longer() {
    let node = Node::new();
    let disks = node.open();
    let first = disks.disk("disk1").unwrap();
    let live = layout::replica_dir(first.path(), G);
    replica(&first, &live, 1, None);
    disks.set_aside("disk1", &live, 1000).unwrap();
    assert!(!live.exists());
    assert!(disks.collect_garbage(1000 + DAY_MS - 1).is_empty());
    let removed = disks.collect_garbage(1000 + DAY_MS);
    assert_eq!(removed.iter().map(|trash| trash.kind).collect::<Vec<_>>(), [DirKind::Garbage]);
    assert!(disks.trash().is_empty());
}

#[test]
fn an_origin_without_a_recorded_time_begins_to_age_when_it_is_first_seen() {
    let node = Node::new();
    let disks = node.open();
    let (first, second) = (disks.disk("disk1").unwrap(), disks.disk("disk2").unwrap());
    replica(&first, &layout::origin_dir(first.path(), G), 1, Some(JOB));
    replica(&second, &layout::replica_dir(second.path(), G), 2, Some(JOB));
    assert!(disks.collect_garbage(100 * DAY_MS).is_empty());
    assert!(disks.collect_garbage(107 * DAY_MS - 1).is_empty());
    assert_eq!(disks.collect_garbage(107 * DAY_MS).len(), 1);
}

#[test]
fn an_origin_stays_while_nothing_newer_is_there_or_a_job_uses_it() {
    let node = Node::new();
    let disks = node.open();
    let (first, second) = (disks.disk("disk1").unwrap(), disks.disk("disk2").unwrap());
    let origin = layout::origin_dir(first.path(), G);
    replica(&first, &origin, 1, Some(JOB));
    note_time(&origin, 0).unwrap();
    assert!(disks.collect_garbage(100 * DAY_MS).is_empty());
    replica(&second, &layout::replica_dir(second.path(), G), 2, Some(JOB));
    disks.hold(G);
    assert!(disks.collect_garbage(100 * DAY_MS).is_empty());
    disks.release(G);
    assert_eq!(disks.collect_garbage(100 * DAY_MS).len(), 1);
}

#[test]
fn two_directories_set_aside_at_one_time_get_two_names() {
    let node = Node::new();
    let disks = node.open();
    let first = disks.disk("disk1").unwrap();
    let live = layout::replica_dir(first.path(), G);
    for _ in 0..2 {
        replica(&first, &live, 1, None);
        disks.set_aside_damaged("disk1", &live, 5).unwrap();
    }
    assert_eq!(disks.trash().len(), 2);
}
