//! The third stage: makes what was written durable while the writer goes on.
//!
//! There is one call at a time and one order waiting, so the writer is never far ahead of the disk. That matters where
//! writes are not direct: there what is dirty is bounded by three times what an order covers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use super::super::direct::DirectFile;
use super::error::{CopyError, Doing};
use super::{Copied, FileCopy};
use crate::clock::Clock;
use crate::fault::{self, Point};
use crate::types::Time;

/// A file is to be durable up to somewhere.
pub(super) struct Order<'a> {
    /// Which file, in order.
    pub(super) index: usize,
    pub(super) file: &'a FileCopy,
    pub(super) handle: Arc<DirectFile>,
    /// Bytes from the beginning of the file.
    pub(super) until: u64,
    /// What the whole file is, if it ends there.
    pub(super) whole: Option<Copied>,
}

/// Makes all of it durable, in order. Returns when the last of it was.
pub(super) fn run<'a>(orders: Receiver<Order<'a>>, durable: SyncSender<Order<'a>>) -> Result<Time, CopyError> {
    for order in orders {
        let path = &order.file.target;
        let synced = fault::pass(Point::MoveSync, path).and_then(|()| match order.whole {
            Some(_) => order.handle.file.sync_all(),
            None => order.handle.file.sync_data(),
        });
        synced.map_err(CopyError::io(Doing::Syncing, path))?;
        if durable.send(order).is_err() {
            break;
        }
    }
    Ok(Clock::System.mono())
}
