//! Every name that Godwit gives to a file or directory of a disk, as a function. Nothing else spells them.
//!
//! ```text
//! <disk>/.godwit-disk                           who this disk is
//! <disk>/log/                                   the mutation log of the disk
//! <disk>/checkpoints/<job>.<round>              source of a pre-copy round; all of these are removed at start
//! <disk>/checkpoints/1.3.learn.<session>        source of a learn
//! <disk>/1.3.pegasus/                           a replica
//!        .replica-info  .trash                  what it is; since when it is trash
//!        .disk.migrate.manifest  .disk.migrate.seal
//!        rdb/                                   RocksDB
//! <disk>/1.3.pegasus.disk.migrate.tmp/          the new copy of a disk move
//! <disk>/1.3.pegasus.disk.migrate.ori/          what a disk move left behind
//! <disk>/1.3.pegasus.learn.tmp/                 a checkpoint being learned
//! <disk>/1.3.pegasus.gar.<job or time>/         set aside
//! <disk>/1.3.pegasus.err.<job or time>/         set aside as damaged
//! <home>/jobs/<job>                             jobs
//! <home>/jobs/copy.rate                         the limit of copies that an operator chose
//! <home>/.godwit-disks                          the disks of the node
//! ```

use std::path::{Path, PathBuf};

use common::types::Gpid;
use replica_state::recover::DirKind;
use uuid::Uuid;

const LIVE: &str = ".pegasus";
const MOVE_TMP: &str = ".disk.migrate.tmp";
const ORIGIN: &str = ".disk.migrate.ori";
const LEARN_TMP: &str = ".learn.tmp";
const GARBAGE: &str = ".gar.";
const DAMAGED: &str = ".err.";

/// Who the disk is.
#[must_use]
pub fn identity_file(disk: &Path) -> PathBuf {
    disk.join(".godwit-disk")
}

/// The disk's mutation log.
#[must_use]
pub fn log_dir(disk: &Path) -> PathBuf {
    disk.join("log")
}

/// Checkpoints that pre-copy rounds read from.
#[must_use]
pub fn checkpoints_dir(disk: &Path) -> PathBuf {
    disk.join("checkpoints")
}

/// The checkpoint of one round of a job.
#[must_use]
pub fn checkpoint_dir(disk: &Path, job: Uuid, round: usize) -> PathBuf {
    checkpoints_dir(disk).join(format!("{job}.{round}"))
}

/// The checkpoint that a learner is fed from.
#[must_use]
pub fn learn_source_dir(disk: &Path, gpid: Gpid, session: u64) -> PathBuf {
    checkpoints_dir(disk).join(format!("{gpid}.learn.{session}"))
}

/// A replica's live directory.
#[must_use]
pub fn replica_dir(disk: &Path, gpid: Gpid) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}"))
}

/// The new copy of a disk move, not yet in force.
#[must_use]
pub fn move_tmp_dir(disk: &Path, gpid: Gpid) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}{MOVE_TMP}"))
}

/// What a disk move leaves behind.
#[must_use]
pub fn origin_dir(disk: &Path, gpid: Gpid) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}{ORIGIN}"))
}

/// A checkpoint being learned.
#[must_use]
pub fn learn_tmp_dir(disk: &Path, gpid: Gpid) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}{LEARN_TMP}"))
}

/// A directory set aside; `label` is a job or a time.
#[must_use]
pub fn garbage_dir(disk: &Path, gpid: Gpid, label: &str) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}{GARBAGE}{label}"))
}

/// A directory set aside as damaged.
#[must_use]
pub fn damaged_dir(disk: &Path, gpid: Gpid, label: &str) -> PathBuf {
    disk.join(format!("{gpid}{LIVE}{DAMAGED}{label}"))
}

/// The RocksDB of a replica directory.
#[must_use]
pub fn rdb_dir(replica: &Path) -> PathBuf {
    replica.join("rdb")
}

/// What a replica directory is.
#[must_use]
pub fn info_file(replica: &Path) -> PathBuf {
    replica.join(".replica-info")
}

/// What has been copied into a `.tmp` and verified.
#[must_use]
pub fn manifest_file(replica: &Path) -> PathBuf {
    replica.join(".disk.migrate.manifest")
}

/// Says that the source of a `.tmp` is closed.
#[must_use]
pub fn seal_file(replica: &Path) -> PathBuf {
    replica.join(".disk.migrate.seal")
}

/// Since when a directory is trash, and for how long.
#[must_use]
pub fn trash_file(replica: &Path) -> PathBuf {
    replica.join(".trash")
}

/// The disks of a node.
#[must_use]
pub fn disks_file(home: &Path) -> PathBuf {
    home.join(".godwit-disks")
}

/// The jobs of a node.
#[must_use]
pub fn jobs_dir(home: &Path) -> PathBuf {
    home.join("jobs")
}

/// A job.
#[must_use]
pub fn job_file(home: &Path, job: Uuid) -> PathBuf {
    jobs_dir(home).join(job.to_string())
}

/// The limit of copies that an operator chose. It has an extension, which no job has.
#[must_use]
pub fn copy_rate_file(home: &Path) -> PathBuf {
    jobs_dir(home).join("copy.rate")
}

/// What a directory name says, if it is one of a replica's.
#[must_use]
pub fn parse(name: &str) -> Option<(Gpid, DirKind)> {
    let (gpid, suffix) = name.split_once(LIVE)?;
    let kind = match suffix {
        "" => DirKind::Live,
        MOVE_TMP => DirKind::MoveTmp,
        ORIGIN => DirKind::Origin,
        LEARN_TMP => DirKind::LearnTmp,
        other if other.starts_with(GARBAGE) => DirKind::Garbage,
        other if other.starts_with(DAMAGED) => DirKind::Damaged,
        _ => return None,
    };
    let parsed: Gpid = gpid.parse().ok()?;
    // "01.3" would otherwise name the same partition as "1.3".
    (parsed.to_string() == gpid).then_some((parsed, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directory_name_is_read_back() {
        let (disk, gpid) = (Path::new("/d"), Gpid::new(12, 3));
        let dirs = [
            (replica_dir(disk, gpid), DirKind::Live),
            (move_tmp_dir(disk, gpid), DirKind::MoveTmp),
            (origin_dir(disk, gpid), DirKind::Origin),
            (learn_tmp_dir(disk, gpid), DirKind::LearnTmp),
            (garbage_dir(disk, gpid, "7"), DirKind::Garbage),
            (damaged_dir(disk, gpid, "7"), DirKind::Damaged),
        ];
        for (path, kind) in dirs {
            assert_eq!(parse(path.file_name().unwrap().to_str().unwrap()), Some((gpid, kind)));
        }
    }

    #[test]
    fn names_of_others_are_left_alone() {
        for name in
            ["log", "lost+found", "1.pegasus", "01.3.pegasus", "1.3.pegasus.bak", ".godwit-disk", "1.3", "x.pegasus"]
        {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
