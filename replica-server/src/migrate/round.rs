//! One pre-copy round: which files of a checkpoint are copied, and the copying.
//!
//! Order (rule PRE-COPY): table files, the other files, CURRENT by rename, our manifest, and only then the removal of
//! what no longer belongs. So a crash leaves either a complete round or table files that the next round may use.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use common::clock::Clock;
use common::fs::{Copied, CopyContext, CopyReport, FileCopy, checksum, copy_files, durable_replace, sync_dir};
use common::types::{Incarnation, Time};

use super::error::MoveError;
use super::manifest::{CompleteRound, FileContent, Manifest};
use crate::disk::layout;
use crate::storage::{Checkpoint, CheckpointFile};

/// The manifest is written at least after so many copied bytes, so that a crash costs no more than that.
const NOTE_BYTES: u64 = 256 << 20;

/// When the manifest is written between two files: after enough bytes, or enough time. A fast copy pays for few fsyncs, a
/// slow one loses little time in a crash.
pub(super) struct Notes {
    clock: Clock,
    every: Duration,
    last: Time,
    unnoted: u64,
}

impl Notes {
    pub(super) fn new(clock: &Clock, every: Duration) -> Self {
        Self { clock: clock.clone(), every, last: clock.mono(), unnoted: 0 }
    }

    /// A file was copied; whether it is time to write the manifest.
    fn copied(&mut self, bytes: u64) -> bool {
        let now = self.clock.mono();
        self.unnoted += bytes;
        let due = self.unnoted >= NOTE_BYTES || now.since(self.last) >= self.every;
        if due {
            (self.last, self.unnoted) = (now, 0);
        }
        due
    }
}

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
    /// Bytes of the table files that stand there already.
    pub(super) kept_bytes: u64,
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
    let kept_bytes = keep.values().map(|content| content.size).sum();
    Ok(Plan { copy, keep, bytes, kept_bytes })
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

/// Copies what the plan says and makes the round complete. The manifest then says so, durably. Returns what it took.
///
/// # Errors
/// Any; the `.tmp` can be used by another round.
pub(super) fn copy(
    tmp: &Path,
    manifest: &mut Manifest,
    source: &Source<'_>,
    plan: Plan<'_>,
    context: &CopyContext<'_>,
    notes: Notes,
) -> Result<CopyReport, MoveError> {
    // From here on a complete round of before may lack files that it had.
    let copied_before = std::mem::replace(&mut manifest.tables, plan.keep);
    drop(copied_before);
    (manifest.incarnation, manifest.database) = (source.incarnation, source.database.to_owned());
    manifest.complete = None;
    note(tmp, manifest)?;
    let (others, report) = copy_planned(tmp, manifest, source, &plan.copy, context, notes)?;
    let files = manifest.tables.clone().into_iter().chain(others).collect();
    let applied = source.checkpoint.applied;
    manifest.complete = Some(CompleteRound { decree: applied.decree, ballot: applied.ballot, files });
    manifest.rounds.push(plan.bytes);
    note(tmp, manifest)?;
    prune(tmp, manifest)?;
    Ok(report)
}

/// Receives the files of a round as they are done: durable, and read back equal.
struct Receiver<'a> {
    tmp: &'a Path,
    manifest: &'a mut Manifest,
    others: BTreeMap<String, FileContent>,
    /// When the manifest on disk speaks of table files.
    notes: Notes,
}

fn copy_planned(
    tmp: &Path,
    manifest: &mut Manifest,
    source: &Source<'_>,
    files: &[&CheckpointFile],
    context: &CopyContext<'_>,
    notes: Notes,
) -> Result<(BTreeMap<String, FileContent>, CopyReport), MoveError> {
    let rdb = layout::rdb_dir(tmp);
    let copy = |file: &&CheckpointFile| FileCopy {
        source: source.dir.join(&file.name),
        target: rdb.join(copied_as(&file.name)),
    };
    let copies: Vec<FileCopy> = files.iter().map(copy).collect();
    let mut receiver = Receiver { tmp, manifest, others: BTreeMap::new(), notes };
    let done = |index: usize, copied| files.get(index).map_or(Ok(()), |file| receiver.done(&file.name, copied));
    match copy_files(&copies, context, done) {
        Ok(report) => Ok((receiver.others, report)),
        Err(error) => {
            // What was copied is good all the same, if this is only a stop.
            if receiver.notes.unnoted > 0 && matches!(error, MoveError::Cancelled) {
                note(tmp, receiver.manifest)?;
            }
            Err(error)
        }
    }
}

impl Receiver<'_> {
    fn done(&mut self, name: &str, copied: Copied) -> Result<(), MoveError> {
        let content = FileContent { size: copied.size, crc32: copied.crc32 };
        if !is_table(name) {
            let rdb = layout::rdb_dir(self.tmp);
            let target = rdb.join(name);
            durable_replace(&rdb.join(copied_as(name)), &target).map_err(MoveError::io(&target))?;
            self.others.insert(name.to_owned(), content);
            return Ok(());
        }
        self.manifest.tables.insert(name.to_owned(), content);
        if self.notes.copied(copied.size) {
            note(self.tmp, self.manifest)?;
        }
        Ok(())
    }
}

/// Names that come again with other content (MANIFEST, CURRENT) are exchanged by rename, so that there is always a
/// whole one.
fn copied_as(name: &str) -> String {
    if is_table(name) { name.to_owned() } else { format!("{name}.copy") }
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

#[cfg(test)]
mod tests {
    use common::fs::Throttle;
    use common::types::{Decree, Gpid};
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;
    use crate::storage::Applied;

    /// A "checkpoint" of plain files, and the copy that is made of it.
    struct Pair {
        dir: tempfile::TempDir,
        manifest: Manifest,
    }

    impl Pair {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(layout::rdb_dir(&dir.path().join("tmp"))).unwrap();
            Self { dir, manifest: Manifest::new(Uuid::nil(), Gpid::new(1, 0)) }
        }

        fn put(&self, checkpoint: &str, name: &str, content: &str) {
            fs::create_dir_all(self.dir.path().join(checkpoint)).unwrap();
            fs::write(self.dir.path().join(checkpoint).join(name), content).unwrap();
        }

        /// The same file again, as RocksDB's checkpoints have it.
        fn link(&self, from: &str, to: &str, name: &str) {
            fs::create_dir_all(self.dir.path().join(to)).unwrap();
            fs::hard_link(self.dir.path().join(from).join(name), self.dir.path().join(to).join(name)).unwrap();
        }

        /// Copies a checkpoint; returns the bytes that it took.
        fn round(&mut self, checkpoint: &str, before: Option<&str>, incarnation: u64, database: &str) -> u64 {
            let (dir, tmp) = (self.dir.path().join(checkpoint), self.dir.path().join("tmp"));
            let names = fs::read_dir(&dir).unwrap().flatten();
            let mut files: Vec<_> = names
                .map(|entry| CheckpointFile {
                    name: entry.file_name().into_string().unwrap(),
                    size: entry.metadata().unwrap().len(),
                })
                .collect();
            files.sort();
            let applied = Applied { decree: Decree(5), ..Applied::default() };
            let checkpoint = Checkpoint { decree: Decree(5), applied, time_ms: 0, files };
            let before = before.map(|before| self.dir.path().join(before));
            let (incarnation, before) = (Incarnation(incarnation), before.as_deref());
            let source = Source { dir: &dir, checkpoint: &checkpoint, before, incarnation, database };
            let (throttle, cancel) = (Throttle::unlimited(), CancellationToken::new());
            let context = CopyContext { throttle: &throttle, cancel: &cancel, progress: &|_| () };
            let plan = plan(&tmp, &self.manifest, &source, &context).unwrap();
            let bytes = plan.bytes;
            let notes = Notes::new(&Clock::System, Duration::ZERO);
            copy(&tmp, &mut self.manifest, &source, plan, &context, notes).unwrap();
            check_complete(&tmp, &Manifest::read(&tmp).unwrap()).unwrap();
            bytes
        }

        fn copied(&self, name: &str) -> String {
            fs::read_to_string(layout::rdb_dir(&self.dir.path().join("tmp")).join(name)).unwrap()
        }
    }

    #[test]
    fn the_very_same_table_file_is_not_copied_again_and_the_others_are() {
        let mut pair = Pair::new();
        for (name, content) in [("1.sst", "table"), ("MANIFEST-1", "short"), ("CURRENT", "1")] {
            pair.put("a", name, content);
        }
        assert_eq!(pair.round("a", None, 1, "db"), 11);
        pair.link("a", "b", "1.sst");
        for (name, content) in [("2.sst", "more"), ("MANIFEST-1", "longer"), ("CURRENT", "1")] {
            pair.put("b", name, content);
        }
        assert_eq!(pair.round("b", Some("a"), 1, "db"), 11);
        assert_eq!((pair.copied("MANIFEST-1"), pair.copied("2.sst")), ("longer".into(), "more".into()));
    }

    #[test]
    fn a_table_file_of_the_same_name_and_size_with_other_content_is_copied() {
        // The history of rule PRE-COPY: the source was learned again meanwhile and numbered its files anew.
        for (incarnation, database) in [(1, "db"), (1, "other"), (2, "db"), (2, "other")] {
            let mut pair = Pair::new();
            pair.put("a", "15.sst", "first");
            pair.round("a", None, 1, "db");
            pair.put("b", "15.sst", "other");
            assert_eq!(pair.round("b", Some("a"), incarnation, database), 5);
            assert_eq!(pair.copied("15.sst"), "other");
        }
    }

    #[test]
    fn equal_content_of_another_database_is_copied_all_the_same() {
        let mut pair = Pair::new();
        pair.put("a", "15.sst", "equal");
        pair.round("a", None, 1, "db");
        pair.link("a", "b", "15.sst");
        assert_eq!(pair.round("b", Some("a"), 1, "other"), 5);
    }

    #[test]
    fn after_a_restart_the_checksum_of_this_checkpoint_decides() {
        let mut pair = Pair::new();
        pair.put("a", "15.sst", "equal");
        pair.round("a", None, 1, "db");
        pair.put("b", "15.sst", "equal");
        assert_eq!(pair.round("b", None, 1, "db"), 0);
    }

    #[test]
    fn what_no_longer_belongs_is_removed_at_the_end_of_a_round() {
        let mut pair = Pair::new();
        pair.put("a", "1.sst", "old");
        pair.round("a", None, 1, "db");
        pair.put("b", "2.sst", "new");
        pair.round("b", Some("a"), 1, "db");
        let rdb = layout::rdb_dir(&pair.dir.path().join("tmp"));
        assert_eq!(fs::read_dir(rdb).unwrap().count(), 1);
    }

    #[test]
    fn a_table_file_that_was_lost_or_cut_is_copied_again() {
        let mut pair = Pair::new();
        pair.put("a", "1.sst", "table");
        pair.round("a", None, 1, "db");
        fs::write(layout::rdb_dir(&pair.dir.path().join("tmp")).join("1.sst"), "ta").unwrap();
        pair.link("a", "b", "1.sst");
        assert_eq!(pair.round("b", Some("a"), 1, "db"), 5);
        assert_eq!(pair.copied("1.sst"), "table");
    }
}
