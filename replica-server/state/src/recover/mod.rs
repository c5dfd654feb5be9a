//! What becomes of the directories found at start-up: a pure, total function of what all disks hold.
//!
//! It never looks at times or at a suffix alone (rules INCARNATION, MOVES, LAST COPY):
//!
//! ```text
//! candidates      live directories with readable info, sealed `.tmp`, sealed learn directories
//!   configured incarnation among them        -> open that one (roll it forward first)
//!   else a disk is absent                    -> wait: it could hold a higher incarnation; touch nothing
//!   else                                     -> open the highest incarnation
//!   no candidate                             -> nothing to open
//! ```
//!
//! Opening gives no role: only the configured incarnation ever gets one. What is decided here is which directory is
//! opened, and which others lose their plain names. Carried out up to any point and run again, it decides the same.

mod dirs;
mod roll;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use common::types::{Gpid, Incarnation};
use uuid::Uuid;

pub use dirs::{DirKind, FoundDir, Info, Seal};

/// What is to be done for one partition: the renames in order, each durable before the next, then the outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Renames, in order.
    pub renames: Vec<Rename>,
    /// What then.
    pub outcome: Outcome,
}

/// What follows the renames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Open the live directory of that disk.
    Open {
        /// Index into the directories found (under its new name, if it was renamed).
        dir: usize,
        /// Where it stands.
        disk: Uuid,
        /// Which copy it is.
        incarnation: Incarnation,
    },
    /// An absent disk could hold the right copy: open nothing, touch nothing, and create nothing empty in its place.
    Wait {
        /// The disks waited for.
        absent: Vec<Uuid>,
    },
    /// No directory here can be opened.
    Nothing,
}

/// One rename within a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Index into the directories found.
    pub dir: usize,
    /// What it becomes.
    pub to: RenameTo,
}

/// What a directory is renamed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RenameTo {
    /// `G.pegasus`.
    Live,
    /// `G.pegasus.disk.migrate.ori`.
    Origin,
    /// `G.pegasus.gar.<…>`: superseded, kept for its recorded time to live.
    Garbage,
    /// `G.pegasus.err.<…>`: cannot be read, or contradicts another.
    Damaged,
}

/// Decides for every partition that has a directory.
///
/// `absent` are the configured disks that cannot be read now. `configured` holds, where the meta server has just said
/// so, the incarnation that this node is to hold (as member, learner, or `moving`); an old answer must not be passed.
#[must_use]
pub fn recover(
    found: &[FoundDir],
    absent: &[Uuid],
    configured: &BTreeMap<Gpid, Incarnation>,
) -> BTreeMap<Gpid, Decision> {
    let mut by_gpid: BTreeMap<Gpid, Vec<usize>> = BTreeMap::new();
    for (index, dir) in found.iter().enumerate() {
        by_gpid.entry(dir.gpid).or_default().push(index);
    }
    let decide = |gpid: Gpid, own: Vec<usize>| {
        let own = own.into_iter().filter_map(|index| Some((index, found.get(index)?))).collect();
        (gpid, decide_one(own, absent, configured.get(&gpid).copied()))
    };
    by_gpid.into_iter().map(|(gpid, own)| decide(gpid, own)).collect()
}

fn decide_one(dirs: Vec<(usize, &FoundDir)>, absent: &[Uuid], configured: Option<Incarnation>) -> Decision {
    let dirs = roll::Dirs::new(dirs, configured);
    let chosen = match configured.and_then(|incarnation| dirs.candidate_of(incarnation)) {
        Some(chosen) => Some(chosen),
        None if !absent.is_empty() && dirs.any_matters() => {
            return Decision { renames: Vec::new(), outcome: Outcome::Wait { absent: absent.to_vec() } };
        }
        None => dirs.highest_candidate(),
    };
    let outcome = match chosen {
        None => Outcome::Nothing,
        Some(chosen) => Outcome::Open { dir: chosen.index, disk: chosen.disk, incarnation: chosen.incarnation },
    };
    // With a disk absent and nothing chosen only trash is there; it stays as it is.
    Decision { renames: dirs.renames(chosen.as_ref()), outcome }
}
