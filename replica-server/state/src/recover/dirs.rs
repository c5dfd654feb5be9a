//! A directory as it was found, reduced to what the decision may depend on.

use common::types::{Ballot, Decree, Gpid, Incarnation};
use uuid::Uuid;

/// What the name of a directory says it is. The name alone decides nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirKind {
    /// `G.pegasus`.
    Live,
    /// `G.pegasus.disk.migrate.tmp`: the new copy of a disk move, not yet in force.
    MoveTmp,
    /// `G.pegasus.disk.migrate.ori`: what a disk move left behind.
    Origin,
    /// `G.pegasus.learn.tmp`: a checkpoint being learned, or complete and about to be installed.
    LearnTmp,
    /// `G.pegasus.gar.<…>`.
    Garbage,
    /// `G.pegasus.err.<…>`.
    Damaged,
}

/// What the directory's `.replica-info` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Which partition; another than the name says makes it unreadable.
    pub gpid: Gpid,
    /// Which copy.
    pub incarnation: Incarnation,
    /// Its durable ballot.
    pub ballot: Ballot,
    /// The disk move that made this copy, or for which it was closed as the source.
    pub job: Option<Uuid>,
    /// The disk it was written on. On another one it is a hand-made copy and counts as unreadable.
    pub disk: Uuid,
}

/// Written into a `.tmp` after its source closed, or into a learn directory once it is complete. Without it a
/// directory never rolls forward (rule MOVES).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The disk move, or the learn.
    pub job: Uuid,
    /// The incarnation that the directory has once it is live.
    pub incarnation: Incarnation,
    /// The last decree that the source had applied when it closed (of a learn: the checkpoint's decree).
    pub last: Decree,
}

/// A directory found on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDir {
    /// The disk.
    pub disk: Uuid,
    /// The partition, by the directory's name.
    pub gpid: Gpid,
    /// The directory's name.
    pub name: String,
    /// What the name says it is.
    pub kind: DirKind,
    /// Its info, if that is readable and whole.
    pub info: Option<Info>,
    /// Its seal, if there is a whole one.
    pub seal: Option<Seal>,
    /// The job in its manifest, if there is a whole one: an unsealed `.tmp` that can be resumed.
    pub manifest_job: Option<Uuid>,
}

impl FoundDir {
    /// The info, if it belongs to this directory.
    #[must_use]
    pub fn own_info(&self) -> Option<&Info> {
        self.info.as_ref().filter(|info| info.gpid == self.gpid && info.disk == self.disk)
    }

    /// The seal, if it is valid: the info was written before it and says the same.
    #[must_use]
    pub fn own_seal(&self) -> Option<&Seal> {
        let info = self.own_info()?;
        self.seal.as_ref().filter(|seal| info.incarnation == seal.incarnation && info.job == Some(seal.job))
    }
}
