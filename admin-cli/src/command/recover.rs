//! `recover`: for a partition with no member left. Says what may be lost, asks, and does it (rule LAST COPY).

use std::io::{BufRead as _, Write as _};

use clap::Args;
use common::rpc::meta_admin::RecoverPlan;
use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Gpid, PeerId};
use serde::Serialize;

use crate::args::NodeName;
use crate::context::Context;
use crate::output::Output;

/// `recover`.
#[derive(Args, Clone, Debug)]
pub struct Recover {
    /// The partition, for example 1.3
    #[arg(short, long)]
    gpid: Gpid,
    /// A node that will not come back with its data, as host:port or peer id; may be given several times
    #[arg(long, required = true, value_name = "NODE")]
    node_is_dead: Vec<NodeName>,
    /// Do it without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Serialize)]
struct Recovered {
    gpid: String,
    primary: Option<String>,
    may_lose: String,
    done: bool,
}

impl Recover {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let mut dead = Vec::new();
        for name in &self.node_is_dead {
            dead.push(context.find_node(name).await?.peer_id);
        }
        let plan = ask_meta(context, self.gpid, &dead, false).await?;
        if plan.primary.is_none() {
            return Err(nothing_left(self.gpid, &plan));
        }
        if !self.yes && !confirmed(context, &plan).await? {
            return output(context, self.gpid, plan).await;
        }
        let done = ask_meta(context, self.gpid, &dead, true).await?;
        output(context, self.gpid, done).await
    }
}

async fn ask_meta(context: &Context, gpid: Gpid, dead: &[PeerId], confirmed: bool) -> WireResult<RecoverPlan> {
    context.meta(async |meta, deadline| meta.recover(deadline, gpid, dead.to_vec(), confirmed).await).await
}

/// Asks on stderr and reads the answer from stdin, off the runtime.
async fn confirmed(context: &Context, plan: &RecoverPlan) -> WireResult<bool> {
    if context.json() {
        let message = format!("recovery must be confirmed; what may be lost: {}", plan.may_lose);
        return Err(WireError::new(ErrorCode::InvalidArgument, message, "add --yes to do it"));
    }
    let question = format!("{}\nRecover with this loss? Type 'yes': ", plan.may_lose);
    let answer = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        std::io::stderr().write_all(question.as_bytes())?;
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = answer.await.map_err(WireError::internal)?.map_err(WireError::internal)?;
    Ok(line.trim() == "yes")
}

async fn output(context: &Context, gpid: Gpid, plan: RecoverPlan) -> WireResult<Output> {
    let primary = match plan.primary {
        Some(member) => Some(context.address(member.peer).await?),
        None => None,
    };
    let what = match (&primary, plan.done) {
        (Some(primary), true) => format!("{gpid} is led by {primary}; what may be lost: {}", plan.may_lose),
        _ => format!("nothing was done to {gpid}"),
    };
    let finding = (!plan.done).then(|| WireError::new(ErrorCode::InvalidArgument, "not confirmed", "answer 'yes'"));
    let view = Recovered { gpid: gpid.to_string(), primary, may_lose: plan.may_lose, done: plan.done };
    Ok(Output::new(&view, what).with_finding(finding))
}

fn nothing_left(gpid: Gpid, plan: &RecoverPlan) -> WireError {
    let hint = "bring a node or a disk back that holds a copy; see 'nodes' and 'disk-replica -n NODE'";
    WireError::new(ErrorCode::NotServing, format!("no copy of {gpid} is left to recover from: {}", plan.may_lose), hint)
}
