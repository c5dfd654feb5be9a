//! The learner's side: asks the primary, and brings what it gives, in order.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::fault::{self, Point};
use common::fs::{ArrivingFile, Throttle};
use common::job::LearnKind;
use common::pool::Pool;
use common::rpc::peer::{LearnFile, LearnOffer, LearnRequest, PeerServiceClient};
use common::rpc::{ErrorCode, Link, WireError, WireResult};
use common::types::{Ballot, Decree, Gpid, Member, Mutation};
use futures::future::BoxFuture;

use super::install::learning_dir;

/// How long one call may take.
const CALL: Duration = Duration::from_secs(10);
/// A checkpoint is taken within the call that offers it.
const OFFER: Duration = Duration::from_secs(120);
/// Times that a broken piece is asked for again before the learn starts over.
const PIECE_TRIES: u32 = 8;

/// What to fetch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LearnOrder {
    /// The partition.
    pub(crate) gpid: Gpid,
    /// The learner's copy.
    pub(crate) me: Member,
    /// Whom to ask.
    pub(crate) primary: Member,
    /// Names the learn.
    pub(crate) ballot: Ballot,
    /// The first decree that is missing.
    pub(crate) from: Decree,
}

/// What was fetched; handed on in order.
pub(crate) enum Fetched {
    /// Committed mutations.
    Mutations(Vec<Arc<Mutation>>),
    /// A whole checkpoint, gathered in [`learning_dir`].
    Checkpoint,
}

/// Why a fetch ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// The primary cannot be asked, or said no.
    #[error("{0}")]
    Primary(#[from] WireError),
    /// The learner's own disk.
    #[error("cannot store the checkpoint: {0}")]
    Disk(#[from] std::io::Error),
    /// The replica went away.
    #[error("the replica was closed")]
    Closed,
}

/// Where what was fetched goes; false: the replica is gone.
pub(crate) type Deliver = Box<dyn Fn(Fetched) -> BoxFuture<'static, bool> + Send + Sync>;

/// Bytes that a learner was offered and fetched since it was opened; of the log it is offered what it fetches.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) offered: AtomicU64,
    pub(crate) fetched: AtomicU64,
}

/// Fetches for one replica.
pub(crate) struct Fetcher {
    pub(crate) order: LearnOrder,
    pub(crate) link: Link<PeerServiceClient>,
    /// The replica's live directory.
    pub(crate) dir: PathBuf,
    pub(crate) throttle: Throttle,
    /// The same, and behind it what all copies of the node share: for what is as large as a copy.
    pub(crate) copies: Throttle,
    pub(crate) progress: Arc<Progress>,
    /// What it writes is written here.
    pub(crate) pool: Arc<Pool>,
    pub(crate) deliver: Deliver,
}

impl Fetcher {
    /// Fetches everything that the primary had committed when it was asked. Says how.
    ///
    /// # Errors
    /// [`FetchError`]; what was delivered before it stays delivered.
    pub(crate) async fn run(&self) -> Result<LearnKind, FetchError> {
        match self.ask().await? {
            LearnOffer::Cache { mutations } => {
                self.hand(Fetched::Mutations(mutations)).await?;
                Ok(LearnKind::Cache)
            }
            LearnOffer::Log { session, until } => {
                let fetched = self.fetch_log(session, until).await;
                self.end(session).await;
                fetched.map(|()| LearnKind::Log)
            }
            LearnOffer::Checkpoint { session, files, .. } => {
                let fetched = self.fetch_checkpoint(session, &files).await;
                self.end(session).await;
                fetched?;
                self.hand(Fetched::Checkpoint).await?;
                Ok(LearnKind::Checkpoint)
            }
        }
    }

    async fn ask(&self) -> WireResult<LearnOffer> {
        let LearnOrder { gpid, me, primary, from, .. } = self.order;
        let request = LearnRequest { gpid, learner: me, primary, from };
        self.link.ask(OFFER, |client, context| async move { client.learn(context, request).await }).await
    }

    async fn end(&self, session: u64) {
        let _ = self.link.call(CALL, |client, context| async move { client.learn_end(context, session).await }).await;
    }

    async fn hand(&self, fetched: Fetched) -> Result<(), FetchError> {
        if let Fetched::Mutations(mutations) = &fetched {
            let bytes = mutations.iter().map(|mutation| mutation.size() as u64).sum();
            self.progress.offered.fetch_add(bytes, Ordering::Relaxed);
            self.progress.fetched.fetch_add(bytes, Ordering::Relaxed);
        }
        if (self.deliver)(fetched).await { Ok(()) } else { Err(FetchError::Closed) }
    }

    async fn fetch_log(&self, session: u64, until: Decree) -> Result<(), FetchError> {
        let mut next = self.order.from;
        while next <= until {
            let call =
                self.link.ask(CALL, |client, context| async move { client.learn_log(context, session, next).await });
            let mutations = call.await?;
            let Some(last) = mutations.last().map(|mutation| mutation.decree) else {
                return Err(
                    WireError::new(ErrorCode::NotReady, "the primary's log no longer has the records", "").into()
                );
            };
            self.throttle.take(mutations.iter().map(|mutation| mutation.size() as u64).sum()).await;
            next = last.next();
            self.hand(Fetched::Mutations(mutations)).await?;
        }
        Ok(())
    }

    async fn fetch_checkpoint(&self, session: u64, files: &[LearnFile]) -> Result<(), FetchError> {
        self.progress.offered.fetch_add(files.iter().map(|file| file.size).sum(), Ordering::Relaxed);
        let dir = learning_dir(&self.dir);
        let fresh = dir.clone();
        self.pool
            .run(move || {
                let _ = fs::remove_dir_all(&fresh);
                fs::create_dir_all(&fresh)
            })
            .await?;
        for (index, file) in (0_u32..).zip(files) {
            if Path::new(&file.name).components().count() != 1 || file.name.starts_with('.') {
                return Err(
                    WireError::new(ErrorCode::Corruption, format!("'{}' is no file name", file.name), "").into()
                );
            }
            self.fetch_file(session, index, file, &dir.join(&file.name)).await?;
        }
        Ok(())
    }

    /// The next piece is asked for while one is written.
    async fn fetch_file(&self, session: u64, index: u32, file: &LearnFile, path: &Path) -> Result<(), FetchError> {
        let place = path.to_owned();
        let mut out = self.pool.run(move || ArrivingFile::create(&place)).await?;
        let mut offset = 0;
        let mut piece = self.next_piece(session, index, file, offset).await?;
        while !piece.is_empty() {
            offset += piece.len() as u64;
            let (next, written) =
                tokio::join!(self.next_piece(session, index, file, offset), self.write(out, path, piece));
            (piece, out) = (next?, written?);
        }
        Ok(self.pool.run(move || out.finish()).await?)
    }

    async fn write(&self, mut out: ArrivingFile, path: &Path, piece: Bytes) -> io::Result<ArrivingFile> {
        let path = path.to_owned();
        self.pool
            .run(move || {
                fault::pass(Point::LearnChunk, &path)?;
                out.append(&piece).map(|()| out)
            })
            .await
    }

    /// The piece at `offset` once the limit lets it through; empty at the end of the file.
    async fn next_piece(&self, session: u64, index: u32, file: &LearnFile, offset: u64) -> Result<Bytes, FetchError> {
        if offset >= file.size {
            return Ok(Bytes::new());
        }
        let piece = self.fetch_piece(session, index, offset).await?;
        if piece.is_empty() {
            let message = format!("'{}' is shorter than offered", file.name);
            return Err(WireError::new(ErrorCode::Corruption, message, "").into());
        }
        self.copies.take(piece.len() as u64).await;
        self.progress.fetched.fetch_add(piece.len() as u64, Ordering::Relaxed);
        Ok(piece)
    }

    /// One piece. A broken connection or a damaged piece is asked for again: the session resumes where it was.
    async fn fetch_piece(&self, session: u64, file: u32, offset: u64) -> Result<Bytes, FetchError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let call = |client: PeerServiceClient, context| async move {
                client.learn_chunk(context, session, file, offset).await
            };
            let error = match self.link.call(CALL, call).await {
                Ok(Ok(chunk)) if crc32fast::hash(&chunk.data) == chunk.crc32 => return Ok(chunk.data),
                Ok(Ok(_)) => WireError::new(ErrorCode::Corruption, "a piece arrived damaged", ""),
                Ok(Err(refused)) => return Err(refused.into()),
                Err(error) => error.into(),
            };
            if tries == PIECE_TRIES {
                return Err(error.into());
            }
            tracing::info!(gpid = %self.order.gpid, %error, offset, "a piece of a checkpoint is asked for again");
            tokio::time::sleep(Duration::from_millis(50 << tries.min(6))).await;
        }
    }
}
