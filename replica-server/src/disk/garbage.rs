//! What operators see of directories that have lost their name, and their removal before their time.

use std::fs;
use std::path::Path;

use common::rpc::garbage::{GarbageDir, GarbageKind, GcRequest};
use replica_state::recover::DirKind;

use super::{DiskManager, TrashDir};

impl DiskManager {
    /// Lists what has lost its name, in order of disk and name; with `remove`, removes at once what nothing keeps.
    /// Blocks for long: every file is looked at, and removing takes its time.
    #[must_use]
    pub fn garbage(&self, request: &GcRequest, now_ms: u64) -> Vec<GarbageDir> {
        let wanted = |trash: &TrashDir| {
            let on = request.disk.as_ref().is_none_or(|disk| *disk == trash.disk);
            on && request.gpid.is_none_or(|gpid| gpid == trash.gpid)
        };
        let all = self.trash().into_iter().filter(wanted);
        all.filter_map(|trash| self.garbage_dir(&trash, request.remove, now_ms)).collect()
    }

    fn garbage_dir(&self, trash: &TrashDir, remove: bool, now_ms: u64) -> Option<GarbageDir> {
        let kind = kind(trash.kind)?;
        let size_bytes = size_of(&trash.path);
        let discarded = if remove { self.discard(trash) } else { Ok(self.keeper(trash)) };
        let (removed, kept) = match discarded {
            Ok(None) => (remove, None),
            Ok(Some(keeper)) => (false, Some(keeper.to_string())),
            Err(error) => (false, Some(format!("it cannot be removed: {error}"))),
        };
        Some(GarbageDir {
            disk: trash.disk.clone(),
            path: trash.path.display().to_string(),
            gpid: trash.gpid,
            kind,
            incarnation: trash.incarnation,
            size_bytes,
            since_ms: trash.since_ms,
            age_ms: trash.since_ms.map(|since| now_ms.saturating_sub(since)),
            due_ms: self.due_ms(trash),
            removed,
            kept,
        })
    }
}

const fn kind(kind: DirKind) -> Option<GarbageKind> {
    match kind {
        DirKind::Live => None,
        DirKind::MoveTmp | DirKind::LearnTmp => Some(GarbageKind::Tmp),
        DirKind::Origin => Some(GarbageKind::Ori),
        DirKind::Damaged => Some(GarbageKind::Err),
        DirKind::Garbage => Some(GarbageKind::Gar),
    }
}

/// Bytes of all files; what vanishes meanwhile counts for nothing.
fn size_of(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let one = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(one).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common::types::{Gpid, Incarnation};

    use super::*;
    use crate::disk::{DiskOptions, ReplicaInfo, SpaceLimits, TrashLives, layout, trash::note_time};

    const G: Gpid = Gpid::new(1, 3);
    const HOUR_MS: u64 = 3_600_000;

    /// Two disks; on the first an origin of incarnation 1, of 1,000 bytes and more, dated at 0.
    fn disks(root: &Path) -> DiskManager {
        let disks = ["disk1", "disk2"].map(|tag| (tag.to_owned(), root.join(tag))).to_vec();
        let lives = TrashLives { origin: Duration::from_secs(3600), ..TrashLives::default() };
        let limits = SpaceLimits { low_percent: 0, low_bytes: 0 };
        let home = root.join("home");
        let disks = DiskManager::open(&DiskOptions { disks, home, limits, lives }).unwrap();
        let origin = layout::origin_dir(disks.disk("disk1").unwrap().path(), G);
        copy(&disks, "disk1", &origin, 1);
        fs::create_dir(layout::rdb_dir(&origin)).unwrap();
        fs::write(layout::rdb_dir(&origin).join("1.sst"), [0; 1000]).unwrap();
        note_time(&origin, 0).unwrap();
        disks
    }

    fn copy(disks: &DiskManager, tag: &str, dir: &Path, incarnation: u64) {
        fs::create_dir(dir).unwrap();
        let uuid = disks.disk(tag).unwrap().uuid();
        ReplicaInfo::new(G, Incarnation(incarnation), common::types::Ballot(1), uuid).write(dir).unwrap();
    }

    fn newer_copy(disks: &DiskManager) {
        copy(disks, "disk2", &layout::replica_dir(disks.disk("disk2").unwrap().path(), G), 2);
    }

    fn remove() -> GcRequest {
        GcRequest { remove: true, ..GcRequest::default() }
    }

    #[test]
    fn garbage_is_listed_with_age_size_and_the_time_that_its_setting_gives() {
        let root = tempfile::tempdir().unwrap();
        let disks = disks(root.path());
        newer_copy(&disks);
        let [dir] = &disks.garbage(&GcRequest::default(), 600_000)[..] else { panic!("one directory") };
        assert_eq!((dir.gpid, dir.kind, dir.incarnation), (G, GarbageKind::Ori, Some(Incarnation(1))));
        assert_eq!((dir.since_ms, dir.age_ms, dir.due_ms), (Some(0), Some(600_000), Some(HOUR_MS)));
        assert!(dir.size_bytes > 1000 && !dir.removed && dir.kept.is_none(), "{dir:?}");
        assert!(Path::new(&dir.path).is_dir(), "it was only listed");
    }

    #[test]
    fn only_the_disk_and_the_partition_that_were_asked_for_are_touched() {
        let root = tempfile::tempdir().unwrap();
        let disks = disks(root.path());
        newer_copy(&disks);
        let other_disk = GcRequest { disk: Some("disk2".into()), ..remove() };
        let other_partition = GcRequest { gpid: Some(Gpid::new(9, 9)), ..remove() };
        assert!(disks.garbage(&other_disk, 0).is_empty() && disks.garbage(&other_partition, 0).is_empty());
        assert_eq!(disks.trash().len(), 1);
    }

    #[test]
    fn what_may_be_the_last_copy_stays_and_says_so_until_a_newer_one_lives() {
        let root = tempfile::tempdir().unwrap();
        let disks = disks(root.path());
        let kept = disks.garbage(&remove(), 100 * HOUR_MS);
        assert!(kept[0].kept.as_ref().unwrap().contains("last one") && !kept[0].removed, "{kept:?}");
        newer_copy(&disks);
        assert!(disks.garbage(&remove(), 0)[0].removed, "before its time, since it was asked for");
        assert!(disks.garbage(&GcRequest::default(), 0).is_empty());
    }

    #[test]
    fn what_a_move_uses_stays_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        let disks = disks(root.path());
        newer_copy(&disks);
        disks.hold(G);
        assert!(disks.garbage(&remove(), 0)[0].kept.as_ref().unwrap().contains("under way"));
        disks.release(G);
        assert!(disks.garbage(&remove(), 0)[0].removed);
    }

    #[test]
    fn a_purge_takes_the_origin_only_if_it_is_superseded() {
        let root = tempfile::tempdir().unwrap();
        let disks = disks(root.path());
        assert!(disks.purge_origin("disk1", G).unwrap_err().to_string().contains("no newer copy"));
        newer_copy(&disks);
        // The job that asks holds the partition itself.
        disks.hold(G);
        disks.purge_origin("disk1", G).unwrap();
        assert!(disks.trash().is_empty());
        disks.purge_origin("disk1", G).unwrap();
    }
}
