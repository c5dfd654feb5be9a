//! The node's moves: requests are validated and stored, wait in order for their slots, and run on threads of their own.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::job::{Job, JobKind, JobOutcome, JobState};
use common::rpc::node_admin::{DiskMigrate, JobName};
use common::rpc::rates::{CopyRates, RateChange};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;
use parking_lot::Mutex;
use replica_state::migrate::{DiskFacts, MoveFacts, MoveRequest, ReplicaFacts, RunningMove, Waiting, admit, validate};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::cancel;
use super::driver::Driver;
use super::host::{MoveHost, MovingReplica};
use super::job_cell::{Cancel, JobCell};
use super::job_store::{CreateError, JobStore};
use super::limits::Limits;
use super::meters::MoveMeters;
use super::options::MigrateOptions;
use super::window::Window;
use crate::disk::DiskManager;

/// The node's moves.
pub struct Migrator<H> {
    host: Arc<H>,
    disks: Arc<DiskManager>,
    options: Arc<MigrateOptions>,
    clock: Clock,
    limits: Limits,
    meters: Arc<MoveMeters>,
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
        limits: Limits,
        host: Arc<H>,
        disks: Arc<DiskManager>,
        clock: Clock,
    ) -> std::io::Result<Arc<Self>> {
        let store = JobStore::open(&options.home, limits.throttle())?;
        for cell in store.all().iter().filter(|cell| cell.job().is_running()) {
            disks.hold(cell.job().subject);
        }
        let (options, running, stop) = (Arc::new(options), watch::Sender::default(), CancellationToken::new());
        let (admitting, meters) = (Mutex::default(), Arc::default());
        Ok(Arc::new(Self { host, disks, options, clock, limits, meters, store, running, admitting, stop }))
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

    /// Stops a job that can still turn back; that it stops is durable when this returns. One that waits ends at once,
    /// one that was told before goes on ending. Blocks; within the runtime.
    ///
    /// # Errors
    /// An unknown job, one that is over, one past the point of no return, or a partition that does not move.
    pub fn cancel(self: &Arc<Self>, name: JobName) -> WireResult<Job> {
        let cell = self.named(name)?;
        match cell.cancel().map_err(|error| not_stored(&error))? {
            Cancel::Stops => {
                self.end_if_waiting(&cell).map_err(|error| not_stored(&error))?;
                // A younger move may have waited for its disks.
                self.begin_what_may();
                Ok(cell.job())
            }
            Cancel::TooLate => Err(cancel::too_late(&cell.job())),
            Cancel::Over => Err(cancel::over(&cell.job())),
        }
    }

    fn named(&self, name: JobName) -> WireResult<Arc<JobCell>> {
        match name {
            JobName::Id(id) => self.store.get(id).ok_or_else(|| unknown(id)),
            JobName::Of(gpid) => self.store.running(gpid).ok_or_else(|| {
                let last = self.store.all().into_iter().rev().map(|cell| cell.job()).find(|job| job.subject == gpid);
                cancel::not_migrating(gpid, last.as_ref())
            }),
        }
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

    /// Changes a limit, durably and at once for copies that run; answers with the limits as they then are. Blocks.
    ///
    /// # Errors
    /// An unknown job, one that is over, or a limit that cannot be stored.
    pub fn set_rate(&self, change: RateChange) -> WireResult<CopyRates> {
        match change {
            RateChange::Keep => {}
            RateChange::Node(rate) => self.limits.choose(Some(rate)).map_err(|error| not_stored(&error))?,
            RateChange::NodeDefault => self.limits.choose(None).map_err(|error| not_stored(&error))?,
            RateChange::Job(id, rate) => {
                let cell = self.store.get(id).ok_or_else(|| unknown(id))?;
                if !cell.job().is_running() {
                    return Err(cancel::over(&cell.job()));
                }
                cell.save(|record| record.job.max_rate_bytes_per_s = rate).map_err(|error| not_stored(&error))?;
                cell.throttle.set_rate(rate);
            }
        }
        Ok(self.rates())
    }

    /// The limits of copies, and what they do.
    #[must_use]
    pub fn rates(&self) -> CopyRates {
        let (max_rate_bytes_per_s, changed) = self.limits.node();
        CopyRates {
            max_rate_bytes_per_s,
            default_bytes_per_s: self.limits.default(),
            changed,
            rate_bytes_per_s: self.limits.rate(),
            foreground: self.limits.foreground(),
            jobs: self.jobs().into_iter().filter(Job::is_running).collect(),
        }
    }

    /// A second has passed, in which 99 of 100 operations of clients were not slower than `p99`: measures the copies,
    /// notes what holds them back, and lets them give way.
    ///
    /// `learned` counts the bytes that this node's learners copied from other nodes so far, which share its limits.
    pub fn second(&self, p99: Option<Duration>, learned: u64) {
        for cell in self.active() {
            cell.sample(&self.meters);
        }
        self.limits.second(self.clock.mono(), self.meters.copied_bytes().saturating_add(learned), p99);
    }

    fn active(&self) -> Vec<Arc<JobCell>> {
        let running = self.running.borrow().clone();
        running.into_iter().filter_map(|id| self.store.get(id)).collect()
    }

    /// What the moves of this process counted.
    #[must_use]
    pub fn meters(&self) -> &MoveMeters {
        &self.meters
    }

    /// How many moves run, how many wait for their disks, and for how long one of those that run has not got on.
    #[must_use]
    pub fn load(&self) -> (usize, usize, Duration) {
        let active = self.active();
        let open = self.store.all().iter().filter(|cell| cell.job().is_running()).count();
        let standing = active.iter().map(|cell| cell.standing()).max().unwrap_or_default();
        (active.len(), open.saturating_sub(active.len()), standing)
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
            bytes_resumed: 0,
            rate_bytes_per_s: None,
            max_rate_bytes_per_s: request.max_rate_bytes_per_s.unwrap_or(0),
            throttled_by: None,
            retries: 0,
            demote,
            was_primary: false,
            learn_kind: None,
            window_ms: None,
            write_pause_ms: None,
            purge_origin: request.purge_origin,
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
            meters: Arc::clone(&self.meters),
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

fn not_stored(error: &std::io::Error) -> WireError {
    let message = format!("it cannot be stored: {error}");
    WireError::new(ErrorCode::DiskIoError, message, "check the disk that holds `home`; nothing was changed")
}
