//! The replies of one connection, in the order of its requests.

use std::collections::VecDeque;

use bytes::BytesMut;
use common::rpc::data::DataError;
use resp::{Reply, Version};

use super::data::{Writing, outcome};

/// Replies that are known, encoded, and behind them requests that are not answered yet.
#[derive(Default)]
pub(super) struct Replies {
    pub(super) output: BytesMut,
    waiting: VecDeque<Waiting>,
    severed: bool,
}

enum Waiting {
    Known(Reply),
    Write(u16, Writing),
}

impl Replies {
    /// The reply to the next request.
    pub(super) fn answer(&mut self, reply: Reply, version: Version) {
        if self.severed {
            return;
        }
        if self.waiting.is_empty() {
            reply.encode(version, &mut self.output);
        } else {
            self.waiting.push_back(Waiting::Known(reply));
        }
    }

    /// The next request is a write on its way, of this slot.
    pub(super) fn await_write(&mut self, slot: u16, writing: Writing) {
        self.waiting.push_back(Waiting::Write(slot, writing));
    }

    /// Requests that are not answered yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The fate of a write is not known: a client knows that by a connection that ends, and nothing that comes later may be
    /// told in its place.
    pub(super) const fn is_severed(&self) -> bool {
        self.severed
    }

    /// Waits until every request so far is answered. `refusal` is what a client is told of a write that was surely not done.
    pub(super) async fn settle(&mut self, version: Version, refusal: impl Fn(u16, DataError) -> Reply) {
        while let Some(waiting) = self.waiting.pop_front() {
            let reply = match waiting {
                Waiting::Known(reply) => reply,
                Waiting::Write(slot, writing) => match outcome(writing, |error| refusal(slot, error)).await {
                    Some(reply) => reply,
                    None => return self.sever(),
                },
            };
            reply.encode(version, &mut self.output);
        }
    }

    fn sever(&mut self) {
        self.severed = true;
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const V2: Version = Version::Resp2;

    fn refused(slot: u16, _: DataError) -> Reply {
        Reply::error(format!("MOVED {slot}"))
    }

    fn write(replies: &mut Replies, fate: Option<Result<Reply, DataError>>) {
        let (to, writing) = oneshot::channel();
        replies.await_write(7, writing);
        if let Some(fate) = fate {
            to.send(fate).unwrap();
        }
    }

    #[tokio::test]
    async fn replies_come_in_the_order_of_requests() {
        let mut replies = Replies::default();
        replies.answer(Reply::Integer(1), V2);
        write(&mut replies, Some(Ok(Reply::Integer(2))));
        replies.answer(Reply::Integer(3), V2);
        write(&mut replies, Some(Err(DataError::Redirect { primary: None, ballot: common::types::Ballot(1) })));
        replies.settle(V2, refused).await;
        replies.answer(Reply::Integer(5), V2);
        assert_eq!(&replies.output[..], b":1\r\n:2\r\n:3\r\n-MOVED 7\r\n:5\r\n");
    }

    #[tokio::test]
    async fn nothing_is_told_in_the_place_of_a_write_of_unknown_fate() {
        for unknown in [None, Some(Err(DataError::OutcomeUnknown))] {
            let mut replies = Replies::default();
            write(&mut replies, Some(Ok(Reply::Integer(1))));
            write(&mut replies, unknown);
            write(&mut replies, Some(Ok(Reply::Integer(3))));
            replies.settle(V2, refused).await;
            replies.answer(Reply::Integer(4), V2);
            assert!(replies.is_severed());
            assert_eq!(&replies.output[..], b":1\r\n");
        }
    }
}
