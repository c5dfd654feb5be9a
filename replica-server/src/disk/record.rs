//! The record of a node's disks: read before a start opens them, brought up to date after it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::CheckedError;
use uuid::Uuid;

use super::data_dir::DataDir;
use super::identity::Identity;
use super::open::{DiskOptions, OpenDisksError};
use super::set::{ChosenDisk, DiskSet};

/// The disks that a start would open, by what is configured and what the node remembers. Reads only.
///
/// # Errors
/// [`OpenDisksError::Newer`].
pub fn in_effect(configured: &[(String, PathBuf)], home: &Path) -> Result<Vec<ChosenDisk>, OpenDisksError> {
    Ok(known_set(configured, home)?.in_effect(configured))
}

/// What the node remembers of its disks: the newest of the records in `home` and on the configured disks. A disk that
/// comes from another node remembers that one's disks, and is not listened to.
pub(super) fn known_set(configured: &[(String, PathBuf)], home: &Path) -> Result<DiskSet, OpenDisksError> {
    let home = match DiskSet::read(home) {
        Err(error @ CheckedError::Newer { .. }) => return Err(OpenDisksError::Newer(error)),
        Err(error) => {
            tracing::error!(%error, "the record of this node's disks cannot be read; the disks are asked themselves");
            None
        }
        Ok(set) => set,
    };
    let on_disks: Vec<_> = configured.iter().filter_map(|(_, path)| Some(Identity::read(path).ok()??.set)).collect();
    let of_this_node = on_disks.iter().filter(|set| home.as_ref().is_none_or(|home| home.shares_a_disk(set)));
    let newest = of_this_node.chain(&home).max_by_key(|set| set.revision).cloned();
    Ok(newest.filter(|set| set.revision > 0).unwrap_or_else(|| DiskSet::union(&on_disks)))
}

/// Brings the record of the node's disks up to date at a start.
pub(super) fn remember(
    options: &DiskOptions,
    dirs: &[Arc<DataDir>],
    before: &DiskSet,
    cluster: Option<Uuid>,
) -> DiskSet {
    for dir in dirs {
        dir.set_draining(before.disks.iter().any(|known| known.disk == dir.uuid() && known.draining));
    }
    let removed = before.still_configured(&options.disks);
    for disk in &removed {
        tracing::warn!(
            disk = disk.tag,
            path = %disk.path.display(),
            "not opened: it was removed by disk-remove; take it out of data_dirs"
        );
    }
    for dir in dirs.iter().filter(|dir| dir.is_added()) {
        tracing::info!(disk = dir.tag(), path = %dir.path().display(), "added by disk-add, not in data_dirs");
    }
    let disks = dirs.iter().filter(|dir| !dir.uuid().is_nil()).map(|dir| dir.known()).collect();
    let set = DiskSet { revision: 0, disks, removed }.after(before);
    // A home on a disk that is not there would be written beside its mount.
    let lost = dirs.iter().any(|dir| !dir.is_usable() && options.home.starts_with(dir.path()));
    let unchanged = matches!(DiskSet::read(&options.home), Ok(Some(stored)) if stored == set);
    if !lost
        && !unchanged
        && let Err(error) = set.write(&options.home)
    {
        tracing::error!(home = %options.home.display(), %error, "the record of this node's disks cannot be written");
    }
    write_identities(dirs, &set, cluster);
    set
}

/// Writes down what changed: every usable disk knows the cluster and all disks of its node.
pub(super) fn write_identities(dirs: &[Arc<DataDir>], set: &DiskSet, cluster: Option<Uuid>) {
    for dir in dirs.iter().filter(|dir| dir.is_usable()) {
        let identity = dir.identity(cluster, set.clone());
        let unchanged = matches!(Identity::read(dir.path()), Ok(Some(stored)) if stored == identity);
        if !unchanged && let Err(error) = identity.write(dir.path()) {
            dir.note(&error);
        }
    }
}
