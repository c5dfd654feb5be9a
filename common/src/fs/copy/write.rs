//! The second stage, on the caller's own thread: throttle, checksum and write; and what is done is told from here.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use super::super::direct::{Buffer, DirectFile};
use super::error::{CopyError, Doing};
use super::read::Piece;
use super::sync::Order;
use super::{Copied, CopyContext};
use crate::fault::{self, Point};

/// A limited copy makes so much durable at a time: where writes are not direct, an fsync of the log on the same disk then
/// waits behind little.
const LIMITED_SYNC_BYTES: u64 = 4 << 20;
/// The same for an unlimited copy, for which only its own throughput matters.
const UNLIMITED_SYNC_BYTES: u64 = 32 << 20;

/// What ends at the writer, and what begins there.
pub(super) struct Writer<'a, 'c> {
    pub(super) context: &'c CopyContext<'c>,
    pub(super) pieces: Receiver<Piece<'a>>,
    pub(super) empty: SyncSender<Buffer>,
    pub(super) orders: SyncSender<Order<'a>>,
    /// Files that were read back equal.
    pub(super) done: Receiver<(usize, Copied)>,
}

/// The file that is being written.
struct Target {
    file: Arc<DirectFile>,
    crc: crc32fast::Hasher,
    size: u64,
    unsynced: u64,
}

impl<'a> Writer<'a, '_> {
    /// Writes all pieces, then waits for what is still being made durable and read back. Writes no more, and ends well,
    /// if another stage ended: that one says why.
    pub(super) fn run<E: From<CopyError>>(
        self,
        done: &mut impl FnMut(usize, Copied) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut open = None;
        for piece in &self.pieces {
            if !self.tell_done(done)? || !self.piece(piece, &mut open)? {
                break;
            }
        }
        drop(self.orders);
        self.done.iter().try_for_each(|(index, copied)| done(index, copied))
    }

    /// False: the last stage has ended.
    fn tell_done<E>(&self, done: &mut impl FnMut(usize, Copied) -> Result<(), E>) -> Result<bool, E> {
        loop {
            match self.done.try_recv() {
                Ok((index, copied)) => done(index, copied)?,
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    /// False: nobody makes durable any more what is written.
    fn piece(&self, mut piece: Piece<'a>, open: &mut Option<Target>) -> Result<bool, CopyError> {
        let mut target = match open.take() {
            Some(target) => target,
            None => Target::create(&piece)?,
        };
        self.write(&mut piece, &mut target)?;
        let (index, file, is_last) = (piece.index, piece.file, piece.is_last);
        // The reader may have read everything by now.
        let _ = self.empty.try_send(piece.buffer);
        let mut goes_on = true;
        if is_last || target.unsynced >= self.sync_bytes() {
            target.unsynced = 0;
            let whole = is_last.then(|| target.whole());
            let order = Order { index, file, handle: Arc::clone(&target.file), until: target.size, whole };
            goes_on = self.orders.send(order).is_ok();
        }
        *open = (!is_last).then_some(target);
        Ok(goes_on)
    }

    fn write(&self, piece: &mut Piece<'_>, target: &mut Target) -> Result<(), CopyError> {
        let (count, path) = (piece.len as u64, &piece.file.target);
        if count == 0 {
            return Ok(());
        }
        self.context.throttle.take_blocking(count, self.context.cancel).map_err(|_| CopyError::Cancelled)?;
        target.crc.update(piece.buffer.bytes(piece.len));
        let written = fault::pass(Point::MoveCopy, path)
            .and_then(|()| target.file.append(&mut piece.buffer, piece.len, target.size));
        written.map_err(CopyError::io(Doing::Writing, path))?;
        (target.size, target.unsynced) = (target.size + count, target.unsynced + count);
        (self.context.progress)(count);
        Ok(())
    }

    fn sync_bytes(&self) -> u64 {
        if self.context.throttle.rate() == 0 { UNLIMITED_SYNC_BYTES } else { LIMITED_SYNC_BYTES }
    }
}

impl Target {
    fn create(piece: &Piece<'_>) -> Result<Self, CopyError> {
        let path = &piece.file.target;
        let file = DirectFile::create(path).map_err(CopyError::io(Doing::Writing, path))?;
        Ok(Self { file: Arc::new(file), crc: crc32fast::Hasher::new(), size: 0, unsynced: 0 })
    }

    fn whole(&self) -> Copied {
        Copied { size: self.size, crc32: self.crc.clone().finalize() }
    }
}
