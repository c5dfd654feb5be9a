//! Removing segments that nobody needs (rule PINS).
//!
//! Only the oldest segment is ever removed, so that a missing one in the middle is known as damage. It is needed while
//! it holds a live record that is not flushed, of an incarnation that lives on this disk, or one that is pinned; and
//! while it is damaged and a replica that the damage may concern lives here still.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use common::fs::sync_dir;
use common::types::{Decree, Gpid, Incarnation};

use super::error::LogError;
use super::format::spare_path;
use super::handle::{DiskLog, State};
use super::index::ReplicaKey;
use super::recovery::Concern;
use super::segment::{Segment, Spare};

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Segments removed.
    pub segments: u64,
    /// Their bytes on disk, free for others or for the next segment.
    pub bytes: u64,
}

/// A replica that keeps the oldest segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Laggard {
    /// Which partition.
    pub gpid: Gpid,
    /// Which copy.
    pub incarnation: Incarnation,
    /// Flushing the storage up to here lets the segment go; if that is not applied yet, copy the tail
    /// (`DiskLog::copy_forward`).
    pub needed: Decree,
}

impl DiskLog {
    /// Removes what is not needed. `flushed` says up to where a copy's storage is durable, from
    /// `Storage::flushed`; `None` if that incarnation does not live on this disk (any more). Blocks.
    ///
    /// Call it only when all replicas of the disk are loaded: a copy that `flushed` does not know loses its records.
    ///
    /// # Errors
    /// The disk fails.
    pub fn collect_garbage(
        &self,
        flushed: &dyn Fn(Gpid, Incarnation) -> Option<Decree>,
    ) -> Result<Collected, LogError> {
        self.remember(flushed);
        let mut collected = Collected::default();
        while let Some(segment) = self.take_unneeded() {
            collected.segments += 1;
            collected.bytes += segment.bytes;
            self.remove(segment)?;
        }
        if collected.segments > 0 {
            self.shared().queue.nudge();
        }
        Ok(collected)
    }

    /// The replicas that keep the oldest segment, as of the last collection; none while the log is below its target
    /// size.
    #[must_use]
    pub fn laggards(&self) -> Vec<Laggard> {
        let shared = self.shared();
        // Locks in the order of `take_unneeded`.
        let flushed = shared.flushed.lock();
        let state = shared.state.read();
        let held: u64 = state.segments.values().map(|segment| segment.bytes).sum();
        if held <= shared.options.held_bytes_target {
            return Vec::new();
        }
        let Some(oldest) = state.segments.keys().next() else { return Vec::new() };
        let shares = state.index.segments.get(oldest).into_iter().flatten();
        let lags = |key: &ReplicaKey| {
            let after = flushed.get(key).copied().flatten()?;
            let needed = state.index.needs(*oldest, *key, after)?;
            Some(Laggard { gpid: key.0, incarnation: key.1, needed })
        };
        shares.filter_map(|(key, _)| lags(key)).collect()
    }

    fn remember(&self, flushed: &dyn Fn(Gpid, Incarnation) -> Option<Decree>) {
        let keys: BTreeSet<ReplicaKey> = {
            let state = self.shared().state.read();
            let damaged = self.shared().damage.iter().filter_map(|damage| match damage.concern {
                Concern::Replica(gpid, incarnation) => Some((gpid, incarnation)),
                Concern::Nobody | Concern::Anyone => None,
            });
            let suspects = self.shared().suspects.lock();
            state.index.replicas.keys().copied().chain(damaged).chain(suspects.iter().copied()).collect()
        };
        // Asked without any lock: it may read the storage.
        let known: BTreeMap<_, _> = keys.into_iter().map(|key| (key, flushed(key.0, key.1))).collect();
        *self.shared().flushed.lock() = known;
    }

    /// Takes the oldest segment out of the index if nothing in it is needed.
    fn take_unneeded(&self) -> Option<Arc<Segment>> {
        let shared = self.shared();
        let pinned = shared.pins.lowest(shared.options.clock.mono());
        let flushed = shared.flushed.lock();
        let mut state = shared.state.write();
        let (oldest, _) = state.segments.first_key_value()?;
        let oldest = *oldest;
        // The head is the last one, and the writer's.
        if state.segments.len() < 2 || self.is_needed(&state, oldest, &flushed, &pinned) {
            return None;
        }
        state.index.remove_segment(oldest);
        state.segments.remove(&oldest)
    }

    fn is_needed(
        &self,
        state: &State,
        segment: u64,
        flushed: &BTreeMap<ReplicaKey, Option<Decree>>,
        pinned: &BTreeMap<ReplicaKey, Decree>,
    ) -> bool {
        let shares = state.index.segments.get(&segment).into_iter().flatten();
        let held = shares.map(|(key, _)| *key).any(|key| {
            // A replica that appeared after the flushed decrees were asked for: keep all of it.
            let unflushed = flushed.get(&key).copied().unwrap_or(Some(Decree::default()));
            let unflushed = unflushed.and_then(|after| state.index.needs(segment, key, after));
            let pin = pinned.get(&key).and_then(|from| state.index.needs(segment, key, from.prev()));
            unflushed.or(pin).is_some()
        });
        held || self.is_damage_open(segment, flushed)
    }

    /// Whether a replica that the segment's damage may concern lives here still. A replica that was learned again has
    /// another incarnation.
    fn is_damage_open(&self, segment: u64, flushed: &BTreeMap<ReplicaKey, Option<Decree>>) -> bool {
        let lives = |key: &ReplicaKey| flushed.get(key).is_some_and(Option::is_some);
        let suspects = self.shared().suspects.lock();
        self.shared().damage.iter().filter(|damage| damage.segment == segment).any(|damage| match damage.concern {
            Concern::Nobody => false,
            Concern::Replica(gpid, incarnation) => lives(&(gpid, incarnation)),
            Concern::Anyone => suspects.iter().any(lives),
        })
    }

    /// Its name goes first, and durably, one segment after the other: were a newer one gone and an older one back after a power
    /// cut, it would look like damage.
    fn remove(&self, segment: Arc<Segment>) -> Result<(), LogError> {
        let (dir, path) = (self.dir(), segment.path.clone());
        let io = |error: std::io::Error| LogError::io(&path, &error);
        // A reader may still have the file open: it must find the old bytes, so the file is not written again.
        let Ok(segment) = Arc::try_unwrap(segment) else { return unlink(dir, &path).map_err(io) };
        let name = spare_path(dir, u64::MAX - segment.sequence);
        let spare = Spare::recycle(segment, name).map_err(io)?;
        self.keep_spare(spare).map_or(Ok(()), Spare::remove).map_err(io)
    }

    /// Gives back what is not kept. On a full disk that is all but one: others need the space, first of all the reserve.
    fn keep_spare(&self, spare: Spare) -> Option<Spare> {
        let options = &self.shared().options;
        let spares_max = if self.shared().is_short_of_space() { 1 } else { options.spares_max };
        let mut spares = self.shared().spares.lock();
        let is_wanted = spare.bytes == options.segment_bytes && spares.len() < spares_max;
        if is_wanted {
            spares.push(spare);
            return None;
        }
        Some(spare)
    }
}

fn unlink(dir: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)?;
    sync_dir(dir)
}
