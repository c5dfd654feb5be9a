//! Which disks a node has, remembered across restarts: those of its configuration, less those removed while it ran, and
//! those added. Pure.
//!
//! ```text
//! data_dirs ---- less removed ----+
//!                                 +--> what a start opens
//! added (disk-add) ---------------+
//! ```
//!
//! The record is kept in `home`, whose word counts, and in the identity file of every disk, in case `home` is lost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A disk of the node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KnownDisk {
    /// Its tag.
    pub tag: String,
    /// Its identity.
    pub disk: Uuid,
    /// Its directory; `None` in what was written before disks could be added.
    #[serde(default)]
    pub path: Option<PathBuf>,
    /// Its replicas are to leave it.
    #[serde(default)]
    pub draining: bool,
    /// It was added while the server ran, and the configuration does not name it.
    #[serde(default)]
    pub added: bool,
}

/// A disk that was removed while the configuration names it still.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RemovedDisk {
    /// Its tag.
    pub tag: String,
    /// Its directory.
    pub path: PathBuf,
}

/// The disks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSet {
    /// Rises with every change: of several records the highest counts. 0: written before disks could be added.
    #[serde(default)]
    pub revision: u64,
    /// All of them, in order of tag.
    pub disks: Vec<KnownDisk>,
    /// Not to be opened although the configuration names them.
    #[serde(default)]
    pub removed: Vec<RemovedDisk>,
}

/// A disk that a start opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenDisk {
    /// Its tag.
    pub tag: String,
    /// Its directory.
    pub path: PathBuf,
    /// The configuration does not name it.
    pub added: bool,
}

impl DiskSet {
    /// What a start opens: the configured disks, in their order, less those that were removed; then the added ones.
    #[must_use]
    pub fn in_effect(&self, configured: &[(String, PathBuf)]) -> Vec<ChosenDisk> {
        let named = configured.iter().filter(|(tag, path)| !self.is_removed(tag, path));
        let named = named.map(|(tag, path)| ChosenDisk { tag: tag.clone(), path: path.clone(), added: false });
        let mut chosen: Vec<_> = named.collect();
        for disk in self.disks.iter().filter(|disk| disk.added) {
            let Some(path) = disk.path.clone() else { continue };
            // What the configuration names by now is no longer an addition to it.
            if !chosen.iter().any(|named| named.tag == disk.tag && named.path == path) {
                chosen.push(ChosenDisk { tag: disk.tag.clone(), path, added: true });
            }
        }
        chosen
    }

    /// The removed disks that the configuration names still: the others need no longer be remembered.
    #[must_use]
    pub fn still_configured(&self, configured: &[(String, PathBuf)]) -> Vec<RemovedDisk> {
        let named = |disk: &&RemovedDisk| configured.iter().any(|(tag, path)| disk.is(tag, path));
        self.removed.iter().filter(named).cloned().collect()
    }

    /// A disk by its tag.
    #[must_use]
    pub fn disk(&self, tag: &str) -> Option<&KnownDisk> {
        self.disks.iter().find(|disk| disk.tag == tag)
    }

    /// Whether both are, or were, of one node.
    #[must_use]
    pub fn shares_a_disk(&self, other: &Self) -> bool {
        self.disks.iter().any(|disk| other.disks.iter().any(|theirs| theirs.disk == disk.disk))
    }

    /// All disks that any of these names: for what was written before sets had revisions.
    #[must_use]
    pub fn union(sets: &[Self]) -> Self {
        let disks: BTreeSet<_> = sets.iter().flat_map(|set| set.disks.iter().cloned()).collect();
        Self { disks: disks.into_iter().collect(), ..Self::default() }
    }

    /// Whether a program that knows nothing of added and removed disks would open the wrong ones.
    #[must_use]
    pub fn differs_from_configuration(&self) -> bool {
        !self.removed.is_empty() || self.disks.iter().any(|disk| disk.added)
    }

    /// This set with its disks in order, one revision on, if it differs from the one before.
    #[must_use]
    pub(super) fn after(mut self, before: &Self) -> Self {
        self.disks.sort();
        self.revision = before.revision;
        if self != *before || before.revision == 0 {
            self.revision += 1;
        }
        self
    }

    fn is_removed(&self, tag: &str, path: &Path) -> bool {
        self.removed.iter().any(|disk| disk.is(tag, path))
    }
}

impl RemovedDisk {
    /// Whether it is that one: both its tag and its directory say so.
    pub(super) fn is(&self, tag: &str, path: &Path) -> bool {
        self.tag == tag && self.path == *path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(tags: &[&str]) -> Vec<(String, PathBuf)> {
        tags.iter().map(|tag| ((*tag).to_owned(), PathBuf::from(format!("/{tag}")))).collect()
    }

    fn known(tag: &str, added: bool) -> KnownDisk {
        let path = Some(PathBuf::from(format!("/{tag}")));
        KnownDisk { tag: tag.to_owned(), disk: Uuid::nil(), path, draining: false, added }
    }

    fn set(disks: Vec<KnownDisk>, removed: &[&str]) -> DiskSet {
        let removed = configured(removed).into_iter().map(|(tag, path)| RemovedDisk { tag, path }).collect();
        DiskSet { revision: 3, disks, removed }
    }

    fn opened(set: &DiskSet, tags: &[&str]) -> Vec<(String, bool)> {
        set.in_effect(&configured(tags)).into_iter().map(|disk| (disk.tag, disk.added)).collect()
    }

    #[test]
    fn a_start_opens_what_is_configured_and_what_was_added_but_not_what_was_removed() {
        let set = set(vec![known("a", false), known("c", true)], &["b"]);
        assert_eq!(opened(&set, &["a", "b"]), [("a".to_owned(), false), ("c".to_owned(), true)]);
        assert!(set.differs_from_configuration());
    }

    #[test]
    fn once_the_configuration_says_the_same_nothing_is_left_to_remember() {
        let set = set(vec![known("a", false), known("c", true)], &["b"]);
        assert_eq!(opened(&set, &["a", "c"]), [("a".to_owned(), false), ("c".to_owned(), false)]);
        assert!(set.still_configured(&configured(&["a", "c"])).is_empty());
        assert_eq!(set.still_configured(&configured(&["a", "b"])), set.removed);
    }

    #[test]
    fn a_removed_disk_that_is_configured_elsewhere_is_another_disk() {
        let set = set(vec![known("a", false)], &["b"]);
        let moved = [("b".to_owned(), PathBuf::from("/new"))];
        assert_eq!(set.in_effect(&moved).len(), 1);
        assert!(set.still_configured(&moved).is_empty());
    }

    #[test]
    fn the_revision_rises_only_with_a_change() {
        let before = set(vec![known("a", false)], &[]);
        assert_eq!(before.clone().after(&before).revision, 3);
        let draining = KnownDisk { draining: true, ..known("a", false) };
        assert_eq!(set(vec![draining], &[]).after(&before).revision, 4);
    }

    #[test]
    fn what_was_written_before_disks_could_be_added_is_read() {
        let text = r#"{"disks":[{"tag":"a","disk":"00000000-0000-0000-0000-000000000000"}]}"#;
        let set: DiskSet = serde_json::from_str(text).unwrap();
        assert_eq!((set.revision, set.disks[0].path.clone(), set.differs_from_configuration()), (0, None, false));
    }
}
