//! What waits for the writer thread. Its length is bounded by those who append: each replica has a few mutations in
//! flight, for which space was reserved.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::types::{Decree, Mutation, Time};
use pacifica::AppendSeq;
use parking_lot::{Condvar, Mutex};

use super::handle::AppendSink;
use super::index::ReplicaKey;

/// A replica that appends.
pub(super) struct Attached {
    pub replica: ReplicaKey,
    pub sink: Arc<dyn AppendSink>,
    /// An append failed: later ones would leave a gap.
    pub failed: AtomicBool,
}

/// An append that waits.
pub(super) struct Pending {
    pub attached: Arc<Attached>,
    pub seq: AppendSeq,
    pub mutation: Arc<Mutation>,
    pub committed: Decree,
    pub queued_at: Time,
}

/// What the writer is to do, in this order.
#[derive(Default)]
pub(super) struct Work {
    /// Everything that was queued.
    pub appends: Vec<Pending>,
    /// Make everything durable and answer to this number.
    pub sync: Option<u64>,
    /// It was the last.
    pub close: bool,
}

#[derive(Default)]
struct State {
    pending: Vec<Pending>,
    closing: bool,
    syncs_wanted: u64,
    syncs_done: u64,
}

/// The queue of the writer thread.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    synced: Condvar,
    /// When the oldest append under way was queued, in microseconds; 0: none.
    oldest_us: AtomicU64,
}

impl Queue {
    /// Queues an append; gives it back if the log is closed. Whoever queues the first is told so: he has to
    /// [nudge](Self::nudge) the writer.
    pub(super) fn push(&self, pending: Pending) -> Result<bool, Pending> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(pending);
        }
        state.pending.push(pending);
        Ok(state.pending.len() == 1)
    }

    /// What is to be done next; waits at most `idle` for it. Takes everything that is queued.
    pub(super) fn next(&self, idle: Duration) -> Work {
        let mut state = self.state.lock();
        self.oldest_us.store(0, Ordering::Relaxed);
        if state.pending.is_empty() && !state.closing && state.syncs_wanted == state.syncs_done {
            self.wake.wait_for(&mut state, idle);
        }
        let appends = std::mem::take(&mut state.pending);
        if let Some(oldest) = appends.first() {
            self.oldest_us.store(oldest.queued_at.0, Ordering::Relaxed);
        }
        let sync = (state.syncs_wanted > state.syncs_done).then_some(state.syncs_wanted);
        Work { appends, sync, close: state.closing }
    }

    /// When the oldest append that is not done was queued.
    pub(super) fn oldest(&self) -> Option<Time> {
        // Under the lock: an append is always either queued or under way.
        let state = self.state.lock();
        let under_way = Some(self.oldest_us.load(Ordering::Relaxed)).filter(|us| *us > 0).map(Time);
        under_way.or_else(|| state.pending.first().map(|pending| pending.queued_at))
    }

    pub(super) fn close(&self) {
        self.state.lock().closing = true;
        self.wake.notify_one();
    }

    /// Asks for everything queued so far to be made durable, and waits; whether that came in time.
    pub(super) fn sync(&self, wait: Duration) -> bool {
        let mut state = self.state.lock();
        if state.closing {
            // Closing makes everything durable itself.
            return true;
        }
        state.syncs_wanted += 1;
        let wanted = state.syncs_wanted;
        self.wake.notify_one();
        let open = |state: &mut State| state.syncs_done < wanted;
        !self.synced.wait_while_for(&mut state, open, wait).timed_out()
    }

    /// Says that the syncs up to `wanted` are done (or can never be).
    pub(super) fn synced(&self, wanted: u64) {
        self.state.lock().syncs_done = wanted;
        self.synced.notify_all();
    }

    /// Wakes the writer for what is queued, or for its chores.
    pub(super) fn nudge(&self) {
        self.wake.notify_one();
    }
}
