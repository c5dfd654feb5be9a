//! Reads what stands on the disks for `replica_state::recover`, and carries its decisions out.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::fs::durable_rename;
use common::types::{Gpid, Incarnation};
use replica_state::recover::{Decision, DirKind, FoundDir, Outcome, RenameTo, recover};
use uuid::Uuid;

use super::data_dir::DataDir;
use super::seal::{read_manifest_job, read_seal};
use super::{DiskManager, ReplicaInfo, layout, trash};

/// What stands on all disks.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Every directory of a replica.
    pub found: Vec<FoundDir>,
    /// Configured disks that cannot be read.
    pub absent: Vec<Uuid>,
}

impl Scan {
    /// Only what concerns these partitions.
    #[must_use]
    pub fn only(mut self, gpids: &[Gpid]) -> Self {
        self.found.retain(|dir| gpids.contains(&dir.gpid));
        self
    }

    /// The partitions of which something stands here: those whose configuration start-up asks for.
    #[must_use]
    pub fn gpids(&self) -> Vec<Gpid> {
        let mut gpids: Vec<_> = self.found.iter().map(|dir| dir.gpid).collect();
        gpids.sort();
        gpids.dedup();
        gpids
    }
}

/// A replica that start-up is to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToOpen {
    /// Which partition.
    pub gpid: Gpid,
    /// Tag of its disk.
    pub disk: String,
    /// Its live directory.
    pub dir: PathBuf,
    /// What it is.
    pub info: ReplicaInfo,
}

/// What start-up decided.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// To be opened.
    pub open: Vec<ToOpen>,
    /// Nothing is opened and nothing made anew for these while a disk is absent.
    pub waiting: Vec<Gpid>,
    /// Renames that failed, in words; their disk is IO_ERROR.
    pub failed: Vec<(Gpid, String)>,
}

impl DiskManager {
    /// Reads all usable disks. One that cannot be read becomes IO_ERROR and counts as absent.
    #[must_use]
    pub fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        for disk in self.usable() {
            match scan_disk(&disk) {
                Ok(found) => scan.found.extend(found),
                Err(error) => disk.fail(format!("cannot be read: {error}")),
            }
        }
        scan.absent = self.disks().iter().filter(|disk| !disk.is_usable()).map(|disk| disk.uuid()).collect();
        scan
    }

    /// Decides what becomes of what stands on the disks, and does it. `configured`: see [`recover`].
    #[must_use]
    pub fn recover(&self, scan: &Scan, configured: &BTreeMap<Gpid, Incarnation>, now_ms: u64) -> Recovered {
        let mut recovered = Recovered::default();
        for (gpid, decision) in recover(&scan.found, &scan.absent, configured) {
            match self.carry_out(scan, &decision, now_ms) {
                Ok(Some(open)) => recovered.open.push(open),
                Ok(None) if matches!(decision.outcome, Outcome::Wait { .. }) => recovered.waiting.push(gpid),
                Ok(None) => (),
                Err(error) => recovered.failed.push((gpid, error.to_string())),
            }
        }
        recovered
    }

    fn carry_out(&self, scan: &Scan, decision: &Decision, now_ms: u64) -> io::Result<Option<ToOpen>> {
        for rename in &decision.renames {
            let Some(dir) = scan.found.get(rename.dir) else { continue };
            tracing::info!(gpid = %dir.gpid, dir = dir.name, to = ?rename.to, "recovery renames");
            self.rename(dir, rename.to, now_ms)?;
        }
        let Outcome::Open { dir, .. } = &decision.outcome else { return Ok(None) };
        let Some((dir, disk)) = scan.found.get(*dir).and_then(|dir| Some((dir, self.by_uuid(dir.disk)?))) else {
            return Ok(None);
        };
        let path = layout::replica_dir(disk.path(), dir.gpid);
        let info = ReplicaInfo::read(&path).map_err(io::Error::other)?;
        Ok(Some(ToOpen { gpid: dir.gpid, disk: disk.tag().to_owned(), dir: path, info }))
    }

    fn rename(&self, dir: &FoundDir, to: RenameTo, now_ms: u64) -> io::Result<()> {
        let Some(disk) = self.by_uuid(dir.disk) else { return Ok(()) };
        let from = disk.path().join(&dir.name);
        let done = match to {
            RenameTo::Live => durable_rename(&from, &layout::replica_dir(disk.path(), dir.gpid)),
            RenameTo::Origin => durable_rename(&from, &layout::origin_dir(disk.path(), dir.gpid)),
            RenameTo::Garbage => trash::set_aside(disk.path(), &from, dir.gpid, DirKind::Garbage, now_ms).map(drop),
            RenameTo::Damaged => trash::set_aside(disk.path(), &from, dir.gpid, DirKind::Damaged, now_ms).map(drop),
        };
        done.inspect_err(|error| disk.note(error))
    }

    fn by_uuid(&self, uuid: Uuid) -> Option<std::sync::Arc<DataDir>> {
        self.disks().iter().find(|disk| disk.uuid() == uuid).cloned()
    }
}

fn scan_disk(disk: &DataDir) -> io::Result<Vec<FoundDir>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(disk.path())? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some((gpid, kind)) = layout::parse(&name) else { continue };
        if entry.file_type()?.is_dir() {
            found.push(read_dir(disk.uuid(), &entry.path(), name, gpid, kind));
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn read_dir(disk: Uuid, path: &Path, name: String, gpid: Gpid, kind: DirKind) -> FoundDir {
    let info = ReplicaInfo::read(path);
    if kind == DirKind::Live
        && let Err(error) = &info
    {
        tracing::error!(%gpid, %error, "a replica's info cannot be read");
    }
    let info = info.ok().map(|info| info.for_recovery());
    let manifest_job = read_manifest_job(path).ok();
    FoundDir { disk, gpid, name, kind, info, seal: read_seal(path).ok(), manifest_job }
}
