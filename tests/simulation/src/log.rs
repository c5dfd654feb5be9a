//! A disk's mutation log as far as crashes are concerned: frames in order, and how far they would survive.
//!
//! ```text
//!   frames   0 ........ synced ........ cached ........ end      pending
//!            survives    survives        may be torn              lost with
//!            all         a kill          by any crash             the process
//! ```
//!
//! Replay cuts at the first bad frame even if valid ones follow (rule LOG), so the loss of any subset of what is not
//! fsynced comes out as a cut at its first lost frame: wherever a crash leaves the end is drawn.

use std::collections::VecDeque;
use std::sync::Arc;

use common::types::{Decree, Gpid, Incarnation, Mutation};
use pacifica::AppendSeq;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// One frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) gpid: Gpid,
    pub(crate) incarnation: Incarnation,
    pub(crate) committed: Decree,
    pub(crate) mutation: Arc<Mutation>,
}

/// Whom to tell when a frame is durable: the runtime that appended it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) gpid: Gpid,
    /// The runtime's number; a replica that was opened anew has another.
    pub(crate) opened: u64,
    pub(crate) seq: AppendSeq,
}

/// How often the log is fsynced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    Always,
    Never,
}

/// The log of one disk.
#[derive(Debug)]
pub(crate) struct Log {
    sync: Sync,
    frames: VecDeque<Frame>,
    synced: usize,
    cached: usize,
    pending: VecDeque<(Frame, Waiter, u64)>,
    writing: VecDeque<(Waiter, u64)>,
    busy: bool,
    /// Until then (true time) every group takes as long.
    pub(crate) stalled_until: u64,
    /// Appends fail until the process is started anew.
    pub(crate) failed: bool,
}

impl Log {
    pub(crate) const fn new(sync: Sync) -> Self {
        Self {
            sync,
            frames: VecDeque::new(),
            synced: 0,
            cached: 0,
            pending: VecDeque::new(),
            writing: VecDeque::new(),
            busy: false,
            stalled_until: 0,
            failed: false,
        }
    }

    /// Queues a frame; whether the writer must be woken.
    pub(crate) fn append(&mut self, now: u64, frame: Frame, waiter: Waiter) -> bool {
        self.pending.push_back((frame, waiter, now));
        !self.busy
    }

    /// Takes all that waits into one group, if there is any.
    pub(crate) fn begin_group(&mut self) -> bool {
        self.busy = !self.pending.is_empty();
        for (frame, waiter, at) in self.pending.drain(..) {
            self.frames.push_back(frame);
            self.writing.push_back((waiter, at));
        }
        self.busy
    }

    /// The group is written, and fsynced if the log does that; who waited for it.
    pub(crate) fn end_group(&mut self) -> Vec<Waiter> {
        self.cached = self.frames.len();
        if self.sync == Sync::Always {
            self.synced = self.cached;
        }
        self.busy = false;
        self.writing.drain(..).map(|(waiter, _)| waiter).collect()
    }

    /// When the oldest append that is not durable was made.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let writing = self.writing.front().map(|(_, at)| *at);
        writing.or_else(|| self.pending.front().map(|(_, _, at)| *at))
    }

    /// The operating system writes back what it holds.
    pub(crate) fn write_back(&mut self) {
        self.synced = self.cached;
    }

    /// The process ends; with a power cut the page cache goes too. What is found afterwards is fsynced before any role.
    pub(crate) fn crash(&mut self, rng: &mut ChaCha8Rng, power_cut: bool) {
        let safe = if power_cut { self.synced } else { self.cached };
        let end = rng.random_range(safe..=self.frames.len());
        self.frames.truncate(end);
        (self.synced, self.cached) = (end, end);
        self.pending.clear();
        self.writing.clear();
        (self.busy, self.failed, self.stalled_until) = (false, false, 0);
    }

    /// All frames, oldest first.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// Drops frames from the front for as long as `spare` allows, never one that is being written.
    pub(crate) fn collect(&mut self, spare: impl Fn(&Frame) -> bool) {
        while self.synced > 0 && self.frames.front().is_some_and(&spare) {
            self.frames.pop_front();
            self.synced -= 1;
            self.cached -= 1;
        }
    }
}
