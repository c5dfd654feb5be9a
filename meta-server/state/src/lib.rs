//! The meta server's state and policies as pure functions: no I/O, no clock, no runtime. The simulator drives the same code.
//!
//! Entry points: [`change_config`] is the only way from one configuration to the next; [`appoint`] decides who leads
//! when no process holds a role (rule ROLES); [`Cluster`] is the whole state, and [`policy::guardian`] cures it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

mod appoint;
mod change;
mod cluster;
mod creation;
mod invariants;
mod node;
mod pace;
mod partition;
pub mod policy;
mod presence;
mod procedure;
mod record;
mod refusal;
mod request;
mod room;
mod table;
#[cfg(test)]
mod tests;

pub use appoint::{MemberReport, appoint};
pub use change::{MOVING_MS_MAX, Requester, change_config};
pub use cluster::Cluster;
pub use creation::{Recovery, create_config, recover_config, replace_first_copy, retire_config};
pub use invariants::check_config;
pub use node::{DEAD_AFTER, Node, Vitals};
pub use partition::{GivenUp, Lock, Partition};
pub use presence::Distrust;
pub use procedure::{
    Advance, Answer, Ask, CreateStep, CreateTable, DropTable, PROCEDURES_MAX, Procedure, ProcedureKey, Rebuild,
    RegionMigration, RegionStep, Request, Subject, Transfer, Work, unknown_procedure,
};
pub use record::{Identity, JobKey, Record};
pub use refusal::ChangeRefusal;
pub use request::{Asked, JOBS_MAX, PartitionFilter, PartitionHealth, RecoverDecision, Verdict, plan_nodes};
pub use room::Room;
pub use table::{NAME_BYTES_MAX, PARTITIONS_MAX, REPLICAS_MAX, Table, TableStatus, ValidatedTable};
