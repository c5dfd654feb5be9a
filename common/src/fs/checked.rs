//! Small files that say what they are: a first line with kind, version and a CRC-32 over both and the body, then JSON that
//! people can read.
//!
//! ```text
//! godwit replica-info 1 5d41402a
//! { "gpid": "1.3", … }
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::durable::atomic_write;

/// Largest such file, in bytes: nothing larger is read.
const BYTES_MAX: u64 = 256 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckedError {
    /// The file system refused.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// How it failed.
        error: io::Error,
    },
    /// Written by a newer Godwit: nothing may be written here.
    #[error("{}: format {found} is newer than the {known} that this version knows; start a newer Godwit", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known.
        known: u32,
    },
    /// Not such a file, cut off, or changed.
    #[error("{}: damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl CheckedError {
    /// Whether the file is not there at all.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

/// Reads a file of that kind, at most of that version.
///
/// # Errors
/// [`CheckedError`]; a newer version is told apart from damage.
pub fn read_checked<T: DeserializeOwned>(path: &Path, kind: &str, version: u32) -> Result<T, CheckedError> {
    let io = |error| CheckedError::Io { path: path.to_owned(), error };
    let damaged = |reason: &str| CheckedError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    if fs::metadata(path).map_err(io)?.len() > BYTES_MAX {
        return Err(damaged("it is too large"));
    }
    let text = fs::read_to_string(path).map_err(io)?;
    let (header, body) = text.split_once('\n').ok_or_else(|| damaged("it has no header"))?;
    let (found, crc) = parse_header(header, kind).ok_or_else(|| damaged("its header is of another kind"))?;
    if found > version {
        return Err(CheckedError::Newer { path: path.to_owned(), found, known: version });
    }
    if crc != checksum(kind, found, body) {
        return Err(damaged("its checksum differs"));
    }
    serde_json::from_str(body).map_err(|error| damaged(&error.to_string()))
}

/// Replaces a file of that kind, durably.
///
/// # Errors
/// Any I/O error; the old content then still stands.
pub fn write_checked<T: Serialize>(path: &Path, kind: &str, version: u32, content: &T) -> io::Result<()> {
    let body = serde_json::to_string_pretty(content).map_err(io::Error::other)? + "\n";
    let header = format!("godwit {kind} {version} {:08x}\n", checksum(kind, version, &body));
    atomic_write(path, (header + &body).as_bytes())
}

fn checksum(kind: &str, version: u32, body: &str) -> u32 {
    crc32fast::hash(format!("{kind} {version}\n{body}").as_bytes())
}

fn parse_header(header: &str, kind: &str) -> Option<(u32, u32)> {
    let mut words = header.split(' ');
    let is_kind = words.next() == Some("godwit") && words.next() == Some(kind);
    let version = words.next()?.parse().ok()?;
    let crc = u32::from_str_radix(words.next()?, 16).ok()?;
    (is_kind && words.next().is_none()).then_some((version, crc))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(version: u32) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_checked(&path, "note", version, &vec![1, 2, 3]).unwrap();
        (dir, path)
    }

    #[test]
    fn what_was_written_is_read() {
        let (_dir, path) = written(1);
        assert_eq!(read_checked::<Vec<u32>>(&path, "note", 1).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let (_dir, path) = written(2);
        let error = read_checked::<Vec<u32>>(&path, "note", 1).unwrap_err();
        assert!(matches!(error, CheckedError::Newer { found: 2, known: 1, .. }), "{error}");
    }

    #[test]
    fn any_cut_and_any_changed_byte_is_noticed() {
        let (_dir, path) = written(1);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            fs::write(&path, &whole[..at]).unwrap();
            assert!(read_checked::<Vec<u32>>(&path, "note", 1).is_err(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert!(read_checked::<Vec<u32>>(&path, "note", 1).is_err(), "changed at {at}");
        }
    }

    #[test]
    fn a_missing_file_is_told_apart() {
        let error = read_checked::<Vec<u32>>(Path::new("/nonexistent/file"), "note", 1).unwrap_err();
        assert!(error.is_absent());
    }
}
