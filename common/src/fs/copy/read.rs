//! The first stage: reads the sources in order, a few pieces ahead of the writer, into buffers that come back.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};

use super::super::direct::{Buffer, DirectFile, PIECE_BYTES};
use super::FileCopy;
use super::error::{CopyError, Doing};
use crate::fault::{self, Point};

/// Pieces under way between reader and writer: so much memory, in MiB, takes a copy.
pub(super) const PIECES: usize = 8;

/// A piece of a source.
pub(super) struct Piece<'a> {
    /// Which file, in order.
    pub(super) index: usize,
    pub(super) file: &'a FileCopy,
    pub(super) buffer: Buffer,
    /// Bytes of it; short only where the file ends.
    pub(super) len: usize,
    /// Whether the file ends here.
    pub(super) is_last: bool,
}

/// Where buffers come from, and where pieces go.
pub(super) struct Reader<'a> {
    pub(super) empty: Receiver<Buffer>,
    pub(super) pieces: SyncSender<Piece<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads all files, or as far as anybody takes what is read.
    pub(super) fn run(self, files: &'a [FileCopy]) -> Result<(), CopyError> {
        for (index, file) in files.iter().enumerate() {
            if !self.file(index, file).map_err(CopyError::io(Doing::Reading, &file.source))? {
                break;
            }
        }
        Ok(())
    }

    /// False: nobody takes it any more.
    fn file(&self, index: usize, file: &'a FileCopy) -> io::Result<bool> {
        let source = DirectFile::open_to_read(&file.source)?;
        let mut at = 0;
        loop {
            let Ok(mut buffer) = self.empty.recv() else { return Ok(false) };
            fault::pass(Point::MoveRead, &file.source)?;
            let len = source.read_at(at, PIECE_BYTES, &mut buffer)?;
            let is_last = len < PIECE_BYTES;
            at += len as u64;
            if self.pieces.send(Piece { index, file, buffer, len, is_last }).is_err() {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
        }
    }
}
