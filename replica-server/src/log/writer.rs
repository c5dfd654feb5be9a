//! The thread that writes: drains the queue, writes a group with one call, fsyncs once, then tells the sinks.
//!
//! ```text
//!            ┌── group fits ──────────────> write, fsync, index, durable()
//! appends ──>│── it does not ──> fsync the segment, next one (from a spare), then as above
//!            ├── no space ────────────────> failed(); the log goes on when space returns
//!            └── a write or fsync failed ─> failed(), poisoned for good
//! ```

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::fault::{Point, pass};
use common::types::{Body, Time};
use pacifica::AppendSeq;
use rand::TryRngCore;
use rand::rngs::OsRng;

use super::error::LogError;
use super::format::{
    ALIGN, FRAME_HEADER, FrameHeader, GROUP_HEADER, GroupHeader, OPENING_BYTES, PAGE, SEGMENT_HEADER, SegmentHeader,
    frame_bytes, opening_payload, reserve_path, silence, spare_path,
};
use super::handle::Shared;
use super::index::{Entry, Place};
use super::options::SyncMode;
use super::queue::{Attached, Pending};
use super::segment::{Segment, Spare};
use super::space::Reserve;

/// Frames in one group at most: their slices stay a few calls' worth.
const GROUP_FRAMES_MAX: usize = 1024;

/// Bytes after which the system is asked to write what nobody syncs.
const EARLY: u64 = 1 << 20;

/// Of what it was asked to write before, so many bytes are looked at again: by now they are on the disk, and need no memory.
const BEHIND: u64 = 4 * EARLY;

struct Head {
    segment: Arc<Segment>,
    /// Where the next group goes.
    end: u64,
    /// Where the last group with frames ended; a note may follow it.
    frames_end: u64,
    /// Up to where nothing of an earlier life of the file follows.
    zeroed_to: u64,
    synced_to: u64,
    /// Up to where the system was asked to write.
    begun_to: u64,
    /// What the segment itself says to be durable.
    noted: u64,
    /// A write into it failed: it takes nothing more.
    cut: bool,
}

impl Head {
    fn is_note_due(&self) -> bool {
        let room = self.segment.bytes.saturating_sub(self.end) >= GROUP_HEADER as u64;
        room && !self.cut && self.noted < self.frames_end && self.frames_end <= self.synced_to
    }

    /// Without a sync for each group, the one that seals the segment would find all of it unwritten. And to write into
    /// memory that was just given up is cheaper than into new one; nobody reads it there but a learner that is far behind.
    fn write_early(&mut self) {
        let from = self.begun_to.max(self.synced_to);
        if self.end >= from + EARLY {
            self.segment.let_go(from.saturating_sub(BEHIND), self.end);
            self.begun_to = self.end;
        }
    }
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    head: Option<Head>,
    /// Sequence and end of the segment before the next one.
    last: (u64, u64),
    spares: u64,
    reserve: Reserve,
    synced_at: Time,
}

impl Writer {
    /// Takes over after recovery: makes the first segment of this process, if there is space.
    pub(super) fn start(shared: Arc<Shared>, last: (u64, u64)) -> Result<Self, LogError> {
        let options = &shared.options;
        let reserve = Reserve::new(reserve_path(&options.dir), options.reserve_bytes);
        let synced_at = options.clock.mono();
        let mut writer = Self { shared, head: None, last, spares: 0, reserve, synced_at };
        writer.find_space();
        let before = writer.shared.state.read().segments.get(&last.0).cloned();
        match (writer.next_segment(), before) {
            (Ok(()), Some(before)) => before.truncate(last.1).map_err(|error| LogError::io(&before.path, &error))?,
            (Ok(()) | Err(LogError::NoSpace { .. }), _) => {}
            (Err(error), _) => return Err(error),
        }
        writer.chores();
        Ok(writer)
    }

    /// Runs until the log is closed.
    pub(super) fn run(mut self) {
        loop {
            let work = self.shared.queue.next(self.idle_time());
            if work.appends.is_empty() && work.sync.is_none() && !work.close {
                self.note_durable();
            }
            self.append(work.appends);
            if let Some(wanted) = work.sync {
                // A failure poisons the log, which is what the waiter looks at.
                let _ = self.sync();
                self.shared.queue.synced(wanted);
            }
            if work.close {
                return self.finish();
            }
            self.chores();
        }
    }

    fn idle_time(&self) -> Duration {
        let options = &self.shared.options;
        let unnoted = self.head.as_ref().is_some_and(Head::is_note_due);
        let mut idle = if unnoted { options.mark_after } else { Duration::from_secs(1) };
        if self.shared.is_short_of_space() {
            idle = idle.min(options.space_retry);
        }
        match options.sync {
            SyncMode::Interval(interval) if self.is_dirty() => idle.min(interval),
            SyncMode::Always | SyncMode::Interval(_) | SyncMode::Never => idle,
        }
    }

    fn is_dirty(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.synced_to < head.frames_end && !head.cut)
    }

    /// What is due besides appends: the interval's fsync, a spare segment, the figures.
    fn chores(&mut self) {
        if let SyncMode::Interval(interval) = self.shared.options.sync
            && self.is_dirty()
            && self.shared.options.clock.mono().since(self.synced_at) >= interval
        {
            let _ = self.sync();
        }
        self.find_space();
        let capacity = self.capacity();
        self.shared.space.capacity.store(capacity, Ordering::Release);
    }

    fn capacity(&self) -> u64 {
        let spares = self.shared.spares.lock().iter().map(|spare| spare.bytes).sum::<u64>();
        let head = self.head.as_ref().filter(|head| !head.cut);
        spares + head.map_or(0, |head| head.segment.bytes.saturating_sub(head.end))
    }

    /// Holds the reserve and one spare segment; says so where there is no space for them.
    fn find_space(&mut self) {
        let retry = self.shared.is_short_of_space();
        let has_spare = !self.shared.spares.lock().is_empty();
        if self.shared.poison().is_some() || has_spare && !retry {
            return;
        }
        // A segment that is needed no more may be a spare by now; the reserve was given up all the same.
        let found = self.reserve.hold().and_then(|()| if has_spare { Ok(None) } else { self.allocate().map(Some) });
        match found {
            Ok(spare) => {
                self.shared.spares.lock().extend(spare);
                self.shared.set_short_of_space(false);
            }
            Err(error) if is_full(&error) => {
                if !retry {
                    tracing::warn!(dir = %self.dir().display(), "no space for the log: writes are refused until there is");
                }
                self.reserve.release();
                self.shared.set_short_of_space(true);
            }
            Err(error) => self.poison(&error),
        }
    }

    fn allocate(&mut self) -> io::Result<Spare> {
        pass(Point::LogSegment, self.dir())?;
        self.spares += 1;
        Spare::allocate(spare_path(self.dir(), self.spares), self.shared.options.segment_bytes)
    }

    fn dir(&self) -> &Path {
        &self.shared.options.dir
    }

    fn append(&mut self, batch: Vec<Pending>) {
        let (fit, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(|pending| self.is_allowed(pending));
        self.fail(rest, None);
        let mut rest = fit;
        while !rest.is_empty() {
            if let Err(error) = self.make_room(&rest) {
                return self.fail(rest, Some(error));
            }
            let later = rest.split_off(self.fitting(&rest));
            if let Err((group, error)) = self.write_group(rest) {
                self.fail(group, Some(error.clone()));
                return self.fail(later, Some(error));
            }
            rest = later;
        }
    }

    /// A replica that missed an append gets no further ones, for they would follow a gap.
    fn is_allowed(&self, pending: &Pending) -> bool {
        let bytes = frame_bytes(payload(pending).len()) as u64;
        !pending.attached.failed.load(Ordering::Relaxed) && bytes <= self.shared.options.frame_bytes_max()
    }

    /// How many of them the head can take, with the header of their group and, behind it, the note that they are durable.
    fn fitting(&self, batch: &[Pending]) -> usize {
        let Some(head) = &self.head else { return 0 };
        let mut left = (head.segment.bytes - head.end).saturating_sub(2 * GROUP_HEADER as u64);
        let fits = |pending: &&Pending| {
            let bytes = frame_bytes(payload(pending).len()) as u64;
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        };
        batch.iter().take(GROUP_FRAMES_MAX).take_while(fits).count()
    }

    /// Makes sure that the head can take at least the first.
    fn make_room(&mut self, batch: &[Pending]) -> Result<(), LogError> {
        if let Some(error) = self.shared.poison() {
            return Err(error);
        }
        let usable = self.head.as_ref().is_some_and(|head| !head.cut);
        if usable && self.fitting(batch) > 0 {
            return Ok(());
        }
        self.next_segment()
    }

    /// Seals the head and begins the next segment (rule LOG).
    fn next_segment(&mut self) -> Result<(), LogError> {
        self.seal()?;
        if self.shared.spares.lock().is_empty() {
            self.find_space();
        }
        let spare = self.shared.spares.lock().pop();
        let Some(spare) = spare else {
            return Err(self.shared.poison().unwrap_or(LogError::NoSpace { dir: self.dir().to_owned() }));
        };
        let (predecessor, predecessor_end) = self.last;
        let nonce = OsRng.try_next_u64().map_err(|error| self.broken(&io::Error::other(error)))?;
        let header = SegmentHeader { sequence: predecessor + 1, nonce, predecessor, predecessor_end };
        let segment = spare.activate(self.dir(), &header).map_err(|error| self.broken(&error))?;
        let segment = Arc::new(segment);
        self.shared.state.write().segments.insert(header.sequence, Arc::clone(&segment));
        let end = SEGMENT_HEADER as u64;
        self.head = Some(Head {
            segment,
            end,
            frames_end: end,
            zeroed_to: PAGE as u64,
            synced_to: end,
            begun_to: end,
            noted: end,
            cut: false,
        });
        Ok(())
    }

    /// Makes the head's content durable before anything is written after it.
    fn seal(&mut self) -> Result<(), LogError> {
        if self.head.as_ref().is_some_and(|head| head.synced_to < head.end) {
            self.sync()?;
        }
        if let Some(head) = self.head.take() {
            self.last = (head.segment.sequence, head.end);
        }
        Ok(())
    }

    fn write_group(&mut self, group: Vec<Pending>) -> Result<(), (Vec<Pending>, LogError)> {
        let written = match self.write_frames(&group) {
            Ok(entries) => entries,
            Err(error) => return Err((group, self.write_failed(&error))),
        };
        if self.shared.options.sync == SyncMode::Always
            && let Err(error) = self.sync()
        {
            return Err((group, error));
        }
        self.shared.stats.group_frames.record(group.len() as u64);
        self.shared.stats.appends.fetch_add(group.len() as u64, Ordering::Relaxed);
        let mut state = self.shared.state.write();
        written.iter().for_each(|entry| state.index.insert(entry));
        drop(state);
        tell_durable(&group);
        Ok(())
    }

    fn write_frames(&mut self, group: &[Pending]) -> io::Result<Vec<Entry>> {
        pass(Point::LogWrite, &self.shared.options.dir)?;
        let Some(head) = &mut self.head else { return Err(io::ErrorKind::NotFound.into()) };
        let payloads: Vec<Payload<'_>> = group.iter().map(payload).collect();
        let (headers, entries) = frames(head, group, &payloads);
        let length = entries.iter().map(|entry| u64::from(entry.place.bytes)).sum();
        let mark = GroupHeader { frames: entries.len() as u32, length, synced_to: head.synced_to };
        let mark = mark.encode(head.segment.salt);
        let mut slices = Vec::with_capacity(2 + 3 * group.len());
        slices.push(IoSlice::new(&mark));
        for (header, payload) in headers.iter().zip(&payloads) {
            slices.push(IoSlice::new(header));
            slices.push(IoSlice::new(payload.bytes()));
            slices.push(IoSlice::new(padding(payload.len())));
        }
        let end = head.end + GROUP_HEADER as u64 + length;
        let zeros = silence(end, head.zeroed_to, head.segment.bytes);
        slices.push(IoSlice::new(zeros));
        head.segment.write(&mut slices, head.end)?;
        head.noted = head.synced_to;
        head.zeroed_to = head.zeroed_to.max(end + zeros.len() as u64);
        (head.end, head.frames_end) = (end, end);
        if self.shared.options.sync != SyncMode::Always {
            head.write_early();
        }
        self.shared.stats.bytes.fetch_add(GROUP_HEADER as u64 + length, Ordering::Relaxed);
        self.shared.stats.group_bytes.record(length);
        Ok(entries)
    }

    /// The one place that fsyncs the head. Never tried again after a failure: the kernel may have dropped the pages.
    fn sync(&mut self) -> Result<(), LogError> {
        if let Some(error) = self.shared.poison() {
            return Err(error);
        }
        let Some(head) = self.head.as_mut().filter(|head| head.synced_to < head.end) else { return Ok(()) };
        let clock = &self.shared.options.clock;
        let began = clock.mono();
        let done = pass(Point::LogSync, &self.shared.options.dir).and_then(|()| head.segment.sync());
        self.synced_at = clock.mono();
        let took = self.synced_at.since(began).as_micros();
        self.shared.stats.syncs_us.record(u64::try_from(took).unwrap_or(u64::MAX));
        match done {
            Ok(()) => {
                head.synced_to = head.end;
                Ok(())
            }
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Notes in the log what is durable, when nothing else comes: the last group then counts as durable too if it is
    /// found damaged later. The note itself is not fsynced: to lose it only loses the note.
    fn note_durable(&mut self) {
        let Some(head) = self.head.as_mut().filter(|head| head.is_note_due()) else { return };
        head.noted = head.frames_end;
        let note = GroupHeader { frames: 0, length: 0, synced_to: head.frames_end }.encode(head.segment.salt);
        match head.segment.write(&mut [IoSlice::new(&note)], head.end) {
            Ok(()) => head.end += GROUP_HEADER as u64,
            Err(error) => {
                let _ = self.write_failed(&error);
            }
        }
    }

    /// Leaves a log of which all is durable, and which says so.
    fn finish(&mut self) {
        if self.sync().is_ok() {
            self.note_durable();
            // A failure poisons the log and is reported there.
            let _ = self.sync();
        }
    }

    /// A write that failed for want of space only cuts the segment; any other failure is the disk's.
    fn write_failed(&mut self, error: &io::Error) -> LogError {
        if !is_full(error) {
            return self.broken(error);
        }
        if let Some(head) = &mut self.head {
            head.cut = true;
        }
        LogError::NoSpace { dir: self.dir().to_owned() }
    }

    fn broken(&self, error: &io::Error) -> LogError {
        if is_full(error) {
            return LogError::NoSpace { dir: self.dir().to_owned() };
        }
        self.poison(error);
        LogError::Poisoned { dir: self.dir().to_owned(), cause: error.to_string() }
    }

    fn poison(&self, error: &io::Error) {
        tracing::error!(dir = %self.dir().display(), %error, "the log failed: it takes nothing more");
        self.shared.set_poison(LogError::Poisoned { dir: self.dir().to_owned(), cause: error.to_string() });
    }

    /// Tells the sinks; `None`: each for its own reason.
    fn fail(&self, batch: Vec<Pending>, error: Option<LogError>) {
        for pending in batch {
            self.shared.stats.failed.fetch_add(1, Ordering::Relaxed);
            let earlier = pending.attached.failed.swap(true, Ordering::Relaxed);
            let bytes = frame_bytes(payload(&pending).len()) as u64;
            let bytes_max = self.shared.options.frame_bytes_max();
            let dir = || self.dir().to_owned();
            let own = || if earlier { LogError::Gap { dir: dir() } } else { LogError::TooLarge { bytes, bytes_max } };
            pending.attached.sink.failed(&error.clone().unwrap_or_else(own));
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A record's bytes: those of its writes as they are, or the few of an opening.
enum Payload<'a> {
    Writes(&'a [u8]),
    Opening([u8; OPENING_BYTES]),
}

impl Payload<'_> {
    const fn bytes(&self) -> &[u8] {
        match self {
            Self::Writes(bytes) => bytes,
            Self::Opening(bytes) => bytes,
        }
    }

    const fn len(&self) -> usize {
        self.bytes().len()
    }
}

fn payload(pending: &Pending) -> Payload<'_> {
    match &pending.mutation.body {
        Body::Writes(writes) => Payload::Writes(writes.as_bytes()),
        Body::Opening { after, by } => Payload::Opening(opening_payload(*after, *by)),
    }
}

fn padding(payload: usize) -> &'static [u8] {
    const ZEROS: [u8; ALIGN] = [0; ALIGN];
    ZEROS.get(..frame_bytes(payload) - FRAME_HEADER - payload).unwrap_or_default()
}

/// Frame headers of a group that will stand at the head's end, and what the index will know of them.
fn frames(head: &Head, group: &[Pending], payloads: &[Payload<'_>]) -> (Vec<[u8; FRAME_HEADER]>, Vec<Entry>) {
    let mut offset = head.end + GROUP_HEADER as u64;
    let place = |(pending, payload): (&Pending, &Payload<'_>)| {
        let replica = pending.attached.replica;
        let header = FrameHeader::of(replica, &pending.mutation, pending.committed);
        let bytes = header.stride();
        let place = Place {
            segment: head.segment.sequence,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            ballot: header.ballot,
        };
        offset += bytes;
        let opening = header.opening(payload.bytes());
        let entry = Entry { replica, decree: header.decree, committed: header.committed, opening, place };
        (header.encode(head.segment.salt, payload.bytes()), entry)
    };
    group.iter().zip(payloads).map(place).unzip()
}

/// Each replica is told once, of its last append.
fn tell_durable(group: &[Pending]) {
    let mut last: BTreeMap<*const Attached, (&Arc<Attached>, AppendSeq)> = BTreeMap::new();
    for pending in group {
        last.insert(Arc::as_ptr(&pending.attached), (&pending.attached, pending.seq));
    }
    for (attached, seq) in last.into_values() {
        attached.sink.durable(seq);
    }
}
