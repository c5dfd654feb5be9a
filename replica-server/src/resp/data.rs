//! Commands on keys: reads from the storage under the primary's lease, writes by the partition's task.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use common::rpc::data::DataError;
use common::rpc::{ErrorCode, WireError, WireResult};
use redis_data::{Command, Context, Missing, Parsed, View};
use resp::{Reply, Version};
use tokio::sync::oneshot;

use super::door::Door;
use super::view::{Glance, Still};
use crate::replica::Replica;
use crate::replica::redis::RedisWrite;
use crate::storage::{Reach, Storage};

/// A write on its way.
pub(super) type Writing = oneshot::Receiver<Result<Reply, DataError>>;

/// What a client is told of a write once its fate is known; `None`: nobody can tell whether it was done. `refusal` is for
/// one that was surely not done.
pub(super) async fn outcome(writing: Writing, refusal: impl FnOnce(DataError) -> Reply) -> Option<Reply> {
    match writing.await {
        Ok(Ok(reply)) => Some(reply),
        // A task that went away without answering knows nothing of the write's fate.
        Ok(Err(DataError::OutcomeUnknown)) | Err(_) => None,
        Ok(Err(error)) => Some(refusal(error)),
    }
}

impl Door {
    /// Hands a write to its partition; waits for nothing but a partition that is between two primaries.
    ///
    /// # Errors
    /// The answer: the slot is served elsewhere or nowhere, or the arguments are wrong.
    pub(super) async fn write(&self, slot: u16, arguments: &[Bytes], protocol: Version) -> Result<Writing, Reply> {
        let replica = self.place(slot).await?;
        let command = command(arguments)?;
        let value_bytes_max = self.parameters.value_bytes_max();
        let write = RedisWrite { slot, command, protocol, value_bytes_max };
        replica.redis(write).map_err(|error| self.refusal(slot, error))
    }

    /// What a client is told of a write that was surely not done.
    pub(super) fn refusal(&self, slot: u16, error: DataError) -> Reply {
        match error {
            DataError::Redirect { .. } => self.redirection(slot),
            DataError::Refused(error) | DataError::RetryLater(error) => told(&error),
            // Never asked for ([`outcome`]); whoever hears it must not try again by himself.
            DataError::OutcomeUnknown => Reply::error("ERR nobody knows whether the write was done"),
        }
    }

    /// Answers a read. The lease is checked before and after it, against the clock itself (rule LEASES).
    pub(super) async fn read(&self, slot: u16, arguments: &[Bytes], protocol: Version) -> Reply {
        loop {
            let replica = match self.place(slot).await {
                Ok(replica) => replica,
                Err(reply) => return reply,
            };
            let command = match command(arguments) {
                Ok(command) => command,
                Err(reply) => return reply,
            };
            if let Some(reply) = self.read_here(&replica, command, protocol, looks_once(arguments)).await {
                return reply;
            }
        }
    }

    /// `None`: this node no longer leads the partition.
    async fn read_here(&self, replica: &Replica, command: Command, protocol: Version, once: bool) -> Option<Reply> {
        let since = self.node.clock.mono();
        let storage = replica.storage().filter(|_| replica.may_read(since))?;
        let context = self.context(&storage, protocol);
        let reply = evaluated(storage, command, context, once).await.unwrap_or_else(|error| told(&error));
        let now = self.node.clock.mono();
        if !replica.may_read(now) {
            return None;
        }
        self.node.meters.read(since, now);
        Some(reply)
    }

    /// What an evaluation of this request is told of the world.
    pub(super) fn context(&self, storage: &Storage, protocol: Version) -> Context {
        Context {
            now_ms: self.node.clock.wall_ms().max(storage.applied().time_ms),
            unique: 0,
            seed: self.seed.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed),
            protocol,
            value_bytes_max: self.parameters.value_bytes_max(),
        }
    }
}

/// The reply to a read, from memory or else from the disk. `once`: see [`looks_once`].
///
/// # Errors
/// What the storage failed with.
pub(super) async fn evaluated(storage: Storage, command: Command, context: Context, once: bool) -> WireResult<Reply> {
    if let Some(known) = at_hand(&storage, &command, &context, once) {
        return known;
    }
    crate::replica::blocking(move || {
        still(&storage, Reach::Disk, context.now_ms, |view| command.evaluate(view, &context))
    })
    .await
    .map(|evaluation| evaluation.reply)
}

/// The reply, if memory gives it: on the runtime thread.
fn at_hand(storage: &Storage, command: &Command, context: &Context, once: bool) -> Option<WireResult<Reply>> {
    if once {
        let mut glance = Glance::new(storage);
        let evaluated = command.evaluate(&mut glance, context).ok().map(|evaluation| Ok(evaluation.reply));
        let known = evaluated.or_else(|| glance.failed.take().map(Err));
        if known.is_some() || !glance.scans {
            return known;
        }
    }
    match still(storage, Reach::Memory, context.now_ms, |view| command.evaluate(view, context)) {
        Ok(evaluation) => Some(Ok(evaluation.reply)),
        Err(error) if error.code == ErrorCode::NotReady => None,
        Err(error) => Some(Err(error)),
    }
}

/// Evaluates at one moment of the storage.
///
/// # Errors
/// What the storage failed with; `NotReady` if it does not reach far enough.
pub(super) fn still<T>(
    storage: &Storage,
    reach: Reach,
    now_ms: u64,
    evaluate: impl FnOnce(&mut dyn View) -> Result<T, Missing>,
) -> Result<T, WireError> {
    let missing = || WireError::new(ErrorCode::NotReady, "not in memory", "");
    let read = storage.moment(reach, |moment| {
        let mut view = Still::new(moment, reach, now_ms);
        evaluate(&mut view).map_err(|Missing| view.failed.unwrap_or_else(missing))
    });
    read.map_err(|error| error.to_wire())?
}

/// Whether a command looks at the storage once, or at a hash's head and then at one field, which that head leads to whatever
/// happens in between: it needs no moment of its own, which would cost as much as the read.
pub(super) fn looks_once(arguments: &[Bytes]) -> bool {
    let field =
        |name: &Bytes| [&b"HGET"[..], b"HEXISTS", b"HSTRLEN"].iter().any(|known| name.eq_ignore_ascii_case(known));
    match arguments {
        [_, _] => true,
        [name, _, _] => field(name),
        _ => false,
    }
}

/// The command of a request whose name and number of arguments are right.
pub(super) fn command(arguments: &[Bytes]) -> Result<Command, Reply> {
    match redis_data::parse(arguments)? {
        Parsed::Command(command) => Ok(command),
        Parsed::Keyspace(_) => Err(Reply::error("ERR the command has no keys")),
    }
}

/// An error of the server, for a client.
pub(super) fn told(error: &WireError) -> Reply {
    let text = if error.hint.is_empty() { error.message.clone() } else { format!("{}: {}", error.message, error.hint) };
    // Otherwise nothing was done, and it may be different in a moment.
    let lasts = matches!(
        error.code,
        ErrorCode::TooLarge
            | ErrorCode::InvalidArgument
            | ErrorCode::Internal
            | ErrorCode::Corruption
            | ErrorCode::DiskSpaceInsufficient
            | ErrorCode::DiskIoError
    );
    let code = if lasts { "ERR" } else { "TRYAGAIN" };
    Reply::error(format!("{code} {text}"))
}
