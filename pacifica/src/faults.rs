//! Planted faults: test-only switches that take one rule of the protocol out, so that the simulator can show that it
//! would notice. All are off by default, and no setting of a process reaches them.

/// One switch per rule that can be taken out. Never set outside tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches, one per planted fault")]
pub struct Faults {
    /// Acknowledges, and counts the primary's own copy, before the fsync.
    pub ack_before_fsync: bool,
    /// Accepts prepares of an older ballot.
    pub no_ballot_check: bool,
    /// Takes its old role again after a restart, at the same ballot (rule ROLES).
    pub ballot_resumed_after_restart: bool,
    /// Commits and reads on the configuration it hopes for while the outcome of a change is unknown (rule UNION).
    pub no_union: bool,
    /// A new primary opens without a marker (rule OPENING).
    pub no_opening_marker: bool,
    /// A learner reports its newest record, whatever is missing below it.
    pub learner_promoted_with_gap: bool,
    /// The lease is not checked again after a read. Reads are the runtime's: it and the simulator obey this switch.
    pub read_without_second_check: bool,
    /// Secondaries and new primaries wait for half a lease only (rule LEASES).
    pub grace_shorter_than_lease: bool,
    /// A new primary commits and reads at once (rule TAKE-OVER).
    pub take_over_without_wait: bool,
    /// Every entry of a beacon is granted, whatever became of its partition (rule LEASES).
    pub node_wide_leases: bool,
    /// A failed compare-and-set is answered without waiting for what it saw to commit (rule REPLIES).
    pub failed_cas_answered_from_overlay: bool,
}
