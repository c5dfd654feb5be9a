//! `flush`: every member of every partition of a table flushes its memtable.

use clap::Args;
use common::rpc::WireResult;
use common::types::{Gpid, Member};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use crate::context::Context;
use crate::output::{Output, table};

const AT_ONCE: usize = 8;

/// `flush`.
#[derive(Args, Clone, Debug)]
pub struct Flush {
    /// The table
    #[arg(short, long)]
    table: String,
}

#[derive(Serialize)]
struct Flushes {
    replicas: Vec<Flushed>,
}

#[derive(Serialize)]
struct Flushed {
    gpid: String,
    node: String,
    /// Everything up to this decree is on disk.
    decree: u64,
}

impl Flush {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let route = context.route(&self.table).await?;
        let members: Vec<(Gpid, Member)> =
            route.configs.iter().flat_map(|c| c.members().map(|member| (c.gpid, member))).collect();
        let each = stream::iter(members).map(|(gpid, member)| one(context, gpid, member)).buffered(AT_ONCE);
        let replicas: Vec<Flushed> = each.try_collect().await?;
        let rows = replicas.iter().map(|f| vec![f.gpid.clone(), f.node.clone(), f.decree.to_string()]);
        let text = table(&["gpid", "node", "decree"], rows);
        Ok(Output::new(&Flushes { replicas }, text))
    }
}

async fn one(context: &Context, gpid: Gpid, member: Member) -> WireResult<Flushed> {
    let node = context.address(member.peer).await?;
    let decree = context.node(&node, async |n, deadline| n.flush(deadline, gpid).await).await?;
    Ok(Flushed { gpid: gpid.to_string(), node, decree: decree.0 })
}
