//! Disks: directories that survive, and operations on them that are durable only once complete.

use std::collections::BTreeMap;

use common::types::{Ballot, Decree, Gpid, Incarnation};
use replica_state::recover::{DirKind, FoundDir, Info, Seal};
use uuid::Uuid;

use crate::log::{Log, Sync};
use crate::storage::Snapshot;

/// Names a directory for as long as it exists, whatever it is renamed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DirId(pub(crate) u64);

/// A directory: what is durable of it.
#[derive(Clone, Debug)]
pub(crate) struct Dir {
    pub(crate) kind: DirKind,
    pub(crate) gpid: Gpid,
    pub(crate) info: Option<Info>,
    pub(crate) seal: Option<Seal>,
    pub(crate) manifest_job: Option<Uuid>,
    /// What was flushed.
    pub(crate) data: Snapshot,
}

/// One disk of a node.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) uuid: Uuid,
    /// Whether it was there when the process started.
    pub(crate) present: bool,
    pub(crate) full: bool,
    pub(crate) dirs: BTreeMap<DirId, Dir>,
    pub(crate) log: Log,
}

impl Disk {
    pub(crate) fn new(uuid: Uuid, sync: Sync) -> Self {
        Self { uuid, present: true, full: false, dirs: BTreeMap::new(), log: Log::new(sync) }
    }

    /// What a process that starts finds, with its id for each.
    pub(crate) fn found(&self) -> impl Iterator<Item = (DirId, FoundDir)> {
        self.dirs.iter().map(|(id, dir)| {
            let found = FoundDir {
                disk: self.uuid,
                gpid: dir.gpid,
                name: format!("{:?}.{}", dir.kind, id.0),
                kind: dir.kind,
                info: dir.info,
                seal: dir.seal,
                manifest_job: dir.manifest_job,
            };
            (*id, found)
        })
    }
}

/// An operation that is complete, and durable, at once and some time later; a crash in between leaves either.
#[derive(Clone, Debug)]
pub(crate) struct FileOp {
    pub(crate) disk: usize,
    pub(crate) dir: DirId,
    pub(crate) change: DirChange,
    pub(crate) then: Then,
}

/// What becomes of a directory.
#[derive(Clone, Debug)]
pub(crate) enum DirChange {
    Create(Box<Dir>),
    Rename(DirKind),
    Info(Info),
    /// Info and seal, the seal after the info.
    Seal(Info, Seal),
    /// A checkpoint takes the place of the data.
    Install(Box<Snapshot>),
}

/// What goes on when an operation is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The copy is gone, and another may be made.
    Collected { gpid: Gpid },
    /// The core is told that its ballot is durable.
    BallotPersisted { gpid: Gpid, opened: u64, ballot: Ballot },
    /// The learned checkpoint is in place.
    Installed { gpid: Gpid, opened: u64, ballot: Ballot, decree: Decree },
    /// The replica is opened under this incarnation.
    Open { gpid: Gpid, incarnation: Incarnation },
    /// The move's next step.
    MoveStep { gpid: Gpid },
}

impl Disk {
    /// Carries an operation out.
    pub(crate) fn perform(&mut self, dir: DirId, change: DirChange) {
        if let DirChange::Create(new) = change {
            self.dirs.insert(dir, *new);
            return;
        }
        let Some(dir) = self.dirs.get_mut(&dir) else { return };
        match change {
            DirChange::Create(_) => {}
            DirChange::Rename(kind) => dir.kind = kind,
            DirChange::Info(info) => dir.info = Some(info),
            DirChange::Seal(info, seal) => (dir.info, dir.seal) = (Some(info), Some(seal)),
            DirChange::Install(snapshot) => dir.data = *snapshot,
        }
    }
}
