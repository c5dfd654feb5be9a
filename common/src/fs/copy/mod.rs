//! The verified copy of a set of files: a pipeline, so that both disks and the processor work at the same time.
//!
//! ```text
//!           pieces               orders            durable
//!  [read] ──────────> [write] ──────────> [sync] ──────────> [verify]
//!  thread             caller              thread             thread
//!    ^   empty buffers  │  ^                                    │
//!    └──────────────────┘  └──────────────── done ──────────────┘
//! ```
//!
//! The writer throttles and takes the checksum. A file is done only once all of it is durable and read back equal, from
//! the disk and not from memory. All queues are bounded, and buffers are used again, so a copy takes the same few
//! megabytes whatever its size. A stage that fails lets go of its queues, which ends the others.
//!
//! All I/O is direct where the file system can: a log's fdatasync on the same disk then waits behind one piece, and not
//! behind what a flusher writes out at once (docs/benchmarks.md has the comparison).

mod error;
mod read;
mod sync;
#[cfg(test)]
mod tests;
mod verify;
mod write;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::Duration;

use rustix::fs::{Advice, fadvise};
use tokio_util::sync::CancellationToken;

pub use error::{CopyError, Doing};
pub use verify::Verified;

use self::read::{PIECES, Reader};
use self::sync::Order;
use self::verify::Verifier;
use self::write::Writer;
use super::direct::{Buffer, PIECE_BYTES};
use super::throttle::Throttle;
use crate::clock::Clock;
use crate::types::Time;

/// Ranges that are durable and wait to be read back; each may hold a file open.
const VERIFY_BEHIND: usize = 32;

/// How a copy is done.
pub struct CopyContext<'a> {
    /// The limit; every byte read from the source counts once.
    pub throttle: &'a Throttle,
    /// Stops the copy between two pieces.
    pub cancel: &'a CancellationToken,
    /// Told the bytes of every piece that was written, on the caller's thread.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// A file to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCopy {
    /// What is read.
    pub source: PathBuf,
    /// What is written, over whatever stands there.
    pub target: PathBuf,
}

/// A file that was copied, is durable, and read back equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes.
    pub size: u64,
    /// CRC-32 of the whole file.
    pub crc32: u32,
}

/// What a copy took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// From the first byte read until the last was durable.
    pub copied: Duration,
    /// What reading back took; beside the copying, but for the end of it.
    pub verified: Verified,
    /// From the first byte read until the last was read back.
    pub whole: Duration,
}

/// Copies files, in order; `done` is called for each, in order and on this thread, once it is durable and was read back
/// equal. Its name is durable only once the parent is fsynced, which is left to the caller.
///
/// # Errors
/// [`CopyError`], or what `done` fails with; the files for which `done` was called stay as good as they are.
pub fn copy_files<E: From<CopyError>>(
    files: &[FileCopy],
    context: &CopyContext<'_>,
    mut done: impl FnMut(usize, Copied) -> Result<(), E>,
) -> Result<CopyReport, E> {
    let began = Clock::System.mono();
    let (reader, writer, sync, verifier) = connect(files.len(), context);
    let (written, others) = std::thread::scope(|scope| {
        let others = Others {
            read: stage(scope, "copy-read", move || reader.run(files)),
            synced: stage(scope, "copy-sync", move || sync::run(sync.0, sync.1)),
            verified: stage(scope, "copy-verify", move || verifier.run()),
        };
        // If one was not started, its ends of the queues are gone, and nobody waits for it.
        (writer.run(&mut done), others.end())
    });
    written?;
    let (synced, verified) = others?;
    Ok(CopyReport { copied: synced.since(began), verified, whole: Clock::System.mono().since(began) })
}

type Syncing<'a> = (Receiver<Order<'a>>, SyncSender<Order<'a>>);

/// The queues between the stages.
fn connect<'a, 'c>(
    files: usize,
    context: &'c CopyContext<'c>,
) -> (Reader<'a>, Writer<'a, 'c>, Syncing<'a>, Verifier<'a, 'c>) {
    let (empty, to_fill) = sync_channel(PIECES);
    let (filled, pieces) = sync_channel(PIECES);
    let (orders, to_sync) = sync_channel(1);
    let (synced, durable) = sync_channel(VERIFY_BEHIND);
    // Room for all: the verifier never waits for the writer, which may be waiting for it.
    let (verified, done) = sync_channel(files);
    for _ in 0..PIECES {
        let _ = empty.try_send(Buffer::new());
    }
    let reader = Reader { empty: to_fill, pieces: filled };
    let writer = Writer { context, pieces, empty, orders, done };
    let verifier = Verifier { cancel: context.cancel, durable, done: verified };
    (reader, writer, (to_sync, synced), verifier)
}

type Stage<'scope, T> = io::Result<ScopedJoinHandle<'scope, Result<T, CopyError>>>;

/// The stages on threads of their own.
struct Others<'scope> {
    read: Stage<'scope, ()>,
    synced: Stage<'scope, Time>,
    verified: Stage<'scope, Verified>,
}

impl Others<'_> {
    fn end(self) -> Result<(Time, Verified), CopyError> {
        let (read, synced, verified) = (end(self.read), end(self.synced), end(self.verified));
        read?;
        Ok((synced?, verified?))
    }
}

fn stage<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> Result<T, CopyError> + Send + 'scope,
) -> Stage<'scope, T> {
    Builder::new().name(name.to_owned()).spawn_scoped(scope, work)
}

fn end<T>(stage: Stage<'_, T>) -> Result<T, CopyError> {
    let stage = stage.map_err(CopyError::Thread)?;
    stage.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Size and CRC-32 of a file as it reads now.
///
/// # Errors
/// [`CopyError::Io`] or [`CopyError::Cancelled`].
pub fn checksum(path: &Path, cancel: &CancellationToken) -> Result<Copied, CopyError> {
    let reading = CopyError::io(Doing::Reading, path);
    let mut file = File::open(path).map_err(&reading)?;
    let mut piece = vec![0; PIECE_BYTES];
    let (mut crc, mut size) = (crc32fast::Hasher::new(), 0);
    loop {
        let count = file.read(&mut piece).map_err(&reading)?;
        let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        if cancel.is_cancelled() {
            return Err(CopyError::Cancelled);
        }
        crc.update(bytes);
        size += bytes.len() as u64;
    }
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    Ok(Copied { size, crc32: crc.finalize() })
}
