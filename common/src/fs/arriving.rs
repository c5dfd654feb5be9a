//! A file that arrives piece by piece, from another node.

use std::io;
use std::path::Path;

use super::direct::{Buffer, DirectFile, PIECE_BYTES};

/// Where writes are not direct, so much is made durable at a time: an fsync of the log on the same disk then waits
/// behind little.
const SYNC_BYTES: u64 = 4 << 20;

/// A file that is being written past the page cache, so that what arrives leaves nothing for a log on the same disk to
/// wait for.
#[derive(Debug)]
pub struct ArrivingFile {
    file: DirectFile,
    /// What came and was not written yet; always less than a piece.
    buffer: Buffer,
    filled: usize,
    written: u64,
    unsynced: u64,
}

impl ArrivingFile {
    /// Begins it, over whatever stands there.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = DirectFile::create(path)?;
        Ok(Self { file, buffer: Buffer::new(), filled: 0, written: 0, unsynced: 0 })
    }

    /// Adds bytes at its end.
    ///
    /// # Errors
    /// Any I/O error; the file is then of no use.
    pub fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.buffer.room(PIECE_BYTES).get_mut(self.filled..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            if let Some(place) = room.get_mut(..now.len()) {
                place.copy_from_slice(now);
            }
            self.filled += now.len();
            bytes = later;
            if self.filled == PIECE_BYTES {
                self.write()?;
            }
        }
        Ok(())
    }

    /// Makes all of it durable; its name is durable once the parent is fsynced.
    ///
    /// # Errors
    /// Any I/O error; the file is then of no use.
    pub fn finish(mut self) -> io::Result<()> {
        self.write()?;
        self.file.file.sync_all()
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.append(&mut self.buffer, self.filled, self.written)?;
        let count = self.filled as u64;
        (self.written, self.unsynced, self.filled) = (self.written + count, self.unsynced + count, 0);
        if !self.file.is_direct && self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.file.file.sync_data()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(dir: &Path, pieces: &[usize]) {
        let path = dir.join("file");
        let mut file = ArrivingFile::create(&path).unwrap();
        let mut expected = Vec::new();
        for (index, len) in pieces.iter().enumerate() {
            let piece: Vec<u8> = (0..*len).map(|at| (at * 7 + index) as u8).collect();
            file.append(&piece).unwrap();
            expected.extend(piece);
        }
        file.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == expected, "{pieces:?}");
    }

    #[test]
    fn what_arrives_in_pieces_of_any_length_is_what_is_there() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mib = PIECE_BYTES;
        for pieces in [&[][..], &[0], &[1], &[4096], &[mib], &[mib, mib, 17], &[5, mib, 3 * mib + 1, 4095], &[9 * mib]]
        {
            arrive(dir.path(), pieces);
        }
        std::fs::write(dir.path().join("file"), vec![1; 9000]).unwrap();
        arrive(dir.path(), &[10]);
    }

    #[test]
    fn it_arrives_where_writes_cannot_be_direct() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        arrive(dir.path(), &[PIECE_BYTES, 5 * PIECE_BYTES, 3]);
    }
}
