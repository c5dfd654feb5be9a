//! Tables: `create`, `ls`, `drop`, `app`.

use std::time::Duration;

use clap::Args;
use common::rpc::meta_admin::{AcceptedTable, TableInfo};
use common::rpc::{ErrorCode, WireError, WireResult};

use super::watch_procedure::{completed, look};
use crate::context::Context;
use crate::output::Output;
use crate::view;

const POLL_EVERY: Duration = Duration::from_millis(100);
/// A new table is complete within seconds; where a node is missing it never is.
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);

/// `create`.
#[derive(Args, Clone, Debug)]
pub struct Create {
    /// Name of the new table
    name: String,
    /// Number of partitions, a power of two
    #[arg(short, long, default_value_t = 8)]
    partitions: u32,
    /// Number of replicas of each partition
    #[arg(short, long, default_value_t = 3)]
    replicas: u32,
    /// Return as soon as the table is durable, before its replicas are there
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Watch the job that creates it to its end, however long that takes; fails if it fails
    #[arg(long)]
    wait: bool,
}

impl Create {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let Self { name, partitions, replicas, no_wait, wait } = self;
        let AcceptedTable { table: created, procedure } = context
            .meta(async |meta, deadline| meta.create_table(deadline, name.clone(), partitions, replicas).await)
            .await?;
        let table = match (no_wait, wait) {
            (true, _) => created,
            (false, false) => complete(context, created).await?,
            (false, true) => {
                completed(context, look(context, procedure).await?).await?;
                context.route(&created.name).await?.table
            }
        };
        Ok(view::accepted(&table, procedure))
    }
}

/// Waits until every partition has all replicas.
async fn complete(context: &Context, created: TableInfo) -> WireResult<TableInfo> {
    let progress = context.progress(u64::from(created.partitions), "partitions complete");
    let mut last = created;
    let wait = async {
        while last.healthy < last.partitions {
            tokio::time::sleep(POLL_EVERY).await;
            last = context.route(&last.name).await?.table;
            progress.at(u64::from(last.healthy));
        }
        Ok(())
    };
    let waited = tokio::time::timeout(COMPLETE_WITHIN, wait).await;
    progress.clear();
    waited.unwrap_or_else(|_| Err(incomplete(&last)))?;
    Ok(last)
}

fn incomplete(table: &TableInfo) -> WireError {
    let message = format!(
        "table '{}' exists, but after {} s only {} of its {} partitions have all {} replicas",
        table.name,
        COMPLETE_WITHIN.as_secs(),
        table.healthy,
        table.partitions,
        table.replicas
    );
    let hint = format!("see 'nodes' and 'app {} -d'; it completes by itself once enough nodes are up", table.name);
    WireError::new(ErrorCode::Timeout, message, hint)
}

/// `ls`.
pub(super) async fn ls(context: &Context) -> WireResult<Output> {
    Ok(view::tables(&context.tables().await?))
}

/// `drop`.
#[derive(Args, Clone, Debug)]
pub struct Drop {
    /// Name of the table
    name: String,
    /// Watch until no node holds a copy of it any more; fails if that takes too long
    #[arg(long)]
    wait: bool,
}

impl Drop {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let name = self.name;
        let dropped = context.meta(async |meta, deadline| meta.drop_table(deadline, name.clone()).await).await?;
        if self.wait {
            completed(context, look(context, dropped.procedure).await?).await?;
        }
        Ok(view::accepted(&dropped.table, dropped.procedure))
    }
}

/// `app`.
#[derive(Args, Clone, Debug)]
pub struct App {
    /// Name of the table
    name: String,
    /// Show its partitions
    #[arg(short, long)]
    detailed: bool,
}

impl App {
    pub(super) async fn run(self, context: &Context) -> WireResult<Output> {
        let route = context.route(&self.name).await?;
        Ok(if self.detailed { view::partitions(&route) } else { view::tables(&[route.table]) })
    }
}
