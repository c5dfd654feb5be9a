//! What is known of a table that comes to be, and whether it may still turn back.

use common::procedure::ProcedureState;
use common::rpc::ErrorCode;
use common::types::{PeerId, TableId};
use serde::{Deserialize, Serialize};

use super::{Advance, At, MINUTE_MS};
use crate::cluster::Cluster;

/// Where a creation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateStep {
    /// Every partition is to be led.
    Lead,
    /// Every partition is to have all its members.
    Fill,
    /// It was cancelled: the table is dropped, and its copies are set aside.
    Rollback,
}

impl CreateStep {
    /// Every step there is.
    pub const ALL: [Self; 3] = [Self::Lead, Self::Fill, Self::Rollback];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Fill => "fill",
            Self::Rollback => "rollback",
        }
    }

    /// How long it may take, in milliseconds. To fill takes longer than a lost node's copies wait to be made anew.
    pub(super) const fn limit_ms(self) -> u64 {
        match self {
            Self::Lead | Self::Rollback => 10 * MINUTE_MS,
            Self::Fill => 15 * MINUTE_MS,
        }
    }
}

/// A table that comes to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTable {
    /// Which.
    pub table: TableId,
    /// Where it stands.
    pub step: CreateStep,
    /// Once it is rolled back: the nodes that may hold a copy.
    pub holders: Vec<PeerId>,
}

impl CreateTable {
    /// One that was accepted.
    #[must_use]
    pub const fn new(table: TableId) -> Self {
        Self { table, step: CreateStep::Lead, holders: Vec::new() }
    }

    /// How long its first step may take, in milliseconds.
    pub(crate) const LIMIT_MS: u64 = CreateStep::Lead.limit_ms();

    /// Why it can only go on, and what to do instead; `None`: it can still be cancelled.
    pub(in crate::procedure) fn cannot_turn_back(&self, cluster: &Cluster) -> Option<(String, String)> {
        let name = cluster.table_name(self.table);
        match self.step {
            CreateStep::Lead => None,
            CreateStep::Fill => Some((
                format!("every partition of table '{name}' is led, and clients may use it"),
                format!("drop it if it is not wanted: admin-cli drop {name}"),
            )),
            CreateStep::Rollback => {
                Some((format!("the creation of table '{name}' is being rolled back already"), "let it end".to_owned()))
            }
        }
    }
}

impl At<'_> {
    /// Whoever dropped the table stopped its creation.
    pub(super) fn dropped_meanwhile(&self) -> Advance {
        self.end(ProcedureState::Cancelled, None, Some("the table was dropped meanwhile".to_owned()))
    }

    /// The table has not become what was asked for in time, and stays: `what` it lacks.
    pub(super) fn gives_up(&self, what: String) -> Advance {
        let name = &self.table.name;
        let note = format!(
            "the table stays, and goes on to complete by itself (admin-cli app {name} -d, nodes); drop it if it is not wanted"
        );
        self.failed(ErrorCode::Timeout, what, note)
    }
}
