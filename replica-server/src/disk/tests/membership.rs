//! Disks that are marked, added and removed while the node runs.

use super::*;

fn tags(disks: &DiskManager) -> Vec<String> {
    disks.disks().iter().map(|disk| disk.tag().to_owned()).collect()
}

fn refused(disks: &DiskManager, tag: &str, path: &Path) -> DiskSetError {
    disks.prepare(tag, path).unwrap_err()
}

fn add(disks: &DiskManager, tag: &str, path: &Path) -> std::sync::Arc<DataDir> {
    let dir = disks.prepare(tag, path).unwrap();
    disks.admit(&dir).unwrap();
    dir
}

/// As the node does it, without a log.
fn remove(disks: &DiskManager, tag: &str, purge: bool) -> Result<(), DiskSetError> {
    let disk = disks.leave(tag)?;
    let empty = disks.empty(&disk, purge);
    if empty.is_err() {
        disks.stay(&disk);
        return empty;
    }
    disks.detach(&disk);
    disks.forget(&disk)
}

impl Node {
    fn clustered(&self) -> DiskManager {
        let disks = self.open();
        disks.set_cluster(Uuid::from_u128(1)).unwrap();
        disks
    }
}

#[test]
fn an_added_disk_takes_replicas_and_is_there_after_a_start() {
    let node = Node::new();
    let disks = node.clustered();
    let added = add(&disks, "disk3", &node.path("disk3"));
    assert_eq!(tags(&disks), ["disk1", "disk2", "disk3"]);
    for disk in ["disk1", "disk2"] {
        disks.set_draining(disk, true).unwrap();
    }
    assert_eq!(disks.choose().unwrap().tag(), "disk3");
    let uuid = added.uuid();
    drop((disks, added));
    let disks = node.open();
    assert_eq!(tags(&disks), ["disk1", "disk2", "disk3"]);
    let disk3 = disks.disk("disk3").unwrap();
    assert!(disk3.is_added() && disk3.uuid() == uuid && disk3.status() == DiskStatus::Normal);
    drop((disks, disk3));
    let disks = DiskManager::open(&node.options(&["disk1", "disk2", "disk3"])).unwrap();
    assert!(!disks.disk("disk3").unwrap().is_added(), "the configuration names it by now");
}

#[test]
fn an_added_disk_is_found_again_though_the_home_is_lost_and_missed_if_its_mount_is() {
    let node = Node::new();
    let disks = node.clustered();
    let uuid = add(&disks, "disk3", &node.path("disk3")).uuid();
    drop(disks);
    fs::remove_dir_all(node.path("home")).unwrap();
    fs::remove_dir_all(node.path("disk3")).unwrap();
    let disks = node.open();
    let disk3 = disks.disk("disk3").unwrap();
    assert_eq!((disk3.status(), disk3.uuid()), (DiskStatus::IoError, uuid));
    assert_eq!(disks.scan().absent, [uuid]);
}

#[test]
fn an_older_program_is_kept_from_disks_that_it_would_overlook() {
    let node = Node::new();
    let disks = node.clustered();
    add(&disks, "disk3", &node.path("disk3"));
    let text = fs::read_to_string(layout::identity_file(&node.path("disk1"))).unwrap();
    assert!(text.starts_with("godwit disk 2 "), "{text}");
    remove(&disks, "disk3", false).unwrap();
    let text = fs::read_to_string(layout::identity_file(&node.path("disk1"))).unwrap();
    assert!(text.starts_with("godwit disk 1 "), "{text}");
}

#[test]
fn what_is_no_new_disk_is_refused_and_nothing_is_written() {
    let (node, other) = (Node::new(), Node::new());
    let disks = node.clustered();
    other.open().set_cluster(Uuid::from_u128(2)).unwrap();
    let own = node.path("x");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("file"), "of somebody").unwrap();
    let newer = node.path("newer");
    fs::create_dir(&newer).unwrap();
    common::fs::write_checked(&layout::identity_file(&newer), "disk", identity::FORMAT + 1, &1).unwrap();
    let copy = node.path("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(layout::identity_file(&node.path("disk1")), layout::identity_file(&copy)).unwrap();
    assert!(matches!(refused(&disks, "a:b", &node.path("y")), DiskSetError::Malformed(_)));
    assert!(matches!(refused(&disks, "", &node.path("y")), DiskSetError::Malformed(_)));
    assert!(matches!(refused(&disks, "disk3", Path::new("relative")), DiskSetError::Malformed(_)));
    assert!(matches!(refused(&disks, "disk3", &node.path("no/where")), DiskSetError::Malformed(_)));
    assert!(matches!(refused(&disks, "disk1", &node.path("y")), DiskSetError::Taken(_)));
    assert!(matches!(refused(&disks, "disk3", &node.path("disk1")), DiskSetError::Taken(_)));
    assert!(matches!(refused(&disks, "disk3", &node.path("disk1/inside")), DiskSetError::Taken(_)));
    assert!(matches!(refused(&disks, "disk3", &own), DiskSetError::NotBlank(..)));
    assert!(matches!(refused(&disks, "disk3", &newer), DiskSetError::Newer(_)));
    assert!(matches!(refused(&disks, "disk3", &copy), DiskSetError::Foreign(_)));
    assert!(matches!(refused(&disks, "disk3", &other.path("disk1")), DiskSetError::Foreign(_)));
    assert_eq!(tags(&disks), ["disk1", "disk2"]);
    for untouched in ["y", "no"] {
        assert!(!node.path(untouched).exists(), "{untouched}");
    }
    assert_eq!(fs::read_dir(&own).unwrap().count(), 1);
    let errors = [refused(&disks, "disk3", &own), refused(&disks, "disk3", &copy), refused(&disks, "disk3", &newer)];
    assert!(errors.iter().all(|error| !error.to_wire().hint.is_empty()));
}

#[test]
fn a_disk_that_another_process_uses_is_not_taken() {
    let (node, other) = (Node::new(), Node::new());
    let (disks, theirs) = (node.clustered(), other.clustered());
    assert!(matches!(refused(&disks, "disk3", &other.path("disk1")), DiskSetError::Locked(_)));
    drop(theirs);
    add(&disks, "disk3", &other.path("disk1"));
}

#[test]
fn a_disk_of_this_cluster_comes_back_only_empty() {
    let node = Node::new();
    let disks = node.clustered();
    let uuid = disks.disk("disk2").unwrap().uuid();
    remove(&disks, "disk2", false).unwrap();
    let kept = layout::garbage_dir(&node.path("disk2"), G, "1");
    fs::create_dir(&kept).unwrap();
    assert!(matches!(refused(&disks, "disk2", &node.path("disk2")), DiskSetError::HoldsReplicas(..)));
    fs::remove_dir(&kept).unwrap();
    let back = add(&disks, "disk2", &node.path("disk2"));
    assert_eq!((back.uuid(), back.is_added()), (uuid, false), "data_dirs names it still");
    drop((disks, back));
    assert_eq!(tags(&node.open()), ["disk1", "disk2"]);
}

#[test]
fn a_removed_disk_is_not_opened_again_until_the_configuration_has_agreed() {
    let node = Node::new();
    let disks = node.clustered();
    remove(&disks, "disk2", false).unwrap();
    assert_eq!(tags(&disks), ["disk1"]);
    drop(disks);
    assert_eq!(tags(&node.open()), ["disk1"], "data_dirs names it, the record says that it is gone");
    fs::remove_dir_all(node.path("home")).unwrap();
    assert_eq!(tags(&node.open()), ["disk1"], "its neighbour remembers that too");
    drop(DiskManager::open(&node.options(&["disk1"])).unwrap());
    assert_eq!(tags(&node.open()), ["disk1", "disk2"], "it was taken out of data_dirs and put in again");
}

#[test]
fn a_disk_with_a_replica_or_with_what_may_be_a_last_copy_is_not_removed() {
    let node = Node::new();
    let disks = node.clustered();
    let (first, second) = (disks.disk("disk1").unwrap(), disks.disk("disk2").unwrap());
    let live = layout::replica_dir(second.path(), G);
    replica(&second, &live, 1, None);
    let error = remove(&disks, "disk2", true).unwrap_err().to_wire();
    assert!(error.message.contains(&G.to_string()) && error.hint.contains("disk-drain"), "{error:?}");
    fs::remove_dir_all(&live).unwrap();
    let origin = layout::origin_dir(second.path(), G);
    replica(&second, &origin, 1, Some(JOB));
    assert!(remove(&disks, "disk2", true).is_err(), "nothing newer is there");
    assert!(origin.exists() && second.takes_replicas());
    replica(&first, &layout::replica_dir(first.path(), G), 2, Some(JOB));
    let error = remove(&disks, "disk2", false).unwrap_err().to_wire();
    assert!(error.hint.contains("--purge-garbage"), "{error:?}");
    disks.hold(G);
    assert!(remove(&disks, "disk2", true).is_err(), "a job uses it");
    disks.release(G);
    remove(&disks, "disk2", true).unwrap();
    assert!(!origin.exists());
}

#[test]
fn the_last_disk_and_the_one_with_the_home_stay() {
    let node = Node::new();
    let options = DiskOptions { home: node.path("disk1/jobs-here"), ..node.options(&["disk1", "disk2"]) };
    let disks = DiskManager::open(&options).unwrap();
    assert!(matches!(remove(&disks, "disk1", false), Err(DiskSetError::Needed(_))));
    remove(&disks, "disk2", false).unwrap();
    drop(disks);
    let disks = DiskManager::open(&node.options(&["disk1", "disk3"])).unwrap();
    disks.fail("disk3", "test");
    assert!(matches!(remove(&disks, "disk1", false), Err(DiskSetError::Needed(_))));
    assert!(matches!(remove(&disks, "disk9", false), Err(DiskSetError::Unknown(..))));
}

#[test]
fn a_disk_that_stays_after_all_stands_where_it_stood() {
    let node = Node::new();
    let disks = node.open();
    let disk = disks.leave("disk1").unwrap();
    assert_eq!(disks.choose().unwrap().tag(), "disk2");
    let at = disks.detach(&disk);
    assert_eq!(tags(&disks), ["disk2"]);
    disks.attach(&disk, at);
    disks.stay(&disk);
    assert_eq!(tags(&disks), ["disk1", "disk2"]);
    assert!(disk.takes_replicas());
}

fn marks(disks: &DiskManager) -> Vec<(String, bool)> {
    disks.figures().into_iter().map(|disk| (disk.tag, disk.draining)).collect()
}

#[test]
fn a_draining_disk_gets_no_new_replica_and_is_remembered_across_a_start() {
    let node = Node::new();
    let disks = node.open();
    disks.set_draining("disk1", true).unwrap();
    assert!((0..3).all(|_| disks.choose().unwrap().tag() == "disk2"));
    drop(disks);
    let disks = node.open();
    assert_eq!(marks(&disks), [("disk1".into(), true), ("disk2".into(), false)]);
    disks.set_draining("disk1", false).unwrap();
    drop(disks);
    assert_eq!(marks(&node.open()), [("disk1".into(), false), ("disk2".into(), false)]);
    assert!(matches!(node.open().set_draining("disk9", true), Err(DiskSetError::Unknown(..))));
}

#[test]
fn a_failed_disk_can_be_marked_and_the_mark_survives_the_loss_of_the_home() {
    let node = Node::new();
    let disks = node.open();
    disks.fail("disk2", "test");
    disks.set_draining("disk2", true).unwrap();
    drop(disks);
    fs::remove_dir_all(node.path("home")).unwrap();
    assert_eq!(marks(&node.open()), [("disk1".into(), false), ("disk2".into(), true)]);
}

#[test]
fn without_a_record_nothing_is_marked() {
    let node = Node::new();
    let disks = node.open();
    fs::remove_dir_all(node.path("home")).unwrap();
    fs::write(node.path("home"), "in the way").unwrap();
    assert!(matches!(disks.set_draining("disk1", true), Err(DiskSetError::Record(..))));
    assert_eq!(marks(&disks), [("disk1".into(), false), ("disk2".into(), false)]);
    assert_eq!(disks.choose().unwrap().tag(), "disk1");
}

#[test]
fn what_an_earlier_program_wrote_is_read_and_it_reads_what_changes_nothing_for_it() {
    let node = Node::new();
    let disks = node.open();
    let first = disks.disk("disk1").unwrap();
    let text = fs::read_to_string(layout::identity_file(first.path())).unwrap();
    assert!(text.starts_with("godwit disk 1 "), "{text}");
    let known: Vec<_> =
        ["disk1", "disk2"].map(|tag| serde_json::json!({"tag": tag, "disk": disks.disk(tag).unwrap().uuid()})).into();
    for tag in ["disk1", "disk2"] {
        let old =
            serde_json::json!({"cluster": null, "disk": disks.disk(tag).unwrap().uuid(), "tag": tag, "disks": known});
        common::fs::write_checked(&layout::identity_file(&node.path(tag)), "disk", 1, &old).unwrap();
    }
    let before: Vec<_> = disks.disks().iter().map(|disk| disk.uuid()).collect();
    drop((disks, first));
    fs::remove_dir_all(node.path("home")).unwrap();
    fs::remove_dir_all(node.path("disk2")).unwrap();
    let disks = node.open();
    assert_eq!(disks.disks().iter().map(|disk| disk.uuid()).collect::<Vec<_>>(), before);
    assert_eq!(status(&disks, "disk2").0, DiskStatus::IoError, "a lost mount is noticed by the old record too");
}
