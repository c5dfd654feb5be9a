//! How the log's thread tells a replica's task what became durable: two numbers and a wake-up, never a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use pacifica::AppendSeq;

use crate::log::{AppendSink, LogError};

/// Written by the log's thread, read by the replica's task.
#[derive(Debug, Default)]
pub(crate) struct DurableSignal {
    seq: AtomicU64,
    failed: AtomicBool,
    /// Something was written since the task looked.
    news: AtomicBool,
    task: AtomicWaker,
}

impl DurableSignal {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The last append known durable.
    pub(crate) fn seq(&self) -> AppendSeq {
        AppendSeq(self.seq.load(Ordering::Acquire))
    }

    /// Whether an append failed: true once, then false again.
    pub(crate) fn take_failed(&self) -> bool {
        self.failed.swap(false, Ordering::AcqRel)
    }

    /// Waits for news; ready once for all there is.
    pub(crate) fn poll_news(&self, context: &Context<'_>) -> Poll<()> {
        if self.news.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.task.register(context.waker());
        // What came before the registration woke nobody.
        if self.news.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn tell(&self) {
        self.news.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl AppendSink for DurableSignal {
    fn durable(&self, seq: AppendSeq) {
        self.seq.fetch_max(seq.0, Ordering::Release);
        self.tell();
    }

    fn failed(&self, error: &LogError) {
        tracing::error!(%error, "a log append failed");
        self.failed.store(true, Ordering::Release);
        self.tell();
    }
}
