//! Beacons from node to node (rule LEASES): one sender and one receiver per pair of nodes, for all their partitions.
//!
//! A beacon carries the roster {gpid: ballot} as a delta to what the other side has acknowledged; the answer names what
//! is refused. Everything is bound to the two processes: an answer to, or of, an earlier one never counts.

mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use receiver::BeaconReceiver;
pub use sender::BeaconSender;
