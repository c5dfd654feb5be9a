//! Holds the automatic compaction of a source back while its rounds are copied: a compaction rewrites table files, and
//! the rounds would never shrink. Bounded in time and by the number of level 0 files, and given back in every case.

use std::time::Duration;

use common::clock::Clock;
use common::types::Time;

use crate::storage::{LEVEL0_SLOWDOWN, Storage, StorageError};

/// How long running compactions are waited for.
const RUNNING: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// Held back until dropped, or until it would hurt.
pub(super) struct HeldCompaction {
    storage: Storage,
    clock: Clock,
    until: Time,
    look_at: Time,
    held: bool,
}

impl HeldCompaction {
    /// Turns it off and waits for what runs.
    pub(super) fn hold(storage: &Storage, clock: &Clock, longest: Duration) -> Result<Self, StorageError> {
        storage.set_auto_compaction(false)?;
        let now = clock.mono();
        let held =
            Self { storage: storage.clone(), clock: clock.clone(), until: now + longest, look_at: now, held: true };
        match storage.await_compactions(RUNNING) {
            // One that runs longer costs a larger round, no more.
            Ok(()) | Err(StorageError::TimedOut { .. }) => Ok(held),
            Err(error) => Err(error),
        }
    }

    /// Whether it is the storage of that replica that is held, and still is.
    pub(super) fn holds(&self, storage: &Storage) -> bool {
        self.held && self.storage.dir() == storage.dir()
    }

    /// Gives it back if it has been held too long, or if writers are about to be slowed down.
    pub(super) fn look(&mut self) {
        let now = self.clock.mono();
        if !self.held || now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        let crowded = self.storage.level0_files().is_ok_and(|files| files >= LEVEL0_SLOWDOWN * 3 / 4);
        if crowded || now >= self.until {
            tracing::warn!(dir = %self.storage.dir().display(), crowded, "compaction is allowed again during a move");
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        // A closed storage has nothing to give back: it opens with compaction on.
        if std::mem::take(&mut self.held)
            && let Err(error) = self.storage.set_auto_compaction(true)
        {
            tracing::debug!(%error, "compaction not given back");
        }
    }
}

impl Drop for HeldCompaction {
    fn drop(&mut self) {
        self.give_back();
    }
}
