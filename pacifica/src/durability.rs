//! What is durable: appends are counted, and a decree is safe once the last append issued when it was reached is.

use std::collections::VecDeque;

use common::types::Decree;

use crate::event::AppendSeq;

/// Which appends were issued, and up to which they are durable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durability {
    issued: AppendSeq,
    durable: AppendSeq,
}

impl Durability {
    /// The number of the next append.
    pub(crate) fn issue(&mut self) -> AppendSeq {
        self.issued.0 += 1;
        self.issued
    }

    /// The last append issued.
    pub(crate) const fn issued(self) -> AppendSeq {
        self.issued
    }

    /// The last append that is durable.
    pub(crate) const fn durable(self) -> AppendSeq {
        self.durable
    }

    /// The log says that everything up to `seq` is durable.
    pub(crate) fn settle(&mut self, seq: AppendSeq) {
        self.durable = self.durable.max(seq.min(self.issued));
    }
}

/// The highest decree that is durable, found without a look at the records: all records up to a decree were appended
/// when it was reached, so it is durable once the append issued last at that moment is.
#[derive(Debug, Default)]
pub(crate) struct Watermark {
    reached: Decree,
    waiting: VecDeque<(AppendSeq, Decree)>,
}

impl Watermark {
    /// Notes that `decree` was reached with `seq` as the last append.
    pub(crate) fn note(&mut self, seq: AppendSeq, decree: Decree) {
        match self.waiting.back_mut() {
            Some(last) if last.0 == seq => last.1 = last.1.max(decree),
            Some(_) | None => self.waiting.push_back((seq, decree)),
        }
    }

    /// Moves on to what is durable now; whether anything was.
    pub(crate) fn settle(&mut self, durable: AppendSeq) -> bool {
        let before = self.reached;
        while let Some((seq, decree)) = self.waiting.front().copied() {
            if seq > durable {
                break;
            }
            self.reached = self.reached.max(decree);
            self.waiting.pop_front();
        }
        self.reached > before
    }

    /// The highest durable decree.
    pub(crate) const fn reached(&self) -> Decree {
        self.reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decree_is_durable_only_with_the_append_that_was_last_when_it_was_reached() {
        let mut mark = Watermark::default();
        mark.note(AppendSeq(2), Decree(5));
        mark.note(AppendSeq(2), Decree(6));
        mark.note(AppendSeq(3), Decree(7));
        assert!(!mark.settle(AppendSeq(1)));
        assert!(mark.settle(AppendSeq(2)));
        assert_eq!(mark.reached(), Decree(6));
        assert!(mark.settle(AppendSeq(9)));
        assert_eq!(mark.reached(), Decree(7));
    }

    #[test]
    fn the_log_cannot_settle_what_was_never_issued() {
        let mut durability = Durability::default();
        let seq = durability.issue();
        durability.settle(AppendSeq(99));
        assert_eq!(durability.durable(), seq);
    }
}
