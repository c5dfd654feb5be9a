//! Removing large files a little at a time.
//!
//! On a file system that is mounted with `discard`, what is freed is discarded before the transaction that frees it is over,
//! and an fsync of any file waits for that: 64 MiB took 15 ms on a cloud disk (docs/benchmarks.md). So blocks are freed in
//! small pieces, with time for others between them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::sleep;

use crate::clock::Clock;

use super::durable::remove_dir_durable;

/// Freed at once, in bytes.
const PIECE: u64 = 4 << 20;
/// The pause after a piece, as a multiple of the time that it took.
const PAUSE: u32 = 3;

/// Removes a file. Nobody may rely on its content any more: it is cut shorter step by step before it goes, unless it has other
/// names. Blocks, about 6 ms for each 4 MiB that it frees on a cloud disk.
///
/// # Errors
/// Any I/O error.
pub fn remove_file_gently(path: &Path) -> io::Result<()> {
    // What cannot be freed piece by piece is freed as a whole.
    let _ = shrink(path);
    fs::remove_file(path)
}

/// As [`remove_dir_durable`], with files that go as by [`remove_file_gently`].
///
/// # Errors
/// Any I/O error. It is no error if the directory is gone.
pub fn remove_dir_gently(dir: &Path) -> io::Result<()> {
    let _ = shrink_all(dir);
    remove_dir_durable(dir)
}

fn shrink_all(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let _ = if kind.is_dir() { shrink_all(&entry.path()) } else { shrink(&entry.path()) };
    }
    Ok(())
}

fn shrink(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path)?;
    let metadata = file.metadata()?;
    // A checkpoint shares its files with a database that lives.
    if metadata.nlink() > 1 {
        return Ok(());
    }
    let mut length = metadata.len();
    while length > PIECE {
        length -= PIECE;
        free_from(&file, length)?;
    }
    Ok(())
}

/// Each piece is a transaction of its own.
fn free_from(file: &File, length: u64) -> io::Result<()> {
    let clock = Clock::System;
    let began = clock.mono();
    file.set_len(length)?;
    file.sync_all()?;
    sleep(clock.mono().since(began) * PAUSE);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, mib: usize) {
        fs::write(path, vec![7; mib << 20]).unwrap();
    }

    #[test]
    fn what_is_removed_is_gone_and_what_it_shared_with_others_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (going, staying) = (dir.path().join("going"), dir.path().join("staying"));
        fs::create_dir_all(going.join("within")).unwrap();
        fs::create_dir(&staying).unwrap();
        write(&going.join("within/own"), 9);
        write(&staying.join("shared"), 9);
        fs::hard_link(staying.join("shared"), going.join("shared")).unwrap();
        std::os::unix::fs::symlink(staying.join("shared"), going.join("link")).unwrap();
        remove_dir_gently(&going).unwrap();
        assert!(!going.exists());
        assert_eq!(fs::read(staying.join("shared")).unwrap(), vec![7; 9 << 20]);
        remove_dir_gently(&going).unwrap();
    }

    #[test]
    fn a_file_is_cut_shorter_in_small_pieces_before_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write(&path, 9);
        // A reader that had it open sees what is left of it.
        let reader = File::open(&path).unwrap();
        remove_file_gently(&path).unwrap();
        assert!(!path.exists());
        assert_eq!(reader.metadata().unwrap().len(), 1 << 20);
        assert_eq!(remove_file_gently(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
