//! The commands, one noun a file: arguments, and what is done with them.

mod completions;
mod disk;
mod disk_balance;
mod disk_drain;
mod disk_gc;
mod disk_migrate;
mod disk_migrate_cancel;
mod disk_migrate_rate;
mod disk_plan;
mod disk_set;
mod flush;
mod job;
mod jobs;
mod leader;
mod load;
mod maintenance;
mod node;
mod node_drain;
mod propose;
mod record;
mod recover;
mod region_migrate;
mod scan;
mod table;
mod verify;
mod watch_job;
mod watch_procedure;

use clap::Subcommand;
use common::rpc::WireResult;

use crate::context::Context;
use crate::output::Output;

/// What the tool can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show the cluster and its nodes
    ClusterInfo,
    /// Show the nodes
    Nodes,
    /// Show where the meta server that decides is reached, by calls and by HTTP
    Leader,
    /// Switch maintenance mode on or off, or show it: while it is on, copies of nodes that are away are not made anew
    Maintenance(maintenance::Maintenance),
    /// Create a table; returns when every partition has all its replicas, and says which job watches over it
    Create(table::Create),
    /// List the tables
    Ls,
    /// Drop a table; nobody can use it any more, and its replicas are set aside (--wait: until all are)
    Drop(table::Drop),
    /// Show a table, with -d its partitions
    App(table::App),
    /// Show the disks of a node and their space; with -d one disk and its replicas
    DiskCapacity(disk::Capacity),
    /// Count the replicas on the disks of a node; with -d list those of one disk
    DiskReplica(disk::Replicas),
    /// Take a directory in as a disk of a node, without a restart
    DiskAdd(disk_set::DiskAdd),
    /// Let an empty disk of a node go, without a restart; it may be unmounted after that
    DiskRemove(disk_set::DiskRemove),
    /// Move a replica to another disk of its node
    DiskMigrate(disk_migrate::DiskMigrate),
    /// Show the moves between disks, oldest first
    DiskMigrateReport(job::Report),
    /// Cancel a move between disks, up to CLOSED; nothing is changed then
    DiskMigrateCancel(disk_migrate_cancel::Cancel),
    /// Show or change how fast moves between disks may copy, also while they do
    DiskMigrateRate(disk_migrate_rate::ChangeRate),
    /// List what moves and failures left on the disks of a node; with --remove remove it
    DiskGc(disk_gc::Gc),
    /// Even out the disks of a node by moving replicas: shows the moves, with --execute does them
    DiskBalance(disk_balance::DiskBalance),
    /// Empty a disk: nothing new is put there, and its replicas move to the node's other disks
    DiskDrain(disk_drain::DiskDrain),
    /// Empty a node: no replica comes to it, and all that it has move to others, a few at a time
    NodeDrain(node_drain::NodeDrain),
    /// Let a node that was drained take replicas again
    NodeUndrain(node_drain::NodeUndrain),
    /// Move a replica to another node, while it is written and read
    RegionMigrate(region_migrate::RegionMigrate),
    /// Show all jobs, oldest first: moves between disks and between nodes, tables that come and go
    Jobs(jobs::Jobs),
    /// Show a job with its steps
    Job(jobs::ShowJob),
    /// Cancel a job that can still turn back: a move changes nothing then, a table that is not led yet is dropped again
    JobCancel(jobs::CancelJob),
    /// Make a secondary the primary
    Propose(propose::Propose),
    /// Compare the digests of all members at one decree
    Verify(verify::Verify),
    /// Set a record
    Set(record::Set),
    /// Get a record's value
    Get(record::Get),
    /// Delete a record
    Del(record::Del),
    /// List records of a table, or of one hash key
    Scan(scan::Scan),
    /// Count the records of a table
    Count(scan::Count),
    /// Flush all replicas of a table to their disks
    Flush(flush::Flush),
    /// Load a tab-separated file: column 1 hash key, 2 sort key, the rest the value; the first line is a header
    Load(load::Load),
    /// Bring back a partition with no member left; says what may be lost, and asks
    Recover(recover::Recover),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// What the servers refuse, with their codes and hints; or that they cannot be reached.
    pub async fn run(self, context: &Context) -> WireResult<Output> {
        match self {
            Self::ClusterInfo => node::cluster_info(context).await,
            Self::Nodes => node::nodes(context).await,
            Self::Leader => leader::leader(context).await,
            Self::Maintenance(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Ls => table::ls(context).await,
            Self::Drop(command) => command.run(context).await,
            Self::App(command) => command.run(context).await,
            Self::DiskCapacity(command) => command.run(context).await,
            Self::DiskReplica(command) => command.run(context).await,
            Self::DiskAdd(command) => command.run(context).await,
            Self::DiskRemove(command) => command.run(context).await,
            Self::DiskMigrate(command) => command.run(context).await,
            Self::DiskMigrateReport(command) => command.run(context).await,
            Self::DiskMigrateCancel(command) => command.run(context).await,
            Self::DiskMigrateRate(command) => command.run(context).await,
            Self::DiskGc(command) => command.run(context).await,
            Self::DiskBalance(command) => command.run(context).await,
            Self::DiskDrain(command) => command.run(context).await,
            Self::NodeDrain(command) => command.run(context).await,
            Self::NodeUndrain(command) => command.run(context).await,
            Self::RegionMigrate(command) => command.run(context).await,
            Self::Jobs(command) => command.run(context).await,
            Self::Job(command) => command.run(context).await,
            Self::JobCancel(command) => command.run(context).await,
            Self::Propose(command) => command.run(context).await,
            Self::Verify(command) => command.run(context).await,
            Self::Set(command) => command.run(context).await,
            Self::Get(command) => command.run(context).await,
            Self::Del(command) => command.run(context).await,
            Self::Scan(command) => command.run(context).await,
            Self::Count(command) => command.run(context).await,
            Self::Flush(command) => command.run(context).await,
            Self::Load(command) => command.run(context).await,
            Self::Recover(command) => command.run(context).await,
            Self::Completions(command) => Ok(command.run()),
        }
    }
}
