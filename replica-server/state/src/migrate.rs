//! The state machine of a disk move.
