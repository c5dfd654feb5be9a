//! Which directory of one partition may be opened, and what the others become.

use common::types::{Ballot, Incarnation};
use uuid::Uuid;

use super::dirs::{DirKind, FoundDir};
use super::{Rename, RenameTo};

/// A directory that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) index: usize,
    pub(super) disk: Uuid,
    pub(super) kind: DirKind,
    pub(super) incarnation: Incarnation,
    job: Option<Uuid>,
    ballot: Ballot,
}

/// A directory that loses its name: where it was found, and what it becomes.
type Aside<'a> = (usize, &'a FoundDir, RenameTo);

/// The directories of one partition.
pub(super) struct Dirs<'a> {
    dirs: Vec<(usize, &'a FoundDir)>,
    /// Best last: by incarnation, then live before what would be rolled forward, then ballot, then disk.
    candidates: Vec<Candidate>,
}

impl<'a> Dirs<'a> {
    pub(super) fn new(mut dirs: Vec<(usize, &'a FoundDir)>, configured: Option<Incarnation>) -> Self {
        // What is decided must not depend on the order in which disks were read.
        dirs.sort_by(|(_, a), (_, b)| (a.disk, a.kind, &a.name).cmp(&(b.disk, b.kind, &b.name)));
        let eligible = |dir: &FoundDir| match dir.kind {
            DirKind::Live => dir.own_info().is_some(),
            DirKind::MoveTmp => rolls_forward(dir, &dirs, configured),
            DirKind::LearnTmp => dir.own_seal().is_some(),
            DirKind::Origin | DirKind::Garbage | DirKind::Damaged => false,
        };
        let candidate = |(index, dir): &(usize, &FoundDir)| candidate(*index, dir).filter(|_| eligible(dir));
        let mut candidates: Vec<_> = dirs.iter().filter_map(candidate).collect();
        candidates.sort_by_key(|c| (c.incarnation, c.kind == DirKind::Live, c.ballot, c.disk, c.kind));
        Self { dirs, candidates }
    }

    pub(super) fn candidate_of(&self, incarnation: Incarnation) -> Option<Candidate> {
        self.candidates.iter().rev().find(|c| c.incarnation == incarnation).copied()
    }

    pub(super) fn highest_candidate(&self) -> Option<Candidate> {
        self.candidates.last().copied()
    }

    /// Whether there is anything but trash: only then an absent disk matters.
    pub(super) fn any_matters(&self) -> bool {
        self.dirs.iter().any(|(_, dir)| !matches!(dir.kind, DirKind::Garbage | DirKind::Damaged))
    }

    /// The renames: superseded temporaries, what stands in the way, the roll-forward, and only then the other live
    /// directories (rule MOVES: target before origin). In this order a crash between two of them never makes another
    /// directory eligible.
    pub(super) fn renames(&self, chosen: Option<&Candidate>) -> Vec<Rename> {
        let fates = self.dirs.iter().filter_map(|(index, dir)| Some((*index, *dir, fate(*index, dir, chosen)?)));
        let mut aside: Vec<_> = fates.collect();
        let far = |dir: &FoundDir| dir.kind == DirKind::Live && chosen.is_none_or(|c| c.disk != dir.disk);
        aside.sort_by_key(|(_, dir, _)| (far(dir), dir.kind == DirKind::Live, dir.kind == DirKind::LearnTmp));
        let (early, late) = aside.split_at(aside.partition_point(|(_, dir, _)| !far(dir)));
        let rolled = chosen.filter(|c| c.kind != DirKind::Live).map(|c| Rename { dir: c.index, to: RenameTo::Live });
        let renames = |part: &[Aside<'_>]| part.iter().flat_map(|aside| self.set_aside(aside)).collect::<Vec<_>>();
        renames(early).into_iter().chain(rolled).chain(renames(late)).collect()
    }

    /// An older `.ori` gives its name up first.
    fn set_aside(&self, (index, dir, to): &Aside<'_>) -> Vec<Rename> {
        let older = |other: &FoundDir| other.kind == DirKind::Origin && other.disk == dir.disk;
        let old = self.dirs.iter().filter(|(_, other)| *to == RenameTo::Origin && older(other));
        let garbage = old.map(|(index, _)| Rename { dir: *index, to: RenameTo::Garbage });
        garbage.chain([Rename { dir: *index, to: *to }]).collect()
    }
}

fn candidate(index: usize, dir: &FoundDir) -> Option<Candidate> {
    let info = dir.own_info()?;
    let (incarnation, job, ballot) = (info.incarnation, info.job, info.ballot);
    Some(Candidate { index, disk: dir.disk, kind: dir.kind, incarnation, job, ballot })
}

/// Whether a `.tmp` may become live: sealed, and its source is known to be closed for the same job, or the meta server
/// names the new incarnation, or nothing else is left that could contradict it.
fn rolls_forward(tmp: &FoundDir, dirs: &[(usize, &FoundDir)], configured: Option<Incarnation>) -> bool {
    let Some(seal) = tmp.own_seal() else { return false };
    let closed_source = |dir: &FoundDir| {
        matches!(dir.kind, DirKind::Live | DirKind::Origin)
            && dir.own_info().is_some_and(|info| info.job == Some(seal.job) && info.incarnation < seal.incarnation)
    };
    let another = |dir: &FoundDir| {
        let trash = matches!(dir.kind, DirKind::Garbage | DirKind::Damaged);
        !trash && dir.own_info().is_some() && (dir.disk, &dir.name) != (tmp.disk, &tmp.name)
    };
    configured == Some(seal.incarnation)
        || dirs.iter().any(|(_, dir)| closed_source(dir))
        || !dirs.iter().any(|(_, dir)| another(dir))
}

/// What a directory that is not opened becomes; `None`: it stays.
fn fate(index: usize, dir: &FoundDir, chosen: Option<&Candidate>) -> Option<RenameTo> {
    if chosen.is_some_and(|c| c.index == index) {
        return None;
    }
    match dir.kind {
        DirKind::Live => live_fate(dir, chosen),
        DirKind::MoveTmp | DirKind::LearnTmp => temporary_fate(dir, chosen),
        DirKind::Origin | DirKind::Garbage | DirKind::Damaged => None,
    }
}

fn live_fate(dir: &FoundDir, chosen: Option<&Candidate>) -> Option<RenameTo> {
    let Some(info) = dir.own_info() else { return Some(RenameTo::Damaged) };
    let chosen = chosen?;
    match info.incarnation.cmp(&chosen.incarnation) {
        // Higher than what the meta server configured: unexplained, so it is left to be looked at. It gives up its
        // name only where the configured copy needs it.
        std::cmp::Ordering::Greater => (dir.disk == chosen.disk).then_some(RenameTo::Damaged),
        std::cmp::Ordering::Equal => Some(RenameTo::Damaged),
        std::cmp::Ordering::Less if info.job.is_some() && info.job == chosen.job => Some(RenameTo::Origin),
        std::cmp::Ordering::Less => Some(RenameTo::Garbage),
    }
}

/// An unsealed one stays, because its job or learn may resume it; a sealed one that lost is superseded.
fn temporary_fate(dir: &FoundDir, chosen: Option<&Candidate>) -> Option<RenameTo> {
    let (seal, chosen) = (dir.own_seal()?, chosen?);
    (seal.incarnation <= chosen.incarnation).then_some(RenameTo::Garbage)
}
