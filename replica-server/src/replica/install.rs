//! Puts a fetched checkpoint in the place of a learner's database and tells the core.

use common::types::Decree;
use pacifica::Event;

use super::blocking;
use super::handle::CheckpointReady;
use super::task::{CLOSE, Task};
use crate::disk::layout;
use crate::learn::{begin_install, finish_install};
use crate::storage::{Storage, StorageError};

/// Why an install failed; the replica goes to error, its disk or the checkpoint is bad.
#[derive(Debug, thiserror::Error)]
enum InstallError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Storage(#[from] StorageError),
}

impl Task {
    /// Closes the database, exchanges the directories, opens the new one. A learner serves no reads, so nobody waits.
    pub(super) async fn install(&mut self, ready: CheckpointReady) {
        let Some(old) = self.storage.take() else { return };
        *self.replica.storage.write() = None;
        let (dir, engine) = (self.replica.place.dir.clone(), self.env.engine.clone());
        let installed = blocking(move || -> Result<Storage, InstallError> {
            begin_install(&dir)?;
            old.close(CLOSE)?;
            finish_install(&dir)?;
            Ok(Storage::open(&engine, &layout::rdb_dir(&dir))?)
        })
        .await;
        match installed {
            Ok(storage) => self.take_over(storage, &ready),
            Err(error) => self.fail(&format!("cannot install a checkpoint: {error}")),
        }
    }

    fn take_over(&mut self, storage: Storage, ready: &CheckpointReady) {
        let applied = storage.applied();
        tracing::info!(gpid = %self.replica.gpid, decree = %applied.decree, "checkpoint installed");
        *self.replica.storage.write() = Some(storage.clone());
        self.storage = Some(storage);
        self.overlay.clear();
        assert!(applied.decree > Decree(0), "{}: an empty checkpoint was installed", self.replica.gpid);
        self.step(Event::CheckpointInstalled {
            ballot: ready.ballot,
            decree: applied.decree,
            time_ms: applied.time_ms,
        });
    }
}
