//! What waits to be taken by a replica's task, and what becomes of it when the task ends.

use std::task::{Context, Poll};

use common::rpc::data::DataError;
use tokio::sync::mpsc;

use super::handle::Input;

/// Inputs taken in one turn.
const TURN: usize = 256;

/// The task's end of its queue.
pub(super) struct Inbox(mpsc::Receiver<Input>);

impl Inbox {
    /// Of the queue that a replica's handle fills.
    pub(super) const fn new(inputs: mpsc::Receiver<Input>) -> Self {
        Self(inputs)
    }

    /// Takes what there is, as much as one turn; how many that were. 0: nobody can tell it anything more.
    pub(super) fn poll_turn(&mut self, context: &mut Context<'_>, turn: &mut Vec<Input>) -> Poll<usize> {
        self.0.poll_recv_many(context, turn, TURN)
    }

    /// Takes no more. Writes that came behind the end were never looked at, `taken` for a turn or not: they have no decree,
    /// so they are refused, and not of unknown outcome (rule RETRY). Who waits for anything else hears that the task is
    /// gone.
    pub(super) async fn close(mut self, taken: impl Iterator<Item = Input>, refusal: &DataError) {
        self.0.close();
        taken.for_each(|input| refuse(input, refusal));
        while let Some(input) = self.0.recv().await {
            refuse(input, refusal);
        }
    }
}

fn refuse(input: Input, refusal: &DataError) {
    if let Input::Write(write) = input {
        write.refuse(refusal.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use common::rpc::data::{DataOp, DataReply};
    use common::types::Ballot;
    use tokio::sync::oneshot;

    use super::super::waiter::ClientWrite;
    use super::*;

    type Fate = oneshot::Receiver<Result<DataReply, DataError>>;

    fn write(to: &mpsc::Sender<Input>) -> Fate {
        let (answer, fate) = oneshot::channel();
        let op = DataOp::Delete { key: "k".into() };
        assert!(to.try_send(Input::Write(ClientWrite::Data(op, answer))).is_ok());
        fate
    }

    fn refusal() -> DataError {
        DataError::Redirect { primary: None, ballot: Ballot(7) }
    }

    #[tokio::test]
    async fn writes_that_came_behind_the_end_are_refused_and_not_of_unknown_outcome() {
        let (to, inputs) = mpsc::channel(2 * TURN);
        let mut inbox = Inbox::new(inputs);
        let fates: Vec<Fate> = (0..TURN + 10).map(|_| write(&to)).collect();
        let mut turn = Vec::new();
        assert_eq!(poll_fn(|context| inbox.poll_turn(context, &mut turn)).await, TURN);
        inbox.close(turn.drain(..), &refusal()).await;
        for fate in fates {
            assert_eq!(fate.await.unwrap(), Err(refusal()));
        }
    }

    #[tokio::test]
    async fn a_closed_inbox_takes_nothing_and_who_waits_for_another_answer_hears_that_nobody_is_there() {
        let (to, inputs) = mpsc::channel(4);
        let (taken, mark) = oneshot::channel();
        assert!(to.try_send(Input::Mark(taken)).is_ok());
        Inbox::new(inputs).close(std::iter::empty(), &refusal()).await;
        assert!(mark.await.is_err());
        assert!(to.is_closed());
    }
}
