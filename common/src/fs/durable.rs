//! Durable directory operations: the only caller of `std::fs::rename`.
//!
//! A rename without an fsync of its parent is undone by a power cut, and a file renamed before it was fsynced appears
//! empty under its new name (both tried on ext4 and XFS).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Fsyncs a directory, so that names in it are durable.
///
/// # Errors
/// Any I/O error. A failed fsync is never retried: the caller gives the disk up.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Fsyncs the directory in which `path` stands.
///
/// # Errors
/// As [`sync_dir`].
pub fn sync_parent(path: &Path) -> io::Result<()> {
    sync_dir(parent(path)?)
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("{} has no parent", path.display())))
}

/// Renames within one file system and fsyncs the parents. What is renamed must be durable already.
///
/// # Errors
/// Any I/O error; `AlreadyExists` if `to` exists, so that nothing is ever replaced by accident.
#[allow(clippy::disallowed_methods, reason = "this is the one place that renames")]
pub fn durable_rename(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", to.display())));
    }
    fs::rename(from, to)?;
    sync_parent(to)?;
    if parent(from)? == parent(to)? { Ok(()) } else { sync_parent(from) }
}

/// Renames a durable file over another one of the same directory, and fsyncs the directory.
///
/// # Errors
/// Any I/O error.
#[allow(clippy::disallowed_methods, reason = "this is the one place that renames")]
pub fn durable_replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_parent(to)
}

/// Replaces a file's content: temporary file, fsync, rename, fsync of the parent.
///
/// # Errors
/// Any I/O error; the old content then still stands.
#[allow(clippy::disallowed_methods, reason = "this is the one place that renames")]
pub fn atomic_write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_parent(path)
}

/// Creates a directory (its parent exists) and makes its name durable. It is no error if it exists.
///
/// # Errors
/// Any I/O error.
pub fn create_dir_durable(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => sync_parent(dir),
    }
}

/// Removes a directory and what is in it, and makes that durable. It is no error if it is gone.
///
/// # Errors
/// Any I/O error.
pub fn remove_dir_durable(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => sync_parent(dir),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_never_replaces_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        assert_eq!(durable_rename(&a, &b).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_dir(&b).unwrap();
        durable_rename(&a, &b).unwrap();
        assert!(b.is_dir() && !a.exists());
    }

    #[test]
    fn an_atomic_write_replaces_the_whole_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        atomic_write(&path, b"a longer first content").unwrap();
        atomic_write(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
