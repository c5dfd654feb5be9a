//! A fetched checkpoint takes the place of a replica's database, whole or not at all.
//!
//! ```text
//! 1. rdb.learning/ holds every file, verified and fsynced
//! 2. .learned is written (durable): from here a crash rolls forward
//! 3. rdb -> rdb.old     4. rdb.learning -> rdb     5. rdb.old removed     6. .learned removed
//! ```
//! The old database is kept until the new one is complete. `finish` does whatever is left of 3 to 6, at any time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use common::fault::{self, Point};
use common::fs::{atomic_write, durable_rename, remove_dir_durable, sync_dir, sync_parent};

use crate::disk::layout;

const MARK: &str = ".learned";

/// Where the files of a fetch are gathered.
pub(crate) fn learning_dir(replica: &Path) -> PathBuf {
    replica.join("rdb.learning")
}

/// Step 2: everything is fetched. The caller closes the database and then calls [`finish`].
///
/// # Errors
/// Any I/O error; nothing has changed then.
pub(crate) fn begin(replica: &Path) -> io::Result<()> {
    sync_dir(&learning_dir(replica))?;
    atomic_write(&replica.join(MARK), b"complete\n")
}

/// Steps 3 to 6, as far as they are still to do; without a mark, an unfinished fetch is removed.
///
/// # Errors
/// Any I/O error: the disk is given up.
pub(crate) fn finish(replica: &Path) -> io::Result<()> {
    let (live, old, new) = (layout::rdb_dir(replica), replica.join("rdb.old"), learning_dir(replica));
    let mark = replica.join(MARK);
    if !mark.exists() {
        return if new.exists() { remove_dir_durable(&new) } else { Ok(()) };
    }
    if new.exists() {
        fault::pass(Point::LearnInstall, replica)?;
        if live.exists() {
            remove_dir_durable(&old)?;
            durable_rename(&live, &old)?;
        }
        durable_rename(&new, &live)?;
    }
    remove_dir_durable(&old)?;
    fs::remove_file(&mark)?;
    sync_parent(&mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        dir
    }

    fn content(dir: &tempfile::TempDir) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_crash_at_any_step_after_the_mark_rolls_forward() {
        for left in [
            &["rdb/a", "rdb.learning/b", ".learned"][..],
            &["rdb.old/a", "rdb.learning/b", ".learned"],
            &["rdb.old/a", "rdb/b", ".learned"],
            &["rdb/b", ".learned"],
        ] {
            let dir = with(left);
            finish(dir.path()).unwrap();
            assert_eq!(content(&dir), ["rdb"], "{left:?}");
            assert!(dir.path().join("rdb/b").exists() || dir.path().join("rdb/a").exists(), "{left:?}");
            assert!(!dir.path().join("rdb/a").exists(), "{left:?}");
        }
    }

    #[test]
    fn an_unmarked_fetch_is_dropped_and_the_old_database_stays() {
        let dir = with(&["rdb/a", "rdb.learning/b"]);
        finish(dir.path()).unwrap();
        assert_eq!(content(&dir), ["rdb"]);
        assert!(dir.path().join("rdb/a").exists());
    }
}
