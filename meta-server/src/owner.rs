//! The one thread that owns the state. Doors send it work and wait; what it decides is stored before it is in force,
//! and in force before anybody hears of it.

use std::sync::Arc;
use std::time::Duration;

use common::alarm::Alarm;
use common::clock::Clock;
use common::rpc::meta_admin::ClusterInfo;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Now;
use meta_state::policy::{Cure, GuardianOptions, Proposal, alarms, guardian};
use meta_state::{Cluster, Identity, Partition, Record};
use tokio::sync::{mpsc, oneshot, watch};

use crate::alarms::Told;
use crate::metrics::MetaMetrics;
use crate::push::{Outbox, pushes};
use crate::store::{CommitError, Ledger, LedgerError, MetaStore};

/// Work that waits for the owner; past it callers are told that the server is busy.
const QUEUE_MAX: usize = 4096;
/// The longest that a door waits for the owner.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What the owner needs.
#[derive(Debug)]
pub struct OwnerOptions {
    /// Where the state is kept.
    pub store: Arc<dyn MetaStore>,
    /// Time.
    pub clock: Clock,
    /// Settings of the guardian.
    pub guardian: GuardianOptions,
    /// What is measured.
    pub metrics: MetaMetrics,
    /// Where new configurations go.
    pub outbox: Outbox,
}

/// The owner's thread cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The first write failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Something is stored, but not whose it is.
    #[error("the metadata store has no cluster id: it is damaged or not of this program; restore it")]
    NoIdentity,
}

/// The owner of the state.
#[derive(Debug)]
pub struct Owner {
    cluster: Cluster,
    ledger: Ledger,
    options: OwnerOptions,
    changes: watch::Sender<u64>,
    told: Told,
    /// The store could not be read after a write without a known outcome.
    lost: bool,
}

type Work = Box<dyn FnOnce(&mut Owner) + Send>;

/// How doors reach the owner. The owner's thread ends when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: mpsc::Sender<Work>,
    changes: watch::Receiver<u64>,
}

impl Owner {
    /// Reads the state, or begins a new cluster in an empty store, and starts the owner's thread. The receiver ends
    /// when that thread has ended and the store is closed.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn start(options: OwnerOptions) -> Result<(Handle, oneshot::Receiver<()>), OpenError> {
        let mut owner = Self::open(options)?;
        let (alive, ended) = oneshot::channel();
        let (queue, mut work) = mpsc::channel::<Work>(QUEUE_MAX);
        let handle = Handle { queue, changes: owner.changes.subscribe() };
        std::thread::spawn(move || {
            while let Some(work) = work.blocking_recv() {
                work(&mut owner);
            }
            drop(owner);
            drop(alive);
        });
        Ok((handle, ended))
    }

    fn open(options: OwnerOptions) -> Result<Self, OpenError> {
        let (mut ledger, records) = Ledger::open(Arc::clone(&options.store))?;
        let started = options.clock.mono();
        let cluster = if records.is_empty() {
            let identity = Identity::new(uuid::Uuid::new_v4());
            ledger.commit(&[Record::Identity(identity)])?;
            tracing::info!(cluster = %identity.cluster, "a new cluster begins");
            Cluster::new(identity, started)
        } else {
            Cluster::load(records, started).ok_or(OpenError::NoIdentity)?
        };
        Ok(Self { cluster, ledger, options, changes: watch::channel(0).0, told: Told::default(), lost: false })
    }

    /// The state.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) const fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    pub(crate) fn now(&self) -> Now {
        self.options.clock.now()
    }

    pub(crate) const fn guardian_options(&self) -> GuardianOptions {
        self.options.guardian
    }

    /// What does not get well by itself.
    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        alarms(&self.cluster, self.options.guardian, self.now())
    }

    /// The cluster as operators see it.
    pub(crate) fn info(&self) -> ClusterInfo {
        self.info_with(&self.alarms())
    }

    fn info_with(&self, alarms: &[Alarm]) -> ClusterInfo {
        self.cluster.cluster_info(alarms, self.options.guardian, self.now().mono)
    }

    pub(crate) const fn metrics(&self) -> &MetaMetrics {
        &self.options.metrics
    }

    /// Stores records and puts them in force; when it answers `Ok`, they are.
    ///
    /// # Errors
    /// `NotReady`: nothing was written, decide again. `OutcomeUnknown`: the store cannot be read any more.
    pub fn commit(&mut self, records: Vec<Record>) -> WireResult<()> {
        if records.is_empty() {
            return Ok(());
        }
        let began = self.options.clock.mono();
        let written = self.ledger.commit(&records);
        let took = self.options.clock.mono().since(began);
        self.options.metrics.store_seconds.observe(took.as_secs_f64());
        match written {
            Ok(()) => self.put_in_force(records),
            Err(error) => self.find_out(error, &records)?,
        }
        Ok(())
    }

    fn put_in_force(&mut self, records: Vec<Record>) {
        let now = self.options.clock.mono();
        let mut pushes = pushes(&self.cluster, &records);
        for record in records {
            self.cluster.apply(record, now);
        }
        pushes.address(&self.cluster);
        self.options.outbox.send(pushes);
        self.changes.send_modify(|n| *n += 1);
    }

    // Rule META: an unknown outcome is read again before the next decision.
    fn find_out(&mut self, error: CommitError, records: &[Record]) -> WireResult<()> {
        tracing::error!(%error, "a write to the metadata store failed; reading it again");
        self.options.metrics.store_failures.inc();
        let mut pushes = pushes(&self.cluster, records);
        self.read_again()?;
        if self.ledger.holds(records) {
            pushes.address(&self.cluster);
            self.options.outbox.send(pushes);
            return Ok(());
        }
        Err(WireError::new(ErrorCode::NotReady, format!("nothing was changed: {error}"), "try again"))
    }

    fn read_again(&mut self) -> WireResult<()> {
        let started = self.options.clock.mono();
        let read = self.ledger.read_again().map_err(|e| e.to_string());
        let read = read.and_then(|records| Cluster::load(records, started).ok_or(OpenError::NoIdentity.to_string()));
        match read {
            Ok(mut cluster) => {
                std::mem::swap(&mut self.cluster, &mut cluster);
                self.cluster.keep_reports_of(cluster);
                self.lost = false;
                self.changes.send_modify(|n| *n += 1);
                Ok(())
            }
            Err(error) => {
                self.lost = true;
                Err(WireError::new(ErrorCode::OutcomeUnknown, error, "nothing is decided until the store can be read"))
            }
        }
    }

    fn ensure_known(&mut self) -> WireResult<()> {
        if self.lost { self.read_again() } else { Ok(()) }
    }

    /// The guardian's round; called several times a second.
    ///
    /// # Errors
    /// As [`Owner::commit`].
    pub fn tick(&mut self) -> WireResult<()> {
        let now = self.now();
        let proposals = guardian(&self.cluster, self.options.guardian, now);
        let accepted = proposals.iter().filter_map(|p| self.cluster.accept(p, now.wall_ms).map(|next| (p, next)));
        let accepted: Vec<_> = accepted.collect();
        for (proposal, next) in &accepted {
            tracing::info!(gpid = %proposal.gpid, ballot = %next.config.ballot, cure = ?proposal.cure, "cured");
        }
        self.options.metrics.cures.inc_by(accepted.len() as u64);
        let rebuilds = accepted.iter().filter_map(|(proposal, next)| self.rebuild(proposal, next, now));
        let rebuilds: Vec<Record> = rebuilds.collect();
        self.commit(accepted.into_iter().map(|(_, next)| next.into()).chain(rebuilds).collect())?;
        let alarms = self.alarms();
        self.told.tell(&alarms);
        self.options.metrics.show(&self.info_with(&alarms), &alarms);
        Ok(())
    }
}

impl Owner {
    fn rebuild(&self, proposal: &Proposal, next: &Partition, now: Now) -> Option<Record> {
        let Cure::Rebuild(on) = proposal.cure else { return None };
        self.cluster.rebuild(next, on, uuid::Uuid::new_v4(), now.wall_ms).map(Record::from)
    }
}

impl Handle {
    /// Has the owner do something, and waits for its answer. What was begun is finished even if the caller goes away.
    ///
    /// # Errors
    /// What `work` answers; `Busy` with too much in the queue, `Timeout`, `ShuttingDown`.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Owner) -> WireResult<T> + Send + 'static,
    ) -> WireResult<T> {
        let (reply, answer) = oneshot::channel();
        let job: Work = Box::new(move |owner| {
            let result = owner.ensure_known().and_then(|()| work(owner));
            // Nobody waits any more: the work is done all the same.
            let _ = reply.send(result);
        });
        self.queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => stopping(),
        })?;
        match tokio::time::timeout(ANSWER_MAX, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(WireError::new(
                ErrorCode::Timeout,
                format!("the meta server did not decide within {ANSWER_MAX:?}"),
                "look at the disk of its data_dir, then try again",
            )),
        }
    }

    /// Counts what was changed: wait on it instead of polling.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}

fn busy() -> WireError {
    WireError::new(ErrorCode::Busy, "too many requests wait for the meta server", "try again after a pause")
}

fn stopping() -> WireError {
    WireError::new(ErrorCode::ShuttingDown, "the meta server is stopping", "try again, or ask another meta server")
}
