//! Reading and writing past the page cache.
//!
//! What was written a moment ago is in memory too, and reading that proves nothing. Besides, nothing of a copy is read
//! again soon: the room in memory belongs to those who serve, and so does the source's part of it, which advice to drop
//! it would take from them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Advice, OFlags, fadvise};
use rustix::io::Errno;

/// What is read or written at once, in bytes.
pub(super) const PIECE_BYTES: usize = 1 << 20;
/// Direct I/O begins at multiples of this, on disk and in memory, and is that long.
const BLOCK: usize = 4096;

/// Memory for a piece, where direct I/O may begin.
#[derive(Debug)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; PIECE_BYTES + BLOCK])
    }

    fn start(&self) -> usize {
        self.0.as_ptr().align_offset(BLOCK)
    }

    /// What it was filled with.
    pub(super) fn bytes(&self, len: usize) -> &[u8] {
        self.0.get(self.start()..self.start() + len).unwrap_or_default()
    }

    /// The same, up to a whole number of blocks; what is past `len` is zero.
    pub(super) fn blocks(&mut self, len: usize) -> &[u8] {
        let padded = len.next_multiple_of(BLOCK);
        let start = self.start();
        self.0.get_mut(start + len..start + padded).unwrap_or_default().fill(0);
        self.bytes(padded)
    }

    /// Where it is filled, up to [`PIECE_BYTES`].
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        let start = self.start();
        self.0.get_mut(start..start + len.min(PIECE_BYTES)).unwrap_or_default()
    }
}

/// A file, opened past the page cache where its file system can (tmpfs, for one, cannot).
#[derive(Debug)]
pub(super) struct DirectFile {
    pub(super) file: File,
    pub(super) is_direct: bool,
}

impl DirectFile {
    /// Opens a file.
    pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
        match options.custom_flags(flags).open(path) {
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                Ok(Self { file: options.custom_flags(0).open(path)?, is_direct: false })
            }
            opened => Ok(Self { file: opened?, is_direct: true }),
        }
    }

    /// An empty file for writing, over whatever stands there.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::open(path, OpenOptions::new().write(true).create(true).truncate(true))
    }

    /// Opens a file for reading.
    pub(super) fn open_to_read(path: &Path) -> io::Result<Self> {
        Self::open(path, OpenOptions::new().read(true))
    }

    /// Reads up to `wanted` bytes at a multiple of the block size; fewer only where the file ends. Cached pages are
    /// dropped first where reads are not direct, as far as the kernel does that.
    pub(super) fn read_at(&self, at: u64, wanted: usize, buffer: &mut Buffer) -> io::Result<usize> {
        if !self.is_direct {
            let _ = fadvise(&self.file, at, std::num::NonZeroU64::new(wanted as u64), Advice::DontNeed);
        }
        let room = buffer.room(wanted.next_multiple_of(BLOCK));
        let mut len = 0;
        // Reads are short at the end only; a second look at the same place then says so.
        while let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty() && len % BLOCK == 0) {
            match self.file.read_at(rest, at + len as u64)? {
                0 => break,
                count => len += count,
            }
        }
        Ok(len.min(wanted))
    }

    /// Writes what a buffer was filled with at the end of the file, which is at `size`, a multiple of the block size.
    pub(super) fn append(&self, buffer: &mut Buffer, len: usize, size: u64) -> io::Result<()> {
        if !self.is_direct {
            return self.file.write_all_at(buffer.bytes(len), size);
        }
        let blocks = buffer.blocks(len);
        self.file.write_all_at(blocks, size)?;
        // Direct writes are of whole blocks, so what is past the end of the file is cut off again.
        if blocks.len() == len { Ok(()) } else { self.file.set_len(size + len as u64) }
    }
}
