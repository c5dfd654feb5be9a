//! Every fault point there is, as an error that goes on and as a SIGKILL, while the table is written and read.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::fault::{self, Point};
use common::rpc::node_admin::DiskMigrate;
use tests::wait;
use uuid::Uuid;

use super::trial::{Trial, WITHIN, outrun_the_log, write_much};
use crate::support::{ended, share};

/// What makes a node pass a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A move.
    Move,
    /// A slow move while much is written.
    Log,
    /// Coming back after so long that a checkpoint is learned.
    Learn,
}

/// What failed has so long to show what it leads to; then the operator exchanges what was broken.
const SHOWS: Duration = Duration::from_secs(5);

/// How a point is reached, and where and when it acts (`GODWIT_FAULT`'s `@nth~path part`). Points of a disk's log are
/// passed all the time, so they act in the midst of it, on one disk.
fn way(point: Point) -> (Way, &'static str) {
    match point {
        Point::LogWrite => (Way::Log, "@300~/disk1/"),
        Point::LogSync => (Way::Log, "@300~/disk2/"),
        Point::LogSegment => (Way::Log, "@3~/disk1/"),
        Point::InfoWrite => (Way::Move, "~disk.migrate.tmp"),
        Point::JobWrite => (Way::Move, "@3"),
        Point::LearnChunk | Point::LearnInstall => (Way::Learn, ""),
        Point::ProcedureStore | Point::ProcedureStored => unreachable!("no replica server passes it"),
        // Passed by any move.
        Point::StorageFlush
        | Point::MoveStart
        | Point::MoveCheckpoint
        | Point::MoveRead
        | Point::MoveCopy
        | Point::MoveSync
        | Point::MoveVerify
        | Point::MoveMoved
        | Point::MoveLeft
        | Point::MoveSeal
        | Point::MoveRenameTarget
        | Point::MoveRenameOrigin
        | Point::MoveRenamed
        | Point::MoveLearning
        | Point::MoveCompleted => (Way::Move, ""),
    }
}

/// One point with one action.
struct Case {
    point: Point,
    kills: bool,
    /// Length of the node's log before.
    since: usize,
}

impl Case {
    /// Whether the point has acted: the process is gone, or its log says so.
    fn has_acted(&self, trial: &mut Trial) -> Result<bool> {
        let gone = self.kills && !trial.cluster.node_mut(0)?.process.is_running()?;
        Ok(gone || (!self.kills && trial.acted(self.point.name(), self.since)?))
    }

    async fn acts(&self, trial: &mut Trial) -> Result<()> {
        wait::until(&format!("{} to act", self.point.name()), WITHIN, async || {
            wait::holds(self.has_acted(trial)?, || "it is never reached".to_owned())
        })
        .await
    }

    /// The node runs with the fault, and is whole again unless the point has acted already.
    async fn armed(&self, trial: &mut Trial, fault: &str) -> Result<()> {
        trial.cluster.node_mut(0)?.process.stop(WITHIN).await?;
        trial.start_node(Some(fault))?;
        wait::until("the armed node", WITHIN, async || {
            let acted = self.has_acted(trial)?;
            let whole = trial.is_ready().await;
            wait::holds(acted || whole.is_ok(), || format!("{whole:?}"))
        })
        .await
    }

    /// Moves. A point that acts early leaves no job, or lets the move be refused.
    async fn moves(&self, trial: &mut Trial, fault: &str, max_rate: Option<u64>) -> Result<Option<Uuid>> {
        self.armed(trial, fault).await?;
        let request = DiskMigrate { max_rate_bytes_per_s: max_rate, ..trial.place.request() };
        Ok(trial.cluster.node(0)?.disk_migrate(request).await.ok().map(|job| job.id))
    }

    async fn provoke(&self, trial: &mut Trial, way: Way, fault: &str) -> Result<Option<Uuid>> {
        match way {
            Way::Move => self.moves(trial, fault, None).await,
            Way::Log => {
                let job = self.moves(trial, fault, Some(1 << 20)).await?;
                // Some of these writes fail with the node.
                let _ = write_much(&trial.cluster).await;
                Ok(job)
            }
            Way::Learn => {
                trial.cluster.node_mut(0)?.process.kill()?;
                outrun_the_log(&trial.cluster).await?;
                trial.start_node(Some(fault))?;
                Ok(None)
            }
        }
    }
}

/// One point, one action: afterwards all is as it must be.
async fn survives(trial: &mut Trial, point: Point, action: &str) -> Result<()> {
    let case = Case { point, kills: action == "kill", since: trial.log_length()? };
    let (way, when) = way(point);
    let job = case.provoke(trial, way, &format!("{}={action}{when}", point.name())).await?;
    case.acts(trial).await?;
    if let Some(id) = job.filter(|_| !case.kills) {
        let _ = tokio::time::timeout(SHOWS, ended(&trial.cluster, 0, id)).await;
    }
    if trial.cluster.node_mut(0)?.process.is_running()? {
        trial.cluster.node_mut(0)?.process.kill()?;
    }
    trial.start_node(None)?;
    trial.whole(job).await.map(drop)
}

/// Goes through all points, or through those named in `GODWIT_TEST_POINTS`.
async fn survives_all(action: &str) -> Result<()> {
    let _share = share().await;
    let named = std::env::var("GODWIT_TEST_POINTS").unwrap_or_default();
    let mut trial = Trial::start().await?;
    // Those of the meta server have tests of their own.
    let here = |point: &&Point| !matches!(point, Point::ProcedureStore | Point::ProcedureStored);
    let wanted =
        |point: &&Point| here(point) && (named.is_empty() || named.split(',').any(|name| name == point.name()));
    let points: Vec<Point> = fault::ALL.iter().filter(wanted).copied().collect();
    ensure!(!points.is_empty(), "no such point");
    for point in points {
        eprintln!("{} = {action}", point.name());
        survives(&mut trial, point, action).await.with_context(|| format!("{} = {action}", point.name()))?;
    }
    trial.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_is_survived() -> Result<()> {
    survives_all("kill").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_goes_on_at_any_point_is_survived() -> Result<()> {
    survives_all("error").await
}
