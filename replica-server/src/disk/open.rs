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
use super::identity::Identity;
use super::set::{ChosenDisk, DiskSet};
use super::trash::TrashLives;
use super::{layout, mount, record};

/// Which disks a node has.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// Tag and directory of each, in the order configured.
    pub disks: Vec<(String, PathBuf)>,
    /// Where the node remembers the disks that were added or removed while it ran.
    pub home: PathBuf,
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
pub(super) enum Look {
    Known(Identity),
    /// Empty, or not there: may become a new disk.
    Blank,
    /// Without an identity file, and this stands in it.
    Occupied(PathBuf),
    Failed(String),
}

/// The disks of a node, open, and what is remembered of them.
pub(super) struct Opened {
    pub(super) dirs: Vec<Arc<DataDir>>,
    pub(super) set: DiskSet,
}

/// Opens all disks. One that cannot be used is IO_ERROR; the others serve.
pub(super) fn open_all(options: &DiskOptions) -> Result<Opened, OpenDisksError> {
    let configured = options.disks.iter().map(|(tag, path)| (tag.as_str(), path.as_path(), false));
    told_apart(&configured.collect::<Vec<_>>())?;
    let before = record::known_set(&options.disks, &options.home)?;
    let chosen = before.in_effect(&options.disks);
    told_apart(&chosen.iter().map(|disk| (disk.tag.as_str(), disk.path.as_path(), disk.added)).collect::<Vec<_>>())?;
    let mut looks = Vec::new();
    for disk in &chosen {
        looks.push((disk, look(&disk.path)?));
    }
    let identities = identities(&looks);
    let cluster = one_cluster(&identities)?;
    all_different(&identities)?;
    let absent = absent(&before, &identities);
    let locked = looks.into_iter().map(|(disk, look)| Ok((disk, lock(&disk.path, look)?)));
    let locked = locked.collect::<Result<Vec<_>, OpenDisksError>>()?;
    let dirs: Vec<_> =
        locked.into_iter().map(|(disk, found)| Arc::new(settle(disk, found, &absent, cluster))).collect();
    let set = record::remember(options, &dirs, &before, cluster);
    dirs.iter().filter(|dir| dir.is_usable()).for_each(|dir| take_into_use(dir));
    Ok(Opened { dirs, set })
}

fn told_apart(disks: &[(&str, &Path, bool)]) -> Result<(), OpenDisksError> {
    let tags: BTreeSet<_> = disks.iter().map(|(tag, ..)| tag).collect();
    let paths: BTreeSet<_> = disks.iter().map(|(_, path, _)| path).collect();
    if !disks.is_empty() && tags.len() == disks.len() && paths.len() == disks.len() {
        return Ok(());
    }
    let text = |(tag, path, added): &(&str, &Path, bool)| {
        format!("{tag}:{}{}", path.display(), if *added { " (by disk-add)" } else { "" })
    };
    let given: Vec<_> = disks.iter().map(text).collect();
    Err(OpenDisksError::Ambiguous(format!("'{}'", given.join(","))))
}

pub(super) fn look(path: &Path) -> Result<Look, OpenDisksError> {
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
        Some(entry) => Look::Occupied(entry.path()),
    }
}

/// What a fresh file system has, or a first start that was cut short.
fn is_blank(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name == "lost+found" || name == ".godwit-disk.new"
}

fn identities<'a>(looks: &'a [(&'a ChosenDisk, Look)]) -> Vec<(&'a str, &'a Identity)> {
    let identity = |(disk, look): &'a (&'a ChosenDisk, Look)| match look {
        Look::Known(identity) => Some((disk.tag.as_str(), identity)),
        Look::Blank | Look::Occupied(_) | Look::Failed(_) => None,
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

/// The disks that the node had and that do not show themselves: tag -> identity.
fn absent(set: &DiskSet, identities: &[(&str, &Identity)]) -> BTreeMap<String, Uuid> {
    let present: BTreeSet<_> = identities.iter().map(|(_, identity)| identity.disk).collect();
    let absent = set.disks.iter().filter(|known| !present.contains(&known.disk));
    absent.map(|known| (known.tag.clone(), known.disk)).collect()
}

enum Found {
    Known(Identity, fs::File),
    Blank,
    Failed(String),
}

fn lock(path: &Path, look: Look) -> Result<Found, OpenDisksError> {
    match look {
        Look::Blank => Ok(Found::Blank),
        Look::Occupied(entry) => {
            Ok(Found::Failed(format!("has no identity file but is not empty: it holds {}", entry.display())))
        }
        Look::Failed(reason) => Ok(Found::Failed(reason)),
        Look::Known(identity) => match data_dir::lock(path) {
            Ok(lock) => Ok(Found::Known(identity, lock)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenDisksError::Locked(path.to_owned())),
            Err(error) => Ok(Found::Failed(format!("cannot be locked: {error}"))),
        },
    }
}

fn settle(chosen: &ChosenDisk, found: Found, absent: &BTreeMap<String, Uuid>, cluster: Option<Uuid>) -> DataDir {
    let known = absent.get(&chosen.tag).copied();
    let failed = |reason| {
        tracing::error!(disk = chosen.tag, path = %chosen.path.display(), %reason, "disk cannot be used: IO_ERROR");
        DataDir::failed(chosen, known.unwrap_or(Uuid::nil()), reason)
    };
    match found {
        Found::Known(identity, lock) => DataDir::opened(chosen, identity.disk, lock),
        Found::Failed(reason) => failed(reason),
        Found::Blank if known.is_some() => failed(
            "its identity file is gone: is it mounted? It held replicas, and is not taken for a new disk".to_owned(),
        ),
        Found::Blank => match make(chosen, cluster) {
            Ok(dir) => dir,
            Err(error) => failed(format!("cannot be set up: {error}")),
        },
    }
}

/// Makes a new disk of a blank directory.
pub(super) fn make(chosen: &ChosenDisk, cluster: Option<Uuid>) -> io::Result<DataDir> {
    let ChosenDisk { tag, path, .. } = chosen;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    create_dir_durable(path)?;
    let dir = DataDir::opened(chosen, Uuid::new_v4(), data_dir::lock(path)?);
    dir.identity(cluster, DiskSet { disks: vec![dir.known()], ..DiskSet::default() }).write(path)?;
    tracing::info!(disk = tag, path = %path.display(), uuid = %dir.uuid(), "new disk");
    Ok(dir)
}

/// What is done with every disk that comes into use.
pub(super) fn take_into_use(dir: &DataDir) {
    clear_checkpoints(dir);
    if mount::discards(dir.path()) {
        let path = dir.path().display();
        tracing::warn!(disk = dir.tag(), %path, "mounted with discard, so that writes wait while space is freed: mount it without, and let fstrim run instead");
    }
}

/// Removes what an earlier run left of rounds and learns.
fn clear_checkpoints(dir: &DataDir) {
    let checkpoints = layout::checkpoints_dir(dir.path());
    if let Err(error) = remove_dir_durable(&checkpoints).and_then(|()| create_dir_durable(&checkpoints)) {
        dir.note(&error);
    }
}
