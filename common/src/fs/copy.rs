//! The verified copy of a file: throttled, checksummed while it is read, fsynced, read back, cancellable.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};
use tokio_util::sync::CancellationToken;

use super::throttle::Throttle;
use crate::fault::{self, Point};

const PIECE_BYTES: usize = 1 << 20;
/// Dirty data is written out this often, so that a fsync of the target disk's log never waits behind a whole file.
const SYNC_BYTES: u64 = 32 << 20;

/// How a copy is done.
pub struct CopyContext<'a> {
    /// The limit; every byte read from the source counts once.
    pub throttle: &'a Throttle,
    /// Stops the copy between two pieces.
    pub cancel: &'a CancellationToken,
    /// Passed before every piece, with the target's path.
    pub fault: Point,
    /// Told the bytes of every piece that was written.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

/// A file that was copied, is durable, and read back equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Bytes.
    pub size: u64,
    /// CRC-32 of the whole file.
    pub crc32: u32,
}

/// Why a copy failed. What stands at the target is then worth nothing.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Stopped.
    #[error("cancelled")]
    Cancelled,
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// The copy reads back differently.
    #[error("{}: the copy reads back differently (CRC {found:08x}, not {expected:08x}): its disk is not to be trusted", path.display())]
    Differs {
        /// The copy.
        path: PathBuf,
        /// CRC of what was read from the source.
        expected: u32,
        /// CRC of what was read back.
        found: u32,
    },
}

impl CopyError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Io { path: path.to_owned(), error }
    }

    /// Whether the target ran out of space.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::Io { error, .. } if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

/// Copies a file over whatever stands at `target`, fsyncs it and reads it back. The name is durable only once the
/// parent is fsynced, which is left to the caller.
///
/// # Errors
/// [`CopyError`].
pub fn copy_verified(source: &Path, target: &Path, context: &CopyContext<'_>) -> Result<Copied, CopyError> {
    let copied = copy_once(source, target, context)?;
    let found = checksum(target, context.cancel)?;
    if found == copied { Ok(copied) } else { Err(differs(target, copied, found)) }
}

fn differs(target: &Path, copied: Copied, found: Copied) -> CopyError {
    CopyError::Differs { path: target.to_owned(), expected: copied.crc32, found: found.crc32 }
}

fn copy_once(source: &Path, target: &Path, context: &CopyContext<'_>) -> Result<Copied, CopyError> {
    let (reading, writing) = (CopyError::io(source), CopyError::io(target));
    let mut from = File::open(source).map_err(&reading)?;
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).open(target).map_err(&writing)?;
    let mut piece = vec![0; PIECE_BYTES];
    let (mut crc, mut size, mut unsynced) = (crc32fast::Hasher::new(), 0, 0);
    while let Some(bytes) = read_piece(&mut from, &mut piece).map_err(&reading)? {
        let count = bytes.len() as u64;
        context.throttle.take_blocking(count, context.cancel).map_err(|_| CopyError::Cancelled)?;
        fault::pass(context.fault, target).and_then(|()| to.write_all(bytes)).map_err(&writing)?;
        crc.update(bytes);
        (size, unsynced) = (size + count, unsynced + count);
        if unsynced >= SYNC_BYTES {
            to.sync_data().map_err(&writing)?;
            unsynced = 0;
        }
        (context.progress)(count);
    }
    to.sync_all().map_err(&writing)?;
    // Neither file is read again soon: leave the page cache to those who serve, and read the copy back from the disk.
    let _ = (fadvise(&from, 0, None, Advice::DontNeed), fadvise(&to, 0, None, Advice::DontNeed));
    Ok(Copied { size, crc32: crc.finalize() })
}

fn read_piece<'a>(file: &mut File, piece: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    let count = file.read(piece)?;
    Ok(piece.get(..count).filter(|bytes| !bytes.is_empty()))
}

/// Size and CRC-32 of a file as it reads now.
///
/// # Errors
/// [`CopyError::Io`] or [`CopyError::Cancelled`].
pub fn checksum(path: &Path, cancel: &CancellationToken) -> Result<Copied, CopyError> {
    let reading = CopyError::io(path);
    let mut file = File::open(path).map_err(&reading)?;
    let mut piece = vec![0; PIECE_BYTES];
    let (mut crc, mut size) = (crc32fast::Hasher::new(), 0);
    while let Some(bytes) = read_piece(&mut file, &mut piece).map_err(&reading)? {
        if cancel.is_cancelled() {
            return Err(CopyError::Cancelled);
        }
        crc.update(bytes);
        size += bytes.len() as u64;
    }
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    Ok(Copied { size, crc32: crc.finalize() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::fault::Action;

    struct Files {
        dir: tempfile::TempDir,
        content: Vec<u8>,
    }

    impl Files {
        fn new(size: usize) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let content: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
            fs::write(dir.path().join("source"), &content).unwrap();
            Self { dir, content }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn copy(&self, cancel: &CancellationToken, progress: &(dyn Fn(u64) + Sync)) -> Result<Copied, CopyError> {
            let throttle = Throttle::unlimited();
            let context = CopyContext { throttle: &throttle, cancel, fault: Point::MoveCopy, progress };
            copy_verified(&self.path("source"), &self.path("target"), &context)
        }
    }

    #[test]
    fn a_copy_is_equal_and_its_progress_adds_up() {
        for size in [0, 1, PIECE_BYTES, PIECE_BYTES * 3 + 17] {
            let (files, told) = (Files::new(size), AtomicU64::new(0));
            let progress = |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed);
            let copied = files.copy(&CancellationToken::new(), &progress).unwrap();
            assert_eq!(fs::read(files.path("target")).unwrap(), files.content);
            assert_eq!(copied, Copied { size: size as u64, crc32: crc32fast::hash(&files.content) });
            assert_eq!(told.into_inner(), size as u64);
        }
    }

    #[test]
    fn a_longer_file_at_the_target_leaves_no_tail() {
        let files = Files::new(10);
        fs::write(files.path("target"), [7; 100]).unwrap();
        files.copy(&CancellationToken::new(), &|_| ()).unwrap();
        assert_eq!(fs::read(files.path("target")).unwrap(), files.content);
    }

    #[test]
    fn a_cancelled_copy_stops_between_pieces() {
        let (files, cancel) = (Files::new(PIECE_BYTES * 4), CancellationToken::new());
        let result = files.copy(&cancel, &|_| cancel.cancel());
        assert!(matches!(result, Err(CopyError::Cancelled)));
        assert_eq!(fs::metadata(files.path("target")).unwrap().len(), PIECE_BYTES as u64);
    }

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one() {
        let files = Files::new(PIECE_BYTES * 4);
        let own = files.dir.path().to_string_lossy().into_owned();
        for (action, no_space) in [(Action::NoSpace, true), (Action::Error, false)] {
            fault::arm(Point::MoveCopy, action, 2, &own);
            let error = files.copy(&CancellationToken::new(), &|_| ()).unwrap_err();
            fault::disarm(&own);
            assert_eq!(error.is_no_space(), no_space, "{error}");
        }
    }
}
