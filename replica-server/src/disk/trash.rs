//! Directories that have lost their name: when they did, how long they are kept, and their end.
//!
//! The time stands in a file inside (`.trash`), because a rename changes no directory's own time. A directory without
//! that file begins to age when it is first seen. Nothing is removed while its partition still depends on it: the
//! caller says so for each.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::fs::{durable_rename, read_checked, remove_dir_gently, write_checked};
use common::types::{Gpid, Incarnation};
use replica_state::recover::DirKind;
use serde::{Deserialize, Serialize};

use super::{DiskManager, ReplicaInfo, layout};

const KIND: &str = "trash";
const VERSION: u32 = 1;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long each kind is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrashLives {
    /// `.gar`: superseded or collected. Default 1 day.
    pub garbage: Duration,
    /// `.err`: damaged. Default 7 days.
    pub damaged: Duration,
    /// `.ori`: left behind by a disk move. Default 7 days.
    pub origin: Duration,
    /// `.tmp`: a copy whose job is gone. Default 1 day.
    pub temporary: Duration,
}

impl Default for TrashLives {
    fn default() -> Self {
        Self { garbage: DAY, damaged: 7 * DAY, origin: 7 * DAY, temporary: DAY }
    }
}

impl TrashLives {
    const fn of(&self, kind: DirKind) -> Option<Duration> {
        match kind {
            DirKind::Live => None,
            DirKind::Garbage => Some(self.garbage),
            DirKind::Damaged => Some(self.damaged),
            DirKind::Origin => Some(self.origin),
            DirKind::MoveTmp | DirKind::LearnTmp => Some(self.temporary),
        }
    }
}

/// What keeps a directory although its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Keeper {
    /// A move uses the directories of its partition.
    #[error("a move of this partition is under way")]
    Job,
    /// It may be the best copy that the node has.
    #[error("no newer copy lives on this node: it may be the last one")]
    LastCopy,
}

/// A directory without a plain name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashDir {
    /// Tag of its disk.
    pub disk: String,
    /// The directory.
    pub path: PathBuf,
    /// Its partition.
    pub gpid: Gpid,
    /// What its name says it is.
    pub kind: DirKind,
    /// Which copy it was, if that is readable.
    pub incarnation: Option<Incarnation>,
    /// Unix milliseconds since when it is trash; `None`: nobody has noted it yet.
    pub since_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Record {
    since_ms: u64,
}

impl DiskManager {
    /// Renames a directory to `.gar.<now>` and notes the time. Returns its new name.
    ///
    /// # Errors
    /// Any I/O error; the disk's state takes note of it.
    pub fn set_aside(&self, tag: &str, dir: &Path, now_ms: u64) -> io::Result<PathBuf> {
        self.set_aside_of(tag, dir, DirKind::Garbage, now_ms)
    }

    /// As [`Self::set_aside`], to `.err.<now>`.
    ///
    /// # Errors
    /// Any I/O error; the disk's state takes note of it.
    pub fn set_aside_damaged(&self, tag: &str, dir: &Path, now_ms: u64) -> io::Result<PathBuf> {
        self.set_aside_of(tag, dir, DirKind::Damaged, now_ms)
    }

    fn set_aside_of(&self, tag: &str, dir: &Path, kind: DirKind, now_ms: u64) -> io::Result<PathBuf> {
        let unknown =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no replica of {tag}", dir.display()));
        let disk = self.disk(tag).ok_or_else(unknown)?;
        let name = dir.file_name().and_then(|name| name.to_str()).ok_or_else(unknown)?;
        let (gpid, _) = layout::parse(name).ok_or_else(unknown)?;
        set_aside(disk.path(), dir, gpid, kind, now_ms).inspect_err(|error| disk.note(error))
    }

    /// The highest incarnation of the partition that was set aside here, superseded or damaged, as far as it can be read.
    /// A copy that is made is newer: an order or a configuration that names no newer one is late. Blocks.
    #[must_use]
    pub fn highest_set_aside(&self, gpid: Gpid) -> Option<Incarnation> {
        let disks: Vec<_> = self.usable().collect();
        let entries = disks.iter().filter_map(|disk| fs::read_dir(disk.path()).ok()).flatten().flatten();
        let of_gpid = entries.filter(|entry| {
            let parsed = entry.file_name().to_str().and_then(layout::parse);
            matches!(parsed, Some((other, DirKind::Garbage | DirKind::Damaged)) if other == gpid)
        });
        of_gpid.filter_map(|entry| Some(ReplicaInfo::read(&entry.path()).ok()?.incarnation)).max()
    }

    /// Everything without a plain name, on all usable disks.
    #[must_use]
    pub fn trash(&self) -> Vec<TrashDir> {
        let of_disk = |disk: &super::DataDir| fs::read_dir(disk.path()).map(|entries| trash_of(disk.tag(), entries));
        self.usable().filter_map(|disk| of_disk(&disk).ok()).flatten().collect()
    }

    /// Removes what has outlived its time, unless something keeps it. What has no recorded time gets one. Returns what
    /// was removed. Blocks; called about every minute.
    pub fn collect_garbage(&self, now_ms: u64) -> Vec<TrashDir> {
        let due = self.trash().into_iter().filter(|trash| is_due(trash, now_ms, &self.lives));
        due.filter(|trash| matches!(self.discard(trash), Ok(None))).collect()
    }

    /// Whether a directory may be removed once its time is over: what may still be the best copy that this node has stays.
    /// An origin or a damaged directory goes only beside a live one with a higher incarnation (rule LAST COPY).
    #[must_use]
    pub fn may_go(&self, trash: &TrashDir) -> bool {
        match trash.kind {
            DirKind::Garbage | DirKind::MoveTmp | DirKind::LearnTmp => true,
            DirKind::Origin | DirKind::Damaged => self.is_superseded(trash),
            DirKind::Live => false,
        }
    }

    /// What keeps a directory although its time has come; `None`: it may go.
    #[must_use]
    pub fn keeper(&self, trash: &TrashDir) -> Option<Keeper> {
        let held = self.held.lock().contains(&trash.gpid);
        if held { Some(Keeper::Job) } else { (!self.may_go(trash)).then_some(Keeper::LastCopy) }
    }

    /// Removes one at once, unless something keeps it: then that is returned.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn discard(&self, trash: &TrashDir) -> io::Result<Option<Keeper>> {
        if let Some(keeper) = self.keeper(trash) {
            return Ok(Some(keeper));
        }
        // A job that begins now may make a directory of the same plain name: what goes loses that name before a job
        // can take hold of the partition.
        let held = self.held.lock();
        if held.contains(&trash.gpid) {
            return Ok(Some(Keeper::Job));
        }
        let nameless = self.take_name(trash)?;
        drop(held);
        self.remove_trash(&nameless).map(|()| None)
    }

    /// Removes the origin that a move left on a disk, if a newer copy lives. It is no error if there is none.
    ///
    /// # Errors
    /// Any I/O error, or that nothing newer than the origin lives here.
    pub fn purge_origin(&self, tag: &str, gpid: Gpid) -> io::Result<()> {
        let is_it = |trash: &TrashDir| (trash.disk.as_str(), trash.gpid, trash.kind) == (tag, gpid, DirKind::Origin);
        let Some(origin) = self.trash().into_iter().find(is_it) else { return Ok(()) };
        if !self.is_superseded(&origin) {
            return Err(io::Error::other("no newer copy lives on this node"));
        }
        self.remove_trash(&self.take_name(&origin)?)
    }

    /// Gives a directory a name that no job uses.
    fn take_name(&self, trash: &TrashDir) -> io::Result<TrashDir> {
        let disk = self.disk(&trash.disk).filter(|_| !matches!(trash.kind, DirKind::Garbage | DirKind::Damaged));
        let Some(disk) = disk else { return Ok(trash.clone()) };
        let (gpid, since_ms) = (trash.gpid, trash.since_ms.unwrap_or(0));
        let path = set_aside(disk.path(), &trash.path, gpid, DirKind::Garbage, since_ms);
        let path = path.inspect_err(|error| disk.note(error))?;
        Ok(TrashDir { path, kind: DirKind::Garbage, ..trash.clone() })
    }

    /// When a directory's time comes, in Unix milliseconds; `None` if nobody has noted since when it is trash.
    #[must_use]
    pub fn due_ms(&self, trash: &TrashDir) -> Option<u64> {
        let life = self.lives.of(trash.kind)?;
        Some(trash.since_ms?.saturating_add(u64::try_from(life.as_millis()).unwrap_or(u64::MAX)))
    }

    fn is_superseded(&self, trash: &TrashDir) -> bool {
        let live = |disk: &super::DataDir| ReplicaInfo::read(&layout::replica_dir(disk.path(), trash.gpid));
        self.usable().filter_map(|disk| live(&disk).ok()).any(|info| Some(info.incarnation) > trash.incarnation)
    }

    /// Removes one at once. Blocks, about 2 s for each GiB.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn remove_trash(&self, trash: &TrashDir) -> io::Result<()> {
        assert!(trash.kind != DirKind::Live, "{} is a live replica", trash.path.display());
        tracing::info!(gpid = %trash.gpid, path = %trash.path.display(), "removing trash");
        let note = |error: &io::Error| {
            if let Some(disk) = self.disk(&trash.disk) {
                disk.note(error);
            }
        };
        remove_dir_gently(&trash.path).inspect_err(note)
    }
}

pub(super) fn trash_of(tag: &str, entries: fs::ReadDir) -> Vec<TrashDir> {
    let by_name: BTreeMap<_, _> = entries.flatten().map(|entry| (entry.file_name(), entry.path())).collect();
    let one = |(name, path): (std::ffi::OsString, PathBuf)| {
        let (gpid, kind) = layout::parse(name.to_str()?).filter(|(_, kind)| *kind != DirKind::Live)?;
        let incarnation = ReplicaInfo::read(&path).ok().map(|info| info.incarnation);
        let since_ms = read_record(&path);
        Some(TrashDir { disk: tag.to_owned(), path, gpid, kind, incarnation, since_ms })
    };
    by_name.into_iter().filter_map(one).collect()
}

fn is_due(trash: &TrashDir, now_ms: u64, lives: &TrashLives) -> bool {
    let Some(life) = lives.of(trash.kind) else { return false };
    match trash.since_ms {
        Some(since_ms) => now_ms.saturating_sub(since_ms) >= u64::try_from(life.as_millis()).unwrap_or(u64::MAX),
        None => {
            let _ = note_time(&trash.path, now_ms);
            false
        }
    }
}

fn read_record(dir: &Path) -> Option<u64> {
    read_checked::<Record>(&layout::trash_file(dir), KIND, VERSION).ok().map(|record| record.since_ms)
}

/// Notes since when a directory is trash.
///
/// # Errors
/// Any I/O error.
pub(crate) fn note_time(dir: &Path, now_ms: u64) -> io::Result<()> {
    write_checked(&layout::trash_file(dir), KIND, VERSION, &Record { since_ms: now_ms })
}

/// Renames a directory to a free `.gar.<label>` or `.err.<label>` and notes the time, if the disk still takes it.
pub(super) fn set_aside(disk: &Path, dir: &Path, gpid: Gpid, kind: DirKind, now_ms: u64) -> io::Result<PathBuf> {
    set_aside_as(disk, dir, gpid, kind, &now_ms.to_string(), now_ms)
}

/// As [`DiskManager::set_aside`], under a label of its own.
///
/// # Errors
/// Any I/O error.
pub(crate) fn set_aside_as(
    disk: &Path,
    dir: &Path,
    gpid: Gpid,
    kind: DirKind,
    label: &str,
    now_ms: u64,
) -> io::Result<PathBuf> {
    // Without it the directory begins to age when the collector first sees it; a full disk must not keep its name.
    let _ = note_time(dir, now_ms);
    let name = if kind == DirKind::Damaged { layout::damaged_dir } else { layout::garbage_dir };
    let named = |label: &str| name(disk, gpid, label);
    let labels = std::iter::once(label.to_owned()).chain((1..).map(|n| format!("{label}.{n}")));
    let free = labels.map(|label| named(&label)).find(|path| path.symlink_metadata().is_err());
    let to = free.ok_or_else(|| io::Error::other("no free name"))?;
    durable_rename(dir, &to)?;
    Ok(to)
}
