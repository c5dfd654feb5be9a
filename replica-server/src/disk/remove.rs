//! A disk leaves the node while it runs.
//!
//! ```text
//! leave     no replica comes to it any more; refused for the last disk and for the one with `home`
//! empty     what stands on it is looked at, and garbage removed if that was asked for
//! detach    it is no longer found by its tag          stay, attach: back again, if something stands in the way
//! forget    the record says that it is gone; from here on there is no way back
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::sync::Arc;

use common::types::Gpid;
use replica_state::recover::DirKind;

use super::data_dir::DataDir;
use super::set::{DiskSet, RemovedDisk};
use super::set_error::DiskSetError;
use super::trash::{TrashDir, trash_of};
use super::{DiskManager, layout};

/// Directories of replicas on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Standing {
    /// Live, open or not.
    live: BTreeSet<Gpid>,
    /// In use by a job, or perhaps the best copy that there is.
    kept: Vec<TrashDir>,
    /// Set aside, and superseded.
    garbage: Vec<TrashDir>,
}

impl DiskManager {
    /// A disk is about to leave: no replica comes to it from here on.
    ///
    /// # Errors
    /// [`DiskSetError`]: unknown, or needed.
    pub fn leave(&self, tag: &str) -> Result<Arc<DataDir>, DiskSetError> {
        let disks = self.disks();
        let disk = self.disk(tag).ok_or_else(|| self.unknown(tag))?;
        if self.home.starts_with(disk.path()) {
            let home = self.home.display();
            return Err(DiskSetError::Needed(format!("{tag} holds {home}, where this node keeps its jobs")));
        }
        if !disks.iter().any(|other| other.tag() != tag && other.is_usable()) {
            return Err(DiskSetError::Needed(format!("{tag} is the last working disk of this node")));
        }
        disk.set_leaving(true);
        Ok(disk)
    }

    /// It does not leave.
    pub fn stay(&self, disk: &DataDir) {
        disk.set_leaving(false);
    }

    /// Makes sure that nothing stands on a disk; removes first what was set aside, if `purge` says so and it may go.
    /// Blocks.
    ///
    /// # Errors
    /// [`DiskSetError::NotEmpty`] with what stands there.
    pub fn empty(&self, disk: &DataDir, purge: bool) -> Result<(), DiskSetError> {
        let unusable = |error: io::Error| DiskSetError::Unusable(disk.path().to_owned(), error.to_string());
        let standing = self.standing(disk).map_err(unusable)?;
        standing.refuse_what_matters(disk.tag())?;
        if !purge {
            return standing.refuse_garbage(disk.tag());
        }
        for trash in &standing.garbage {
            self.remove_trash(trash).map_err(unusable)?;
        }
        Ok(())
    }

    fn standing(&self, disk: &DataDir) -> io::Result<Standing> {
        let mut standing = Standing::default();
        let held = self.held.lock().clone();
        for entry in fs::read_dir(disk.path())? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let live = layout::parse(&name).filter(|(_, kind)| *kind == DirKind::Live);
            standing.live.extend(live.map(|(gpid, _)| gpid));
        }
        let trash = trash_of(disk.tag(), fs::read_dir(disk.path())?);
        let may_go = |trash: &TrashDir| !held.contains(&trash.gpid) && self.may_go(trash);
        (standing.garbage, standing.kept) = trash.into_iter().partition(may_go);
        Ok(standing)
    }

    /// Takes a disk out of the list; says where it stood.
    pub fn detach(&self, disk: &DataDir) -> usize {
        let mut disks = self.disks.write();
        let at = disks.iter().position(|other| other.tag() == disk.tag()).unwrap_or(disks.len());
        *disks = disks.iter().filter(|other| other.tag() != disk.tag()).cloned().collect();
        at
    }

    /// Puts it back.
    pub fn attach(&self, disk: &Arc<DataDir>, at: usize) {
        let mut disks = self.disks.write();
        let mut all = disks.to_vec();
        all.insert(at.min(all.len()), Arc::clone(disk));
        *disks = all.into();
    }

    /// Forgets a detached disk, durably, and so do its neighbours. Blocks.
    ///
    /// # Errors
    /// [`DiskSetError::Record`].
    pub fn forget(&self, disk: &DataDir) -> Result<(), DiskSetError> {
        let named = self.configured.iter().any(|(tag, path)| tag == disk.tag() && path == disk.path());
        self.change_set(&self.disks(), |set| {
            set.disks.retain(|known| known.tag != disk.tag());
            let removed = RemovedDisk { tag: disk.tag().to_owned(), path: disk.path().to_owned() };
            set.removed.extend(named.then_some(removed));
            Ok(())
        })?;
        self.orphan(disk);
        tracing::info!(disk = disk.tag(), path = %disk.path().display(), "disk removed");
        Ok(())
    }

    /// Its own record names no neighbours any more, so that it may come to another node. If that cannot be written it
    /// does no harm: a newer record says otherwise.
    fn orphan(&self, disk: &DataDir) {
        let set = DiskSet { disks: vec![super::KnownDisk { added: false, ..disk.known() }], ..DiskSet::default() };
        let written = if disk.is_usable() { disk.identity(self.cluster(), set).write(disk.path()) } else { Ok(()) };
        if let Err(error) = written {
            tracing::warn!(disk = disk.tag(), %error, "a removed disk still names its former neighbours");
        }
    }
}

impl Standing {
    fn refuse_what_matters(&self, tag: &str) -> Result<(), DiskSetError> {
        let refuse = |what: String, hint: String| Err(DiskSetError::NotEmpty { tag: tag.to_owned(), what, hint });
        if !self.live.is_empty() {
            return refuse(
                replicas(&self.live),
                format!("move them away: disk-drain -n NODE -d {tag}, or disk-migrate"),
            );
        }
        if !self.kept.is_empty() {
            let hint = "they may be the best copies that there are; see docs/operations.md";
            return refuse(names(&self.kept), hint.to_owned());
        }
        Ok(())
    }

    fn refuse_garbage(&self, tag: &str) -> Result<(), DiskSetError> {
        if self.garbage.is_empty() {
            return Ok(());
        }
        let hint = "they go by themselves after their time; --purge-garbage removes them now".to_owned();
        Err(DiskSetError::NotEmpty { tag: tag.to_owned(), what: names(&self.garbage), hint })
    }
}

/// Replicas in words.
pub(crate) fn replicas(gpids: &BTreeSet<Gpid>) -> String {
    let gpids: Vec<_> = gpids.iter().map(ToString::to_string).collect();
    format!("it holds replicas of {}", gpids.join(", "))
}

fn names(trash: &[TrashDir]) -> String {
    let name = |trash: &TrashDir| trash.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let names: Vec<_> = trash.iter().filter_map(name).collect();
    format!("what was set aside stands there: {}", names.join(", "))
}
