//! `region-migrate`: moves a replica to another node and, with `--wait`, watches it to its end.

use std::time::Duration;

use clap::Args;
use common::procedure::{MigrateRegion, ProcedureInfo, ProcedureState};
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::Gpid;
use uuid::Uuid;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;
use crate::time::size;
use crate::view::{AddressBook, OneProcedure, ProcedureView};

const POLL_EVERY: Duration = Duration::from_millis(200);
/// Polls in a row that may fail: the meta server may be restarting, and the procedure goes on after it.
const FAILED_POLLS_MAX: u32 = 150;

const HELP: &str = "\
The target learns while writes go on, becomes a member, leads if the source did, and then the source leaves;
its directory is set aside. Up to the moment when the target is a member a failure or job-cancel leaves
everything as it was. Where the target is a member already only the primary moves.";

/// `region-migrate`.
#[derive(Args, Clone, Debug)]
#[command(after_long_help = HELP)]
pub struct RegionMigrate {
    /// The partition whose replica moves, for example 1.3
    #[arg(short, long)]
    gpid: Gpid,
    /// The node that it leaves, as host:port or peer id
    #[arg(long, value_name = "NODE")]
    from: NodeName,
    /// The node that it goes to, as host:port or peer id
    #[arg(long, value_name = "NODE")]
    to: NodeName,
    /// How long the new copy may take to catch up; past it everything is as it was
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    replay_timeout: Duration,
    /// Watch it to its end; fails if the migration fails
    #[arg(long)]
    wait: bool,
}

impl RegionMigrate {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let (from, to) = (context.find_node(&self.from).await?.peer_id, context.find_node(&self.to).await?.peer_id);
        let replay_timeout_ms = u64::try_from(self.replay_timeout.as_millis()).unwrap_or(u64::MAX);
        let request = MigrateRegion { gpid: self.gpid, from, to, replay_timeout_ms };
        let started = context.meta(async |meta, deadline| meta.migrate_region(deadline, request).await).await?;
        let info = if self.wait { completed(to_its_end(context, started).await?)? } else { started };
        let book = AddressBook::new(context.cluster().await?.nodes.into_iter().map(|n| (n.peer_id, n.address)));
        let view = ProcedureView::new(&info, &book);
        let text = if info.state.has_ended() { view.text(&info) } else { started_text(&view) };
        Ok(Output::new(&OneProcedure { procedure: view }, text))
    }
}

fn started_text(view: &ProcedureView) -> String {
    let name = |what: &Option<String>| what.clone().unwrap_or_default();
    let (id, gpid) = (view.id, name(&view.gpid));
    format!("job {id} moves {gpid} from {} to {}\nwatch it with: job {id}", name(&view.from), name(&view.to))
}

/// Watches a procedure until it ends, however it does. Survives a restart of the meta server, as the procedure does.
async fn to_its_end(context: &Context, started: ProcedureInfo) -> WireResult<ProcedureInfo> {
    let progress = context.progress(100, "percent");
    let (mut info, mut failed_polls) = (started, 0);
    while !info.state.has_ended() {
        progress.at(info.percent.into());
        progress.say(&describe(&info));
        tokio::time::sleep(POLL_EVERY).await;
        match poll(context, info.id).await {
            Ok(now) => (info, failed_polls) = (now, 0),
            Err(error) if failed_polls < FAILED_POLLS_MAX && error.code != ErrorCode::UnknownJob => {
                progress.say(&format!("the meta server does not answer, the job goes on: {error}"));
                failed_polls += 1;
            }
            Err(error) => return Err(unwatched(info.id, &error)),
        }
    }
    progress.clear();
    Ok(info)
}

async fn poll(context: &Context, id: Uuid) -> WireResult<ProcedureInfo> {
    context.meta(async |meta, deadline| meta.procedure(deadline, id).await).await
}

fn unwatched(id: Uuid, error: &WireError) -> WireError {
    let hint = format!("the job is durable and may still go on: job {id}");
    WireError::new(error.code, format!("lost sight of job {id}: {error}"), hint)
}

/// Step, percent, bytes, lag and the last error, in one line.
fn describe(info: &ProcedureInfo) -> String {
    let mut parts = vec![info.step.clone(), format!("{}%", info.percent)];
    parts.extend((info.bytes_total > 0).then(|| format!("{} of {}", size(info.bytes_done), size(info.bytes_total))));
    parts.extend(info.lag.map(|lag| format!("{lag} mutations behind")));
    parts.extend(info.error.as_ref().map(|error| format!("tried again: {}", error.message)));
    parts.join("  ")
}

fn completed(info: ProcedureInfo) -> WireResult<ProcedureInfo> {
    if info.state == ProcedureState::Completed {
        return Ok(info);
    }
    let cause = info.error.as_ref().map_or("it was cancelled", |error| error.message.as_str());
    let hint = format!("see job {} for its steps; remove the cause, then start it anew", info.id);
    Err(WireError::new(ErrorCode::JobFailed, format!("the migration {}: {cause}", info.state), hint))
}
