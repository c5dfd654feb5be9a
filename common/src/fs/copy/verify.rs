//! The last stage: reads what is durable back and compares. It follows the sync stage range by range, so that the copy
//! of a large file does not wait for its own verification at the end, and what it reads comes from the disk.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::super::direct::{Buffer, DirectFile, PIECE_BYTES};
use super::Copied;
use super::error::{CopyError, Doing};
use super::sync::Order;
use crate::clock::Clock;
use crate::fault::{self, Point};

/// What verification took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Bytes read back.
    pub bytes: u64,
    /// Time spent on it, much of it beside the copying.
    pub time: Duration,
}

/// What ends at the verifier, and what begins there.
pub(super) struct Verifier<'a, 'c> {
    pub(super) cancel: &'c CancellationToken,
    pub(super) durable: Receiver<Order<'a>>,
    pub(super) done: SyncSender<(usize, Copied)>,
}

/// The file that is being read back.
struct Reading {
    file: DirectFile,
    crc: crc32fast::Hasher,
    at: u64,
}

impl Verifier<'_, '_> {
    /// Reads everything back.
    pub(super) fn run(self) -> Result<Verified, CopyError> {
        let (mut verified, mut buffer, mut open) = (Verified::default(), Buffer::new(), None);
        for order in &self.durable {
            let began = Clock::System.mono();
            let mut reading = match open.take() {
                Some(reading) => reading,
                None => Reading::open(&order)?,
            };
            verified.bytes += self.read(&order, &mut reading, &mut buffer)?;
            verified.time += Clock::System.mono().since(began);
            match order.whole {
                None => open = Some(reading),
                Some(whole) => {
                    reading.compare(&order, whole)?;
                    // Whoever listens no longer has stopped the copy.
                    let _ = self.done.send((order.index, whole));
                }
            }
        }
        Ok(verified)
    }

    fn read(&self, order: &Order<'_>, reading: &mut Reading, buffer: &mut Buffer) -> Result<u64, CopyError> {
        let (from, failed) = (reading.at, CopyError::io(Doing::ReadingBack, &order.file.target));
        fault::pass(Point::MoveVerify, &order.file.target).map_err(&failed)?;
        while reading.at < order.until {
            if self.cancel.is_cancelled() {
                return Err(CopyError::Cancelled);
            }
            if !reading.piece(order.until, buffer).map_err(&failed)? {
                break; // shorter than it should be: the comparison says so
            }
        }
        Ok(reading.at - from)
    }
}

impl Reading {
    fn open(order: &Order<'_>) -> Result<Self, CopyError> {
        let path = &order.file.target;
        let file = DirectFile::open_to_read(path).map_err(CopyError::io(Doing::ReadingBack, path))?;
        Ok(Self { file, crc: crc32fast::Hasher::new(), at: 0 })
    }

    /// False: the file ends before `until`.
    fn piece(&mut self, until: u64, buffer: &mut Buffer) -> io::Result<bool> {
        let wanted = usize::try_from(until - self.at).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let len = self.file.read_at(self.at, wanted, buffer)?;
        self.crc.update(buffer.bytes(len));
        self.at += len as u64;
        Ok(len > 0)
    }

    fn compare(self, order: &Order<'_>, whole: Copied) -> Result<(), CopyError> {
        let path = &order.file.target;
        let size = self.file.file.metadata().map_err(CopyError::io(Doing::ReadingBack, path))?.len();
        let found = self.crc.finalize();
        if size == whole.size && self.at == size && found == whole.crc32 {
            return Ok(());
        }
        Err(CopyError::Differs { path: path.clone(), expected: whole.crc32, found })
    }
}
