//! Copies of real files, whole and broken.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::fault::{self, Action, Point};

/// Sources of given sizes, and where their copies go.
struct Files {
    dir: tempfile::TempDir,
    copies: Vec<FileCopy>,
    contents: Vec<Vec<u8>>,
}

impl Files {
    fn new(sizes: &[usize]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |what: &str, index: usize| dir.path().join(format!("{what}{index}"));
        let copies = (0..sizes.len()).map(|n| FileCopy { source: path("source", n), target: path("target", n) });
        let (copies, contents): (Vec<_>, Vec<_>) = copies.zip(sizes.iter().map(|size| content(*size))).unzip();
        for (copy, content) in copies.iter().zip(&contents) {
            fs::write(&copy.source, content).unwrap();
        }
        Self { dir, copies, contents }
    }

    /// Says which files were done, and how it ended.
    fn copy(
        &self,
        throttle: &Throttle,
        cancel: &CancellationToken,
        progress: &(dyn Fn(u64) + Sync),
    ) -> (Vec<Copied>, Result<CopyReport, CopyError>) {
        let mut all = Vec::new();
        let context = CopyContext { throttle, cancel, progress };
        let result = copy_files(&self.copies, &context, |index, copied| {
            assert_eq!(index, all.len(), "files are done in order");
            all.push(copied);
            Ok::<_, CopyError>(())
        });
        (all, result)
    }

    fn simply(&self) -> (Vec<Copied>, Result<CopyReport, CopyError>) {
        self.copy(&Throttle::unlimited(), &CancellationToken::new(), &|_| ())
    }

    /// The same, with a fault at the file whose path ends so.
    fn with_fault(&self, point: Point, action: Action, nth: u64, name: &str) -> (Vec<Copied>, CopyError) {
        let path = self.dir.path().join(name).to_string_lossy().into_owned();
        fault::arm(point, action, nth, &path);
        let (done, result) = self.simply();
        fault::disarm(&path);
        (done, result.unwrap_err())
    }

    fn target(&self, index: usize) -> Vec<u8> {
        fs::read(&self.copies[index].target).unwrap()
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 % 251) as u8).collect()
}

#[test]
fn copies_are_equal_and_their_progress_adds_up() {
    let sizes = [0, 1, PIECE_BYTES, 5, PIECE_BYTES * 3 + 17, 4096, 0];
    for rate in [0, 1 << 30] {
        let (files, told) = (Files::new(&sizes), AtomicU64::new(0));
        let progress = |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed);
        let throttle = Throttle::new(rate, Clock::System);
        let (done, report) = files.copy(&throttle, &CancellationToken::new(), &progress);
        let verified = report.unwrap().verified;
        for (index, content) in files.contents.iter().enumerate() {
            assert_eq!(&files.target(index), content);
            assert_eq!(done[index], Copied { size: content.len() as u64, crc32: crc32fast::hash(content) });
        }
        let all = sizes.iter().sum::<usize>() as u64;
        assert_eq!((told.into_inner(), verified.bytes, done.len()), (all, all, sizes.len()));
    }
}

#[test]
fn hundreds_of_small_files_are_copied_whole() {
    let sizes: Vec<usize> = (0..400).map(|n| n * 37).collect();
    let files = Files::new(&sizes);
    let (done, result) = files.simply();
    assert!(result.is_ok() && done.len() == sizes.len());
    assert!((0..sizes.len()).all(|index| files.target(index) == files.contents[index]));
}

#[test]
fn a_limited_copy_is_synced_and_read_back_while_it_goes_on() {
    let files = Files::new(&[PIECE_BYTES * 10]);
    let written = AtomicU64::new(0);
    let path = files.dir.path().to_string_lossy().into_owned();
    // The disk fails at the first range: a copy that looked at it only at the end would have written everything.
    fault::arm(Point::MoveSync, Action::Error, 1, &path);
    let progress = |bytes| _ = written.fetch_add(bytes, Ordering::Relaxed);
    let throttle = Throttle::new(20 << 20, Clock::System);
    let (_, result) = files.copy(&throttle, &CancellationToken::new(), &progress);
    fault::disarm(&path);
    assert!(matches!(result, Err(CopyError::Io { doing: Doing::Syncing, .. })));
    assert!(written.into_inner() < 10 * PIECE_BYTES as u64);
}

#[test]
fn a_longer_file_at_the_target_leaves_no_tail() {
    let files = Files::new(&[10]);
    fs::write(&files.copies[0].target, [7; 100]).unwrap();
    files.simply().1.unwrap();
    assert_eq!(files.target(0), files.contents[0]);
}

#[test]
fn a_cancelled_copy_stops_between_pieces() {
    let (files, cancel) = (Files::new(&[PIECE_BYTES * 4, 10]), CancellationToken::new());
    let (done, result) = files.copy(&Throttle::unlimited(), &cancel, &|_| cancel.cancel());
    assert!(matches!(result, Err(CopyError::Cancelled)) && done.is_empty());
    assert_eq!(fs::metadata(&files.copies[0].target).unwrap().len(), PIECE_BYTES as u64);
}

#[test]
fn a_full_disk_is_told_apart_from_a_broken_one() {
    let files = Files::new(&[PIECE_BYTES * 4]);
    for (action, no_space) in [(Action::NoSpace, true), (Action::Error, false)] {
        let (_, error) = files.with_fault(Point::MoveCopy, action, 2, "target0");
        assert_eq!(error.is_no_space(), no_space, "{error}");
    }
}

#[test]
fn a_byte_that_turns_over_after_it_was_written_is_found_in_any_range() {
    for (nth, size) in [(1, 5), (1, PIECE_BYTES * 3 + 1), (2, PIECE_BYTES * 40), (2, PIECE_BYTES * 64 + 3)] {
        let files = Files::new(&[7, size, 7]);
        let (done, error) = files.with_fault(Point::MoveVerify, Action::Flip, nth, "target1");
        assert!(matches!(&error, CopyError::Differs { path, .. } if *path == files.copies[1].target), "{error}");
        assert_eq!(done.len(), 1, "what stands before it is good, nothing after it is done");
    }
}

#[test]
fn a_source_that_cannot_be_read_is_named_and_what_came_before_is_done() {
    let files = Files::new(&[10, PIECE_BYTES * 2, 10]);
    let (done, error) = files.with_fault(Point::MoveRead, Action::Error, 2, "source1");
    assert_eq!(done.len(), 1);
    assert!(error.to_string().starts_with("reading the source") && error.to_string().contains("source1"), "{error}");
}

#[test]
fn a_target_that_cannot_be_synced_or_read_back_is_named() {
    let files = Files::new(&[10, PIECE_BYTES, 10]);
    let cases = [(Point::MoveSync, "fsync of the copy"), (Point::MoveVerify, "reading the copy back")];
    for (point, text) in cases {
        let (done, error) = files.with_fault(point, Action::Error, 1, "target1");
        assert_eq!(done.len(), 1);
        assert!(error.to_string().starts_with(text) && error.to_string().contains("target1"), "{error}");
    }
}

#[test]
fn what_the_caller_fails_with_ends_the_copy() {
    let files = Files::new(&[10, PIECE_BYTES * 20]);
    let (throttle, cancel) = (Throttle::unlimited(), CancellationToken::new());
    let context = CopyContext { throttle: &throttle, cancel: &cancel, progress: &|_| () };
    let result = copy_files(&files.copies, &context, |_, _| Err(CopyError::Cancelled));
    assert!(matches!(result, Err(CopyError::Cancelled)));
}

#[test]
fn a_file_system_without_direct_reads_is_read_back_too() {
    let shared = std::path::Path::new("/dev/shm");
    let Ok(dir) = tempfile::tempdir_in(shared) else {
        eprintln!("passed over: there is no /dev/shm");
        return;
    };
    let mut files = Files::new(&[PIECE_BYTES + 3]);
    files.copies[0].target = dir.path().join("target0");
    assert_eq!(files.simply().1.unwrap().verified.bytes, PIECE_BYTES as u64 + 3);
    assert_eq!(files.target(0), files.contents[0]);
}
