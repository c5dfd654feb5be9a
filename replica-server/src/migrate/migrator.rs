//! The node's moves: requests are validated and stored, wait in order for their slots, and run on threads of their own.

use std::sync::Arc;

use common::clock::Clock;
use common::job::{Job, JobKind, JobOutcome, JobState};
use common::rpc::node_admin::DiskMigrate;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;
use parking_lot::Mutex;
use replica_state::migrate::{DiskFacts, MoveFacts, MoveRequest, ReplicaFacts, RunningMove, Waiting, admit, validate};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::driver::Driver;
use super::host::{MoveHost, MovingReplica};
use super::job_cell::JobCell;
use super::job_store::{CreateError, JobStore};
use super::options::MigrateOptions;
use super::window::Window;
use crate::disk::DiskManager;

/// The node's moves.
pub struct Migrator<H> {
    host: Arc<H>,
    disks: Arc<DiskManager>,
    options: Arc<MigrateOptions>,
    clock: Clock,
    store: JobStore,
    /// Jobs that have a thread.
    running: watch::Sender<Vec<Uuid>>,
    /// Held while slots are given out.
    admitting: Mutex<()>,
    stop: CancellationToken,
}

impl<H: MoveHost> Migrator<H> {
    /// Reads the jobs. Unfinished ones go on with [`Self::resume`]. Blocks.
    ///
    /// # Errors
    /// If the home directory cannot be made or read.
    pub fn open(
        options: MigrateOptions,
        host: Arc<H>,
        disks: Arc<DiskManager>,
        clock: Clock,
    ) -> std::io::Result<Arc<Self>> {
        let store = JobStore::open(&options.home)?;
        for cell in store.all().iter().filter(|cell| cell.job().is_running()) {
            disks.hold(cell.job().subject);
        }
        let (options, running, stop) = (Arc::new(options), watch::Sender::default(), CancellationToken::new());
        let admitting = Mutex::default();
        Ok(Arc::new(Self { host, disks, options, clock, store, running, admitting, stop }))
    }

    /// Lets the jobs that a former process left unfinished go on. Called once, in the runtime, when the replicas are
    /// loaded.
    pub fn resume(self: &Arc<Self>) {
        self.begin_what_may();
    }

    /// Stops all jobs where they stand; they go on after the next start.
    pub fn stop(&self) {
        self.stop.cancel();
        for cell in self.store.all() {
            cell.cancel.cancel(); // ends a copy in the middle of a file
        }
    }

    /// Waits until no job runs: after [`Self::stop`], or because all have ended.
    pub async fn stopped(&self) {
        let _ = self.running.subscribe().wait_for(Vec::is_empty).await;
    }

    /// Accepts a move: validated, durable, queued.
    ///
    /// # Errors
    /// What is wrong with the request, with a hint.
    pub async fn submit(self: &Arc<Self>, request: DiskMigrate) -> WireResult<Job> {
        let replica = self.host.replica(request.gpid).await;
        let this = Arc::clone(self);
        let peer = self.host.peer();
        let accepted = tokio::task::spawn_blocking(move || {
            let job = this.accept(&request, replica.as_ref(), peer)?;
            this.store.create(job).map_err(|error| this.not_created(request.gpid, error))
        });
        let cell = accepted.await.map_err(WireError::internal)??;
        self.begin_what_may();
        Ok(cell.job())
    }

    /// All jobs, oldest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job> {
        self.store.all().iter().map(|cell| cell.job()).collect()
    }

    /// The settings of moves.
    #[must_use]
    pub fn options(&self) -> &MigrateOptions {
        &self.options
    }

    /// The jobs that have not ended and come from a disk or go to it.
    #[must_use]
    pub fn concerning(&self, disk: &str) -> Vec<Uuid> {
        let open = self.jobs().into_iter().filter(Job::is_running);
        open.filter(|job| job.source == disk || job.target == disk).map(|job| job.id).collect()
    }

    /// A job.
    #[must_use]
    pub fn job(&self, id: Uuid) -> Option<Job> {
        self.store.get(id).map(|cell| cell.job())
    }

    /// Rises with every change of any job, progress included.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.store.changes()
    }

    /// Stops a job that can still turn back. Blocks.
    ///
    /// # Errors
    /// An unknown job, one that is over, or one past the point of no return.
    pub fn cancel(self: &Arc<Self>, id: Uuid) -> WireResult<()> {
        let cell = self.store.get(id).ok_or_else(|| unknown(id))?;
        if cell.cancel().map_err(WireError::internal)? {
            return self.end_if_waiting(&cell).map_err(WireError::internal);
        }
        let job = cell.job();
        let message = format!("job {id} is {} and cannot be cancelled any more", job.state);
        Err(WireError::new(ErrorCode::InvalidArgument, message, "a job can be cancelled until it is CLOSED"))
    }

    /// A job that never began has no driver to end it.
    fn end_if_waiting(self: &Arc<Self>, cell: &JobCell) -> std::io::Result<()> {
        let _turn = self.admitting.lock();
        let waits = cell.job().started_at_ms.is_none() && !self.running.borrow().contains(&cell.id());
        if waits {
            cell.save(|record| record.job.finish(JobOutcome::Cancelled, None, self.clock.wall_ms()))?;
            self.disks.release(cell.job().subject);
        }
        Ok(())
    }

    /// Changes the rate limit of a job while it runs; 0: none. Blocks.
    ///
    /// # Errors
    /// An unknown job, or one that cannot be stored.
    pub fn set_rate(&self, id: Uuid, max_rate_bytes_per_s: u64) -> WireResult<()> {
        let cell = self.store.get(id).ok_or_else(|| unknown(id))?;
        cell.throttle.set_rate(max_rate_bytes_per_s);
        cell.save(|record| record.job.max_rate_bytes_per_s = max_rate_bytes_per_s).map_err(WireError::internal)
    }

    fn accept(
        &self,
        request: &DiskMigrate,
        replica: Option<&MovingReplica>,
        peer: common::types::PeerId,
    ) -> WireResult<Job> {
        let DiskMigrate { gpid, source, target, demote, .. } = request.clone();
        let facts = self.facts(gpid, replica)?;
        validate(&MoveRequest { gpid, source: source.clone(), target: target.clone(), demote }, &facts)?;
        let (id, now_ms) = (Uuid::new_v4(), self.clock.wall_ms());
        let max_rate_bytes_per_s = request.max_rate_bytes_per_s.unwrap_or(self.options.max_rate_bytes_per_s);
        let mut job = Job {
            id,
            kind: JobKind::Disk,
            subject: gpid,
            node: peer,
            source,
            target,
            state: JobState::Idle,
            outcome: JobOutcome::Running,
            history: Vec::new(),
            bytes_total: facts.replica.as_ref().map_or(0, |replica| replica.size_bytes),
            bytes_done: 0,
            rate_bytes_per_s: None,
            max_rate_bytes_per_s,
            retries: 0,
            demote,
            was_primary: false,
            learn_kind: None,
            window_ms: None,
            queued_at_ms: now_ms,
            started_at_ms: None,
            updated_at_ms: now_ms,
            finished_at_ms: None,
            last_error: None,
        };
        job.enter(JobState::Idle, now_ms);
        Ok(job)
    }

    fn facts(&self, gpid: Gpid, replica: Option<&MovingReplica>) -> WireResult<MoveFacts> {
        let figures = |disk: &Arc<crate::disk::DataDir>| DiskFacts {
            tag: disk.tag().to_owned(),
            status: disk.status(),
            available_bytes: disk.space().available_bytes,
            draining: !disk.takes_replicas(),
            holds_replica: self.disks.holds(disk, gpid),
        };
        Ok(MoveFacts {
            replica: replica.map(replica_facts).transpose()?,
            running: self.store.running(gpid).map(|cell| running(&cell)),
            disks: self.disks.disks().iter().map(figures).collect(),
            headroom_bytes: self.options.headroom_bytes,
        })
    }

    fn not_created(&self, gpid: Gpid, error: CreateError) -> WireError {
        match error {
            CreateError::Running(id) => {
                let message = format!("{gpid} is already migrating: job {id}");
                WireError::new(
                    ErrorCode::AlreadyMigrating,
                    message,
                    format!("follow it with disk-migrate-report -g {gpid}"),
                )
            }
            CreateError::Io(_) => {
                WireError::new(ErrorCode::DiskIoError, error.to_string(), "check the disk that holds `home`")
            }
        }
    }

    /// Gives threads to the queued jobs whose slots are free.
    fn begin_what_may(self: &Arc<Self>) {
        let _turn = self.admitting.lock();
        if self.stop.is_cancelled() {
            return;
        }
        let running = self.running.borrow().clone();
        let open: Vec<_> = self.store.all().into_iter().filter(|cell| cell.job().is_running()).collect();
        let (active, queued): (Vec<_>, Vec<_>) = open.iter().partition(|cell| running.contains(&cell.id()));
        for id in admit(&slots(active), &slots(order(queued))) {
            let Some(cell) = self.store.get(id) else { continue };
            self.running.send_modify(|running| running.push(id));
            if let Err(error) = self.spawn(cell) {
                tracing::error!(job = %id, %error, "no thread for a move");
                drop(Ended { running: self.running.clone(), id });
            }
        }
    }

    fn spawn(self: &Arc<Self>, cell: Arc<JobCell>) -> std::io::Result<()> {
        let (this, id) = (Arc::clone(self), cell.id());
        let runtime = Handle::current();
        let driver = Driver {
            host: Arc::clone(&self.host),
            disks: Arc::clone(&self.disks),
            options: Arc::clone(&self.options),
            clock: self.clock.clone(),
            runtime: runtime.clone(),
            cell,
            stop: self.stop.clone(),
            compaction: None,
            window: Window::default(),
        };
        let work = move || {
            let ended = Ended { running: this.running.clone(), id };
            driver.run();
            let stopped = this.stop.is_cancelled() || this.options.stop_on_error;
            let next = (!stopped).then_some(this); // else whoever waits for the end may open the disks again
            drop(ended);
            let _context = runtime.enter();
            if let Some(this) = next {
                this.begin_what_may();
            }
        };
        std::thread::Builder::new().name("disk-move".to_owned()).spawn(work).map(drop)
    }
}

/// Takes a job off the list of those that run, even if its thread panics.
struct Ended {
    running: watch::Sender<Vec<Uuid>>,
    id: Uuid,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.running.send_modify(|running| running.retain(|other| *other != self.id));
    }
}

/// Jobs that a former process had begun go first: they may have left the configuration.
fn order(mut queued: Vec<&Arc<JobCell>>) -> Vec<&Arc<JobCell>> {
    queued.sort_by_key(|cell| cell.job().started_at_ms.is_none());
    queued
}

fn slots(cells: Vec<&Arc<JobCell>>) -> Vec<Waiting<Uuid>> {
    cells.into_iter().map(|cell| slot(cell)).collect()
}

fn slot(cell: &JobCell) -> Waiting<Uuid> {
    let job = cell.job();
    Waiting { id: job.id, source: job.source, target: job.target }
}

fn running(cell: &JobCell) -> RunningMove {
    let job = cell.job();
    RunningMove { id: job.id, state: job.state, percent: job.percent() }
}

fn replica_facts(replica: &MovingReplica) -> WireResult<ReplicaFacts> {
    Ok(ReplicaFacts {
        disk: replica.disk.clone(),
        status: replica.status,
        size_bytes: replica.storage.size_bytes().map_err(WireError::internal)?,
        members: replica.members,
        replica_count: replica.replica_count,
        min_replicas: replica.min_replicas,
    })
}

fn unknown(id: Uuid) -> WireError {
    WireError::new(ErrorCode::UnknownJob, format!("this node has no job {id}"), "disk-migrate-report lists the jobs")
}
