//! One segment file: made from a preallocated spare, written at its end, read by place.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use common::fs::{durable_rename, remove_file_gently};
use rustix::fs::{Advice, FallocateFlags, fadvise, fallocate, fdatasync};

use super::format::{PAGE, SEGMENT_HEADER, SegmentHeader, segment_path};

/// A segment file that is open for reading and, while it is the head, for writing.
#[derive(Debug)]
pub(super) struct Segment {
    pub sequence: u64,
    pub path: PathBuf,
    pub salt: u32,
    /// Preallocated bytes; of a segment of an earlier process, where its records end.
    pub bytes: u64,
    file: File,
}

/// A preallocated file without a name that counts.
#[derive(Debug)]
pub(super) struct Spare {
    path: PathBuf,
    file: File,
    pub bytes: u64,
}

impl Spare {
    /// Preallocates, so that writing into it cannot run out of space.
    pub(super) fn allocate(path: PathBuf, bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(Self { path, file, bytes }),
            Err(error) => {
                // What was allocated before the disk was full is given back.
                let _ = std::fs::remove_file(&path);
                Err(error.into())
            }
        }
    }

    /// Makes a removed segment's file a spare. Its old bytes do no harm: the next nonce is another one.
    pub(super) fn recycle(segment: Segment, path: PathBuf) -> io::Result<Self> {
        durable_rename(&segment.path, &path)?;
        Ok(Self { path, file: segment.file, bytes: segment.bytes })
    }

    /// Removes it, for want of use.
    pub(super) fn remove(self) -> io::Result<()> {
        drop(self.file);
        remove_file_gently(&self.path)
    }

    /// Makes it a segment: header, fsync, rename, fsync of the directory.
    pub(super) fn activate(self, dir: &Path, header: &SegmentHeader) -> io::Result<Segment> {
        let mut page = [0; PAGE];
        page.split_at_mut(SEGMENT_HEADER).0.copy_from_slice(&header.encode());
        self.file.write_all_at(&page, 0)?;
        self.file.sync_all()?;
        let path = segment_path(dir, header.sequence);
        durable_rename(&self.path, &path)?;
        let (sequence, salt) = (header.sequence, header.salt());
        Ok(Segment { sequence, path, salt, bytes: self.bytes, file: self.file })
    }
}

impl Segment {
    /// Opens one that was found; `end` is where its records end.
    pub(super) fn open(path: PathBuf, sequence: u64, salt: u32, end: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        Ok(Self { sequence, path, salt, bytes: end, file })
    }

    /// Writes all slices, one after the other, from `offset` on.
    pub(super) fn write(&self, slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
        const SLICES_MAX: usize = 1024;
        let mut rest = slices;
        while !rest.is_empty() {
            let now = rest.get(..rest.len().min(SLICES_MAX)).unwrap_or_default();
            let written = rustix::io::pwritev(&self.file, now, offset)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            offset += written as u64;
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(())
    }

    /// Makes what was written durable. Never called again after it failed.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(fdatasync(&self.file)?)
    }

    /// Asks the system to begin writing these bytes to the disk, so that a later sync has less to do, and to keep those that
    /// are there in memory no longer. Does not wait.
    pub(super) fn let_go(&self, from: u64, to: u64) {
        if let Some(length) = NonZeroU64::new(to.saturating_sub(from)) {
            // Only advice: what it does not achieve, the sync does.
            let _ = fadvise(&self.file, from, Some(length), Advice::DontNeed);
        }
    }

    /// Gives back the space behind `end`.
    pub(super) fn truncate(&self, end: u64) -> io::Result<()> {
        self.file.set_len(end)
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}
