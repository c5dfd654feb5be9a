//! All disks of a node: which may be used, how full they are, and which one a new replica goes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use common::rpc::node_admin::DiskStatus;
use common::types::{Gpid, Incarnation};
use parking_lot::{Mutex, RwLock};
use replica_state::recover::DirKind;
use uuid::Uuid;

use super::data_dir::DataDir;
use super::health::{Space, SpaceLimits};
use super::open::{self, DiskOptions, OpenDisksError};
use super::placement::{self, Choice};
use super::set::DiskSet;
use super::trash::TrashLives;
use super::{Identity, ReplicaInfo, layout, record};

/// A disk as it stands, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFigures {
    /// Its tag.
    pub tag: String,
    /// Its directory.
    pub path: PathBuf,
    /// Its status.
    pub status: DiskStatus,
    /// Why it is not NORMAL.
    pub reason: Option<String>,
    /// Size of its file system, in bytes.
    pub capacity_bytes: u64,
    /// Free for Godwit, in bytes.
    pub available_bytes: u64,
    /// Its replicas are to leave it.
    pub draining: bool,
    /// It was added while the server ran, and the configuration does not name it.
    pub added: bool,
}

/// The disks at one moment.
pub type Disks = Arc<[Arc<DataDir>]>;

/// All disks of a node. What stands where is read from the directories themselves, so no account of it can go wrong.
#[derive(Debug)]
pub struct DiskManager {
    /// Replaced as a whole when a disk comes or goes.
    pub(super) disks: RwLock<Disks>,
    /// What is remembered of them; held while that changes.
    pub(super) set: Mutex<DiskSet>,
    /// Those of the configuration.
    pub(super) configured: Vec<(String, PathBuf)>,
    pub(super) home: PathBuf,
    /// The cluster, once the node registered.
    registered: OnceLock<Uuid>,
    pub(super) limits: SpaceLimits,
    pub(super) lives: TrashLives,
    /// Disks chosen since the last poll, whose new replica may not be visible yet.
    chosen: Mutex<Vec<String>>,
    /// Partitions whose temporary directories and origins are in use.
    pub(super) held: Mutex<BTreeSet<Gpid>>,
}

impl DiskManager {
    /// Opens all disks: new ones are made, lost or unreadable ones are IO_ERROR while the others serve.
    ///
    /// # Errors
    /// [`OpenDisksError`]: a newer format, another cluster, a copied disk, or another process; nothing was written.
    pub fn open(options: &DiskOptions) -> Result<Self, OpenDisksError> {
        let DiskOptions { disks: configured, home, limits, lives } = options.clone();
        let opened = open::open_all(options)?;
        let (disks, set) = (RwLock::new(opened.dirs.into()), Mutex::new(opened.set));
        let (chosen, held) = (Mutex::default(), Mutex::default());
        let manager = Self { disks, set, configured, home, registered: OnceLock::new(), limits, lives, chosen, held };
        manager.poll();
        Ok(manager)
    }

    /// The disks as they are now: those configured in their order, then those added.
    #[must_use]
    pub fn disks(&self) -> Disks {
        Arc::clone(&self.disks.read())
    }

    /// A disk by its tag.
    #[must_use]
    pub fn disk(&self, tag: &str) -> Option<Arc<DataDir>> {
        self.disks().iter().find(|disk| disk.tag() == tag).cloned()
    }

    /// The cluster that the disks belong to; `None` while all are new.
    #[must_use]
    pub fn cluster(&self) -> Option<Uuid> {
        let known = self.registered.get().copied();
        known.or_else(|| self.usable().find_map(|disk| Identity::read(disk.path()).ok()??.cluster))
    }

    /// Writes down the cluster, after the node registered for the first time.
    ///
    /// # Errors
    /// If the disks belong to another one, or none of them can be written.
    pub fn set_cluster(&self, cluster: Uuid) -> io::Result<()> {
        if let Some(other) = self.cluster().filter(|other| *other != cluster) {
            let text = format!("these disks belong to cluster {other}, not to {cluster}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        record::write_identities(&self.disks(), &self.set.lock(), Some(cluster));
        if self.cluster() != Some(cluster) {
            return Err(io::Error::other("no disk can be written"));
        }
        let _ = self.registered.set(cluster);
        Ok(())
    }

    /// Asks every file system for its space and draws the consequences. Blocks; called about every second.
    pub fn poll(&self) {
        self.poll_with(Space::of);
    }

    /// As [`Self::poll`], with a test's own measure.
    pub fn poll_with(&self, measure: impl Fn(&std::path::Path) -> io::Result<Space>) {
        // Directories on one file system get one measure, so that placement sees them as equal.
        self.chosen.lock().clear();
        let mut by_device: BTreeMap<u64, Space> = BTreeMap::new();
        for disk in self.usable() {
            let device = rustix::fs::stat(disk.path()).map(|stat| stat.st_dev);
            let known = device.ok().and_then(|device| by_device.get(&device).copied());
            let space = known.map_or_else(|| measure(disk.path()), Ok);
            if let (Ok(device), Ok(space)) = (device, &space) {
                by_device.insert(device, *space);
            }
            disk.measured(space, &self.limits);
        }
    }

    /// The disk for a new replica: NORMAL, with the most free share.
    #[must_use]
    pub fn choose(&self) -> Option<Arc<DataDir>> {
        let mut chosen = self.chosen.lock();
        let recent = |disk: &DataDir| chosen.iter().filter(|tag| *tag == disk.tag()).count();
        let disks = self.disks();
        let usable = disks.iter().filter(|disk| disk.is_usable());
        let choices: Vec<_> = usable.map(|disk| choice(disk, live_on(disk) + recent(disk))).collect();
        let tag = placement::choose(&choices)?;
        let disk = disks.iter().find(|disk| disk.tag() == tag).cloned()?;
        chosen.push(disk.tag().to_owned());
        Some(disk)
    }

    /// Gives a disk up, by tag.
    pub fn fail(&self, tag: &str, reason: impl Into<String>) {
        if let Some(disk) = self.disk(tag) {
            disk.fail(reason);
        }
    }

    /// A job uses temporary directories and origins of the partition: they are no trash until it is released.
    pub fn hold(&self, gpid: Gpid) {
        self.held.lock().insert(gpid);
    }

    /// The job has ended.
    pub fn release(&self, gpid: Gpid) {
        self.held.lock().remove(&gpid);
    }

    /// Whether a job uses directories of the partition.
    #[must_use]
    pub fn is_held(&self, gpid: Gpid) -> bool {
        self.held.lock().contains(&gpid)
    }

    /// Whether a disk holds a live directory of the partition, open or not.
    #[must_use]
    pub fn holds(&self, disk: &DataDir, gpid: Gpid) -> bool {
        layout::replica_dir(disk.path(), gpid).symlink_metadata().is_ok()
    }

    /// Whether a directory of the disk is that copy, or is about to become it: a live one, the new copy of a move, or,
    /// while its job may still bring it back, the origin of one.
    #[must_use]
    pub fn names(&self, tag: &str, gpid: Gpid, incarnation: Incarnation) -> bool {
        let Some(disk) = self.disk(tag) else { return false };
        let is = |dir: PathBuf| ReplicaInfo::read(&dir).is_ok_and(|info| info.incarnation == incarnation);
        let held = self.is_held(gpid);
        is(layout::replica_dir(disk.path(), gpid))
            || (held && is(layout::move_tmp_dir(disk.path(), gpid)))
            || (held && is(layout::origin_dir(disk.path(), gpid)))
    }

    /// All disks as they stand, in the order of [`Self::disks`].
    #[must_use]
    pub fn figures(&self) -> Vec<DiskFigures> {
        let figures = |disk: &Arc<DataDir>| DiskFigures {
            tag: disk.tag().to_owned(),
            path: disk.path().to_owned(),
            status: disk.status(),
            reason: disk.reason(),
            capacity_bytes: disk.space().capacity_bytes,
            available_bytes: disk.space().available_bytes,
            draining: disk.is_draining(),
            added: disk.is_added(),
        };
        self.disks().iter().map(figures).collect()
    }

    pub(super) fn usable(&self) -> impl Iterator<Item = Arc<DataDir>> {
        let usable: Vec<_> = self.disks().iter().filter(|disk| disk.is_usable()).cloned().collect();
        usable.into_iter()
    }
}

fn choice(disk: &DataDir, replicas: usize) -> Choice<'_> {
    let (status, draining) = (disk.status(), !disk.takes_replicas());
    Choice { tag: disk.tag(), status, draining, free_percent: disk.space().free_percent(), replicas }
}

/// Live directories of a disk.
fn live_on(disk: &DataDir) -> usize {
    let Ok(entries) = fs::read_dir(disk.path()) else { return 0 };
    let kind = |entry: fs::DirEntry| Some(layout::parse(entry.file_name().to_str()?)?.1);
    entries.flatten().filter_map(kind).filter(|kind| *kind == DirKind::Live).count()
}
