//! Client writes that wait for a mutation, grouped as they will travel, so that the decree of each is known on arrival.

use std::collections::VecDeque;

use common::types::{Writes, WritesBuilder};

use crate::event::Token;
use crate::options::Options;

/// The queue may hold so many full batches of bytes; past it writes are refused as busy.
const QUEUED_BATCHES_BYTES_MAX: usize = 8;

/// Writes that will be one mutation.
#[derive(Debug, Default)]
struct Batch {
    tokens: Vec<Token>,
    /// A write that is alone travels as the bytes it came in.
    alone: Option<Writes>,
    builder: WritesBuilder,
    bytes: usize,
}

impl Batch {
    /// Full batches take no more. The last write may overshoot the limit: then the decree of a write does not depend
    /// on its size, which its caller does not have when it asks.
    fn is_full(&self, options: &Options) -> bool {
        self.tokens.len() >= options.batch_writes || self.bytes >= options.batch_bytes
    }

    fn push(&mut self, token: Token, writes: Writes) {
        self.bytes += writes.as_bytes().len();
        if self.tokens.is_empty() {
            self.alone = Some(writes);
        } else {
            if let Some(first) = self.alone.take() {
                self.builder.extend(&first);
            }
            self.builder.extend(&writes);
        }
        self.tokens.push(token);
    }

    fn finish(mut self) -> (Vec<Token>, Writes) {
        let writes = self.alone.take().unwrap_or_else(|| self.builder.finish());
        (self.tokens, writes)
    }
}

/// The queue of batches; only the last one takes writes.
#[derive(Debug, Default)]
pub(crate) struct BatchQueue {
    batches: VecDeque<Batch>,
    writes: usize,
    bytes: usize,
}

impl BatchQueue {
    /// Writes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.writes
    }

    /// Whether the queue takes another write.
    pub(crate) const fn has_room(&self, options: &Options) -> bool {
        self.writes < options.queue_writes && self.bytes < options.batch_bytes.saturating_mul(QUEUED_BATCHES_BYTES_MAX)
    }

    /// How many mutations will go before the one that a write pushed now belongs to.
    pub(crate) fn ahead(&self, options: &Options) -> u64 {
        let joins_last = self.batches.back().is_some_and(|last| !last.is_full(options));
        self.batches.len() as u64 - u64::from(joins_last)
    }

    /// Queues a write.
    pub(crate) fn push(&mut self, options: &Options, token: Token, writes: Writes) {
        self.writes += 1;
        self.bytes += writes.as_bytes().len();
        if self.batches.back().is_none_or(|last| last.is_full(options)) {
            self.batches.push_back(Batch::default());
        }
        if let Some(last) = self.batches.back_mut() {
            last.push(token, writes);
        }
    }

    /// Whether the next batch is full, or a later one waits behind it; `None` if nothing waits.
    pub(crate) fn next_is_full(&self, options: &Options) -> Option<bool> {
        self.batches.front().map(|batch| self.batches.len() > 1 || batch.is_full(options))
    }

    /// Takes the next batch.
    pub(crate) fn pop(&mut self) -> Option<(Vec<Token>, Writes)> {
        let batch = self.batches.pop_front()?;
        self.writes -= batch.tokens.len();
        self.bytes -= batch.bytes;
        Some(batch.finish())
    }

    /// Gives everything up; the tokens are to be refused.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Token> {
        let queue = std::mem::take(self);
        queue.batches.into_iter().flat_map(|batch| batch.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(bytes: usize) -> Writes {
        WritesBuilder::default().put(b"k", &vec![0; bytes]).finish()
    }

    fn options(writes: usize, bytes: usize) -> Options {
        Options { batch_writes: writes, batch_bytes: bytes, queue_writes: 5, ..Options::default() }
    }

    #[test]
    fn a_batch_takes_writes_until_it_is_full() {
        let (options, mut queue) = (options(2, 1000), BatchQueue::default());
        for token in 0..3 {
            assert_eq!(queue.ahead(&options), token / 2, "the batch of a write is known before it is pushed");
            queue.push(&options, Token(token), writes(1));
        }
        let (tokens, both) = queue.pop().unwrap();
        assert_eq!((tokens, both.len()), (vec![Token(0), Token(1)], 2));
        assert_eq!(queue.next_is_full(&options), Some(false));
        assert_eq!(queue.pop().unwrap().0, vec![Token(2)]);
        assert_eq!((queue.len(), queue.next_is_full(&options)), (0, None));
    }

    #[test]
    fn a_batch_is_full_by_bytes_too() {
        let (options, mut queue) = (options(10, 100), BatchQueue::default());
        queue.push(&options, Token(1), writes(200));
        assert_eq!((queue.ahead(&options), queue.next_is_full(&options)), (1, Some(true)));
    }

    #[test]
    fn the_queue_is_bounded() {
        let (options, mut queue) = (options(1, 1000), BatchQueue::default());
        for token in 0..5 {
            assert!(queue.has_room(&options));
            queue.push(&options, Token(token), writes(1));
        }
        assert!(!queue.has_room(&options));
        assert_eq!(queue.drain().count(), 5);
        assert!(queue.has_room(&options));
    }
}
