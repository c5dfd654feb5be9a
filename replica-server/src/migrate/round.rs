//! One pre-copy round: which files of a checkpoint are copied, and the copying.
//!
//! Order (rule PRE-COPY): table files, the other files, CURRENT by rename, our manifest, and only then the removal of
//! what no longer belongs. So a crash leaves either a complete round or table files that the next round may use.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::fs::{CopyContext, checksum, copy_verified, durable_replace, sync_dir};
use common::types::Incarnation;

use super::error::MoveError;
use super::manifest::{CompleteRound, FileContent, Manifest};
use crate::disk::layout;
use crate::storage::{Checkpoint, CheckpointFile};

/// The manifest is written at least after so many copied bytes, so that a crash costs no more than that.
const NOTE_BYTES: u64 = 256 << 20;
const CURRENT: &str = "CURRENT";

/// A checkpoint of the source, and how it is told apart from others.
pub(super) struct Source<'a> {
    pub(super) dir: &'a Path,
    pub(super) checkpoint: &'a Checkpoint,
    /// The checkpoint of the round before, kept so that no inode of its files is used again.
    pub(super) before: Option<&'a Path>,
    pub(super) incarnation: Incarnation,
    pub(super) database: &'a str,
}

/// What a round will do.
pub(super) struct Plan<'a> {
    /// Files to copy, in order.
    copy: Vec<&'a CheckpointFile>,
    /// Table files that stand in the copy already.
    keep: BTreeMap<String, FileContent>,
    /// Bytes to copy.
    pub(super) bytes: u64,
}

/// Decides which files are copied.
///
/// # Errors
/// If a file of the source cannot be read, or on cancel.
pub(super) fn plan<'a>(
    tmp: &Path,
    manifest: &Manifest,
    source: &Source<'a>,
    context: &CopyContext<'_>,
) -> Result<Plan<'a>, MoveError> {
    let (mut copy, mut keep) = (Vec::new(), BTreeMap::new());
    for file in &source.checkpoint.files {
        match kept(tmp, manifest, source, file, context)? {
            Some(content) => _ = keep.insert(file.name.clone(), content),
            None => copy.push(file),
        }
    }
    copy.sort_by_key(|file| (!is_table(&file.name), file.name == CURRENT, &file.name));
    let bytes = copy.iter().map(|file| file.size).sum();
    Ok(Plan { copy, keep, bytes })
}

fn is_table(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "sst")
}

/// The content of a table file that need not be copied again: same database, name, size, and checksum in *this*
/// checkpoint. The checksum is that of the round before if it is the very same file (one inode, held by both
/// checkpoints) of the same incarnation; otherwise it is computed.
fn kept(
    tmp: &Path,
    manifest: &Manifest,
    source: &Source<'_>,
    file: &CheckpointFile,
    context: &CopyContext<'_>,
) -> Result<Option<FileContent>, MoveError> {
    let known = manifest.tables.get(&file.name).filter(|content| content.size == file.size);
    let Some(content) = known.filter(|_| is_table(&file.name) && manifest.database == source.database) else {
        return Ok(None);
    };
    let copied = fs::metadata(layout::rdb_dir(tmp).join(&file.name)).is_ok_and(|meta| meta.len() == content.size);
    if !copied {
        return Ok(None);
    }
    if manifest.incarnation == source.incarnation && is_same_file(source, &file.name) {
        return Ok(Some(*content));
    }
    let now = checksum(&source.dir.join(&file.name), context.cancel)?;
    Ok((now.crc32 == content.crc32 && now.size == content.size).then_some(*content))
}

fn is_same_file(source: &Source<'_>, name: &str) -> bool {
    let inode = |dir: &Path| fs::metadata(dir.join(name)).ok().map(|meta| (meta.dev(), meta.ino()));
    source.before.and_then(inode).is_some_and(|before| inode(source.dir) == Some(before))
}

/// Copies what the plan says and makes the round complete. The manifest then says so, durably.
///
/// # Errors
/// Any; the `.tmp` can be used by another round.
pub(super) fn copy(
    tmp: &Path,
    manifest: &mut Manifest,
    source: &Source<'_>,
    plan: Plan<'_>,
    context: &CopyContext<'_>,
) -> Result<(), MoveError> {
    // From here on a complete round of before may lack files that it had.
    let copied_before = std::mem::replace(&mut manifest.tables, plan.keep);
    drop(copied_before);
    (manifest.incarnation, manifest.database) = (source.incarnation, source.database.to_owned());
    manifest.complete = None;
    note(tmp, manifest)?;
    let others = copy_files(tmp, manifest, source, &plan.copy, context)?;
    let files = manifest.tables.clone().into_iter().chain(others).collect();
    let applied = source.checkpoint.applied;
    manifest.complete = Some(CompleteRound { decree: applied.decree, ballot: applied.ballot, files });
    manifest.rounds.push(plan.bytes);
    note(tmp, manifest)?;
    prune(tmp, manifest)
}

fn copy_files(
    tmp: &Path,
    manifest: &mut Manifest,
    source: &Source<'_>,
    files: &[&CheckpointFile],
    context: &CopyContext<'_>,
) -> Result<BTreeMap<String, FileContent>, MoveError> {
    let (mut others, mut unnoted) = (BTreeMap::new(), 0);
    for file in files {
        let content = copy_file(tmp, source, file, context)?;
        if !is_table(&file.name) {
            others.insert(file.name.clone(), content);
            continue;
        }
        manifest.tables.insert(file.name.clone(), content);
        unnoted += file.size;
        if unnoted >= NOTE_BYTES {
            note(tmp, manifest)?;
            unnoted = 0;
        }
    }
    Ok(others)
}

/// Names that come again with other content (MANIFEST, CURRENT) are exchanged by rename, so that there is always a
/// whole one.
fn copy_file(
    tmp: &Path,
    source: &Source<'_>,
    file: &CheckpointFile,
    context: &CopyContext<'_>,
) -> Result<FileContent, MoveError> {
    let target = layout::rdb_dir(tmp).join(&file.name);
    let copying = if is_table(&file.name) { target.clone() } else { with_suffix(&target, ".copy") };
    let copied = copy_verified(&source.dir.join(&file.name), &copying, context)?;
    if copying != target {
        durable_replace(&copying, &target).map_err(MoveError::io(&target))?;
    }
    Ok(FileContent { size: copied.size, crc32: copied.crc32 })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The names of copied files are durable before the manifest speaks of them.
fn note(tmp: &Path, manifest: &Manifest) -> Result<(), MoveError> {
    let rdb = layout::rdb_dir(tmp);
    sync_dir(&rdb).map_err(MoveError::io(&rdb))?;
    manifest.write(tmp).map_err(MoveError::io(tmp))
}

/// Removes what no longer belongs.
fn prune(tmp: &Path, manifest: &Manifest) -> Result<(), MoveError> {
    let rdb = layout::rdb_dir(tmp);
    let belongs = |name: &str| manifest.complete.as_ref().is_some_and(|round| round.files.contains_key(name));
    for entry in fs::read_dir(&rdb).map_err(MoveError::io(&rdb))?.flatten() {
        if !entry.file_name().to_str().is_some_and(belongs) {
            let path = entry.path();
            fs::remove_file(&path).map_err(MoveError::io(&path))?;
        }
    }
    sync_dir(&rdb).map_err(MoveError::io(&rdb))
}

/// Checks that exactly the files of the last complete round stand there.
///
/// # Errors
/// What differs, in words.
pub(super) fn check_complete<'m>(tmp: &Path, manifest: &'m Manifest) -> Result<&'m CompleteRound, MoveError> {
    let unexpected = |what: String| MoveError::Unexpected(format!("the copy at {} {what}", tmp.display()));
    let round = manifest.complete.as_ref().ok_or_else(|| unexpected("has no complete round".to_owned()))?;
    let rdb = layout::rdb_dir(tmp);
    for (name, content) in &round.files {
        let path = rdb.join(name);
        let size = fs::metadata(&path).map_err(MoveError::io(&path))?.len();
        if size != content.size {
            return Err(unexpected(format!("has {size} bytes in {name}, not {}", content.size)));
        }
    }
    let count = fs::read_dir(&rdb).map_err(MoveError::io(&rdb))?.count();
    if count == round.files.len() {
        Ok(round)
    } else {
        Err(unexpected(format!("has {count} files, not {}", round.files.len())))
    }
}
