//! Opening all data directories of a node: looking first, refusing what must not be touched, writing last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::fs::{CheckedError, create_dir_durable, remove_dir_durable};
use uuid::Uuid;

use super::data_dir::{self, DataDir};
use super::health::SpaceLimits;
use super::identity::{Identity, KnownDisk};
use super::layout;
use super::trash::TrashLives;

/// Which disks a node has.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// Tag and directory of each, in the order configured.
    pub disks: Vec<(String, PathBuf)>,
    /// When a disk counts as full.
    pub limits: SpaceLimits,
    /// How long what has lost its name is kept.
    pub lives: TrashLives,
}

/// Why a node does not start on its disks. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenDisksError {
    /// Written by a newer Godwit.
    #[error("{0}")]
    Newer(CheckedError),
    /// A tag or a directory is given twice, or none is given.
    #[error("the data directories are not told apart: {0}; give each its own tag and path, as tag:path,tag:path")]
    Ambiguous(String),
    /// Two directories have one identity.
    #[error("{0} and {1} have the same identity: one is a copy of the other; leave one of them out")]
    SameDisk(String, String),
    /// They belong to different clusters.
    #[error("the disks belong to different clusters: {0} to {1}, {2} to {3}; give each node its own disks")]
    MixedClusters(String, Uuid, String, Uuid),
    /// Another process has one open.
    #[error("{}: another process uses this data directory; stop it first", .0.display())]
    Locked(PathBuf),
}

/// What a look at a directory showed, before anything is written.
enum Look {
    Known(Identity),
    /// Empty, or not there: may become a new disk.
    Blank,
    Failed(String),
}

/// Opens all disks. One that cannot be used is IO_ERROR; the others serve.
pub(super) fn open_all(options: &DiskOptions) -> Result<Vec<Arc<DataDir>>, OpenDisksError> {
    told_apart(&options.disks)?;
    let mut looks = Vec::new();
    for (tag, path) in &options.disks {
        looks.push((tag.as_str(), path.as_path(), look(path)?));
    }
    let identities = identities(&looks);
    let cluster = one_cluster(&identities)?;
    all_different(&identities)?;
    let remembered = remembered(&identities);
    let locked = looks.into_iter().map(|(tag, path, look)| Ok((tag, path, lock(path, look)?)));
    let locked = locked.collect::<Result<Vec<_>, OpenDisksError>>()?;
    let opened = locked.into_iter().map(|(tag, path, found)| settle(tag, path, found, &remembered, cluster));
    let dirs: Vec<_> = opened.map(Arc::new).collect();
    remember(&dirs, cluster);
    Ok(dirs)
}

fn told_apart(disks: &[(String, PathBuf)]) -> Result<(), OpenDisksError> {
    let tags: BTreeSet<_> = disks.iter().map(|(tag, _)| tag).collect();
    let paths: BTreeSet<_> = disks.iter().map(|(_, path)| path).collect();
    if !disks.is_empty() && tags.len() == disks.len() && paths.len() == disks.len() {
        return Ok(());
    }
    let given: Vec<_> = disks.iter().map(|(tag, path)| format!("{tag}:{}", path.display())).collect();
    Err(OpenDisksError::Ambiguous(format!("'{}'", given.join(","))))
}

fn look(path: &Path) -> Result<Look, OpenDisksError> {
    match Identity::read(path) {
        Ok(Some(identity)) => Ok(Look::Known(identity)),
        Ok(None) => Ok(look_inside(path)),
        Err(error @ CheckedError::Newer { .. }) => Err(OpenDisksError::Newer(error)),
        Err(error) => Ok(Look::Failed(error.to_string())),
    }
}

/// A directory without an identity file is a new disk only if nothing stands in it.
fn look_inside(path: &Path) -> Look {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Look::Blank,
        Err(error) => return Look::Failed(format!("cannot be read: {error}")),
        Ok(entries) => entries,
    };
    let foreign = entries.flatten().find(|entry| !is_blank(&entry.path()));
    match foreign {
        None => Look::Blank,
        Some(entry) => {
            Look::Failed(format!("has no identity file but is not empty: it holds {}", entry.path().display()))
        }
    }
}

/// What a fresh file system has, or a first start that was cut short.
fn is_blank(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name == "lost+found" || name == ".godwit-disk.new"
}

fn identities<'a>(looks: &'a [(&'a str, &'a Path, Look)]) -> Vec<(&'a str, &'a Identity)> {
    let identity = |(tag, _, look): &'a (&'a str, &'a Path, Look)| match look {
        Look::Known(identity) => Some((*tag, identity)),
        Look::Blank | Look::Failed(_) => None,
    };
    looks.iter().filter_map(identity).collect()
}

fn one_cluster(identities: &[(&str, &Identity)]) -> Result<Option<Uuid>, OpenDisksError> {
    let mut clusters = identities.iter().filter_map(|(tag, identity)| Some((*tag, identity.cluster?)));
    let Some((tag, cluster)) = clusters.next() else { return Ok(None) };
    match clusters.find(|(_, other)| *other != cluster) {
        None => Ok(Some(cluster)),
        Some((other, id)) => Err(OpenDisksError::MixedClusters(tag.to_owned(), cluster, other.to_owned(), id)),
    }
}

fn all_different(identities: &[(&str, &Identity)]) -> Result<(), OpenDisksError> {
    let mut seen = BTreeMap::new();
    for (tag, identity) in identities {
        if let Some(other) = seen.insert(identity.disk, *tag) {
            return Err(OpenDisksError::SameDisk(other.to_owned(), (*tag).to_owned()));
        }
    }
    Ok(())
}

/// What the readable disks remember of all disks: tag -> identity. Tags of disks that are there are not taken from
/// memory.
fn remembered(identities: &[(&str, &Identity)]) -> BTreeMap<String, Uuid> {
    let present: BTreeSet<_> = identities.iter().map(|(_, identity)| identity.disk).collect();
    let known = identities.iter().flat_map(|(_, identity)| &identity.disks);
    known.filter(|known| !present.contains(&known.disk)).map(|known| (known.tag.clone(), known.disk)).collect()
}

enum Found {
    Known(Identity, fs::File),
    Blank,
    Failed(String),
}

fn lock(path: &Path, look: Look) -> Result<Found, OpenDisksError> {
    match look {
        Look::Blank => Ok(Found::Blank),
        Look::Failed(reason) => Ok(Found::Failed(reason)),
        Look::Known(identity) => match data_dir::lock(path) {
            Ok(lock) => Ok(Found::Known(identity, lock)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenDisksError::Locked(path.to_owned())),
            Err(error) => Ok(Found::Failed(format!("cannot be locked: {error}"))),
        },
    }
}

fn settle(tag: &str, path: &Path, found: Found, remembered: &BTreeMap<String, Uuid>, cluster: Option<Uuid>) -> DataDir {
    let known = remembered.get(tag).copied();
    let failed = |reason| {
        tracing::error!(disk = tag, path = %path.display(), %reason, "disk cannot be used: IO_ERROR");
        DataDir::failed(tag, path, known.unwrap_or(Uuid::nil()), reason)
    };
    match found {
        Found::Known(identity, lock) => DataDir::opened(tag, path, identity.disk, lock),
        Found::Failed(reason) => failed(reason),
        Found::Blank if known.is_some() => failed(
            "its identity file is gone: is it mounted? It held replicas, and is not taken for a new disk".to_owned(),
        ),
        Found::Blank => match make(tag, path, cluster) {
            Ok(dir) => dir,
            Err(error) => failed(format!("cannot be set up: {error}")),
        },
    }
}

fn make(tag: &str, path: &Path, cluster: Option<Uuid>) -> io::Result<DataDir> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    create_dir_durable(path)?;
    let lock = data_dir::lock(path)?;
    let disk = Uuid::new_v4();
    let own = KnownDisk { tag: tag.to_owned(), disk };
    Identity { cluster, disk, tag: tag.to_owned(), disks: vec![own] }.write(path)?;
    tracing::info!(disk = tag, path = %path.display(), %disk, "new disk");
    Ok(DataDir::opened(tag, path, disk, lock))
}

/// Writes down what changed: every usable disk knows the cluster and all disks of its node. Also clears what a former
/// run left in the way.
pub(super) fn remember(dirs: &[Arc<DataDir>], cluster: Option<Uuid>) {
    let mut disks: Vec<_> = dirs.iter().filter(|dir| !dir.uuid().is_nil()).map(|dir| known(dir)).collect();
    disks.sort();
    for dir in dirs.iter().filter(|dir| dir.is_usable()) {
        let identity = Identity { cluster, disk: dir.uuid(), tag: dir.tag().to_owned(), disks: disks.clone() };
        let unchanged = matches!(Identity::read(dir.path()), Ok(Some(stored)) if stored == identity);
        let written = if unchanged { Ok(()) } else { identity.write(dir.path()) };
        if let Err(error) = written.and_then(|()| clear(&layout::checkpoints_dir(dir.path()))) {
            dir.note(&error);
        }
    }
}

fn clear(checkpoints: &Path) -> io::Result<()> {
    remove_dir_durable(checkpoints)?;
    create_dir_durable(checkpoints)
}

fn known(dir: &DataDir) -> KnownDisk {
    KnownDisk { tag: dir.tag().to_owned(), disk: dir.uuid() }
}
