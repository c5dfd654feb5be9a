//! The cluster as clients of the Redis cluster protocol see it: `CLUSTER …` and redirections, from a plain description.

mod info;
mod links;
mod nodes;
mod question;
mod redirect;
mod shards;
mod slots;
#[cfg(test)]
mod tests;
mod topology;

pub use links::{Direction, Link, links};
pub use question::{Question, answer};
pub use redirect::moved;
pub use topology::{Health, Id, Node, Route, Topology};
