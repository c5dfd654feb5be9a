//! One replica server as the client sees it: concurrent operations share calls.
//!
//! Reads and writes travel in lanes of their own, because a call is answered when its slowest operation is, and a read
//! shall not wait for an fsync. An idle lane sends at once; while a call is under way operations gather, and leave
//! together when it returns, or earlier if enough have gathered or the call turns out to be slow (one operation on a
//! partition in trouble must not hold up the others). A call costs as much CPU as ten operations, so this decides how
//! many operations a second two cores can do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use common::rpc::data::{DataOp, DataReply, DataRequest, DataServiceClient};
use common::rpc::{CallError, ErrorCode, Link, LinkOptions, WireError};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::options::ClientOptions;
use crate::retry::Outcome;

/// A call carries no more than this, in bytes; half the frame limit leaves room for what surrounds the payloads.
const CALL_BYTES_MAX: usize = common::rpc::FRAME_BYTES_MAX / 2;

/// So many operations must wait for each call under way before another is begun beside it.
const GATHER: usize = 16;
/// A call that takes longer is slow: it holds nobody up and does not count towards the limit.
const PATIENCE: Duration = Duration::from_millis(10);
/// Calls in flight, slow ones included.
const CALLS_MAX: usize = 64;

const QUEUED: u8 = 0;
const SENT: u8 = 1;
const ABANDONED: u8 = 2;

/// A replica server.
#[derive(Debug)]
pub(crate) struct Node {
    reads: Arc<Lane>,
    writes: Arc<Lane>,
    address: String,
}

#[derive(Debug)]
struct Lane {
    link: Link<DataServiceClient>,
    operations_per_call: usize,
    calls_max: usize,
    queue_max: usize,
    state: Mutex<LaneState>,
}

#[derive(Debug, Default)]
struct LaneState {
    queue: VecDeque<Pending>,
    /// Calls under way that are not slow.
    prompt: usize,
    /// Slow calls.
    slow: usize,
}

/// An operation that waits to be sent. Its stage is shared with the caller, so that a caller who gives up knows
/// whether it was.
#[derive(Debug)]
struct Pending {
    request: DataRequest,
    until: Instant,
    stage: Arc<AtomicU8>,
    answer: oneshot::Sender<Outcome>,
}

impl Pending {
    /// From here on it counts as sent. False if nobody waits for it any more.
    fn take(&self) -> bool {
        let taken = self.stage.compare_exchange(QUEUED, SENT, Ordering::AcqRel, Ordering::Acquire);
        taken.is_ok() && !self.answer.is_closed()
    }
}

impl Node {
    pub(crate) fn new(address: &str, options: &ClientOptions, link_options: Arc<LinkOptions>) -> Self {
        let lane = || {
            Arc::new(Lane {
                link: Link::new(address, link_options.clone()),
                operations_per_call: options.operations_per_call.max(1),
                calls_max: options.calls_in_flight.max(1),
                queue_max: options.queue_max,
                state: Mutex::default(),
            })
        };
        Self { reads: lane(), writes: lane(), address: address.to_owned() }
    }

    /// Makes one attempt, until `until`.
    pub(crate) async fn attempt(&self, request: DataRequest, until: Instant) -> Outcome {
        let lane = if request.op.is_write() { &self.writes } else { &self.reads };
        let stage = Arc::new(AtomicU8::new(QUEUED));
        let (answer, answered) = oneshot::channel();
        if !lane.push(Pending { request, until, stage: stage.clone(), answer }) {
            return Outcome::NotSent(self.too_many(lane.queue_max));
        }
        match tokio::time::timeout_at(until, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Lost(WireError::internal("the task that makes the call ended")),
            Err(_) => {
                let queued = stage.compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire).is_ok();
                if queued { Outcome::NotSent(self.timeout()) } else { Outcome::Lost(self.timeout()) }
            }
        }
    }

    fn too_many(&self, limit: usize) -> WireError {
        let what = format!("{limit} operations wait for {} already", self.address);
        WireError::new(ErrorCode::Busy, what, "send less at once")
    }

    fn timeout(&self) -> WireError {
        let what = format!("{} did not answer in time", self.address);
        WireError::new(ErrorCode::Timeout, what, "check that the server is not overloaded or stopped")
    }
}

impl Lane {
    fn push(self: &Arc<Self>, pending: Pending) -> bool {
        let mut state = self.state.lock();
        if state.queue.len() >= self.queue_max {
            return false;
        }
        state.queue.push_back(pending);
        self.begin_if_due(&mut state);
        true
    }

    fn begin_if_due(self: &Arc<Self>, state: &mut LaneState) {
        let room = state.prompt < self.calls_max && state.prompt + state.slow < CALLS_MAX;
        let due = state.prompt == 0 || state.queue.len() >= GATHER * state.prompt;
        if room && due && !state.queue.is_empty() {
            state.prompt += 1;
            tokio::spawn(self.clone().run());
        }
    }

    /// Makes calls until nothing waits.
    async fn run(self: Arc<Self>) {
        while let Some(batch) = self.next_batch() {
            let mut call = std::pin::pin!(self.send(batch));
            if tokio::time::timeout(PATIENCE, &mut call).await.is_err() {
                self.becomes_slow();
                call.await;
                self.was_slow();
            }
        }
    }

    fn becomes_slow(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.prompt -= 1;
        state.slow += 1;
        self.begin_if_due(&mut state);
    }

    fn was_slow(&self) {
        let mut state = self.state.lock();
        state.slow -= 1;
        state.prompt += 1;
    }

    fn next_batch(&self) -> Option<Vec<Pending>> {
        let mut state = self.state.lock();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.queue.front() {
            bytes += size(&next.request.op);
            if batch.len() == self.operations_per_call || (bytes > CALL_BYTES_MAX && !batch.is_empty()) {
                break;
            }
            batch.extend(state.queue.pop_front().filter(Pending::take));
        }
        if batch.is_empty() {
            state.prompt -= 1;
            return None;
        }
        Some(batch)
    }

    /// Sends a batch; one whose answer is too large for a frame is sent again in halves (only reads have such answers).
    async fn send(&self, batch: Vec<Pending>) {
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            match self.call(&batch).await {
                Ok(replies) => finish(batch, replies.into_iter().map(Outcome::Answered)),
                Err(CallError::Lost(error))
                    if error.code == ErrorCode::TooLarge && batch.len() > 1 && reads(&batch) =>
                {
                    let half = batch.split_off(batch.len() / 2);
                    batches.extend([half, batch]);
                }
                Err(CallError::Lost(error)) => finish(batch, std::iter::repeat_with(|| Outcome::Lost(error.clone()))),
                Err(CallError::NotSent(error)) => {
                    finish(batch, std::iter::repeat_with(|| Outcome::NotSent(error.clone())));
                }
            }
        }
    }

    async fn call(&self, batch: &[Pending]) -> Result<Vec<Result<DataReply, common::rpc::data::DataError>>, CallError> {
        let requests: Vec<DataRequest> = batch.iter().map(|p| p.request.clone()).collect();
        let until = batch.iter().map(|p| p.until).max().unwrap_or_else(Instant::now);
        let left = until.saturating_duration_since(Instant::now());
        let run = |client: DataServiceClient, context| async move { client.execute(context, requests).await };
        let replies = self.link.call(left, run).await?;
        if replies.len() == batch.len() {
            return Ok(replies);
        }
        let what = format!("{} answers to {} operations", replies.len(), batch.len());
        Err(CallError::Lost(WireError::internal(what)))
    }
}

fn reads(batch: &[Pending]) -> bool {
    batch.iter().all(|p| !p.request.op.is_write())
}

fn finish(batch: Vec<Pending>, outcomes: impl IntoIterator<Item = Outcome>) {
    for (pending, outcome) in batch.into_iter().zip(outcomes) {
        // A caller who went away needs no answer.
        let _ = pending.answer.send(outcome);
    }
}

/// About how many bytes an operation takes in a call.
fn size(op: &DataOp) -> usize {
    const AROUND: usize = 32;
    AROUND
        + match op {
            DataOp::Get { key } | DataOp::Ttl { key } | DataOp::Delete { key } | DataOp::Increment { key, .. } => {
                key.len()
            }
            DataOp::MultiGet { keys } => keys.iter().map(|k| k.len() + 4).sum(),
            DataOp::Scan { start, end, .. } | DataOp::Count { start, end, .. } => start.len() + end.len(),
            DataOp::Put { key, payload, .. } => key.len() + payload.len(),
            DataOp::MultiPut { records, .. } => records.iter().map(|(k, v)| k.len() + v.len() + 8).sum(),
            DataOp::CompareAndSet { key, expected, payload, .. } => {
                key.len() + expected.as_ref().map_or(0, |e| e.len()) + payload.as_ref().map_or(0, |p| p.len())
            }
        }
}
