//! The commands: which there are, what they take, where their keys stand, and what `COMMAND` tells of them.

mod answer;
mod argument;
mod docs;
mod flags;
mod help;
mod index;
mod info;
mod keys;
mod resolve;
mod spec;
mod table;
#[cfg(test)]
mod tests;

pub use answer::answer;
pub use flags::{Category, Flag, Flags};
pub use help::help;
pub use index::{commands, lookup};
pub use keys::{CrossSlot, KeyFlag, KeyRange, KeySpec};
pub use resolve::{resolve, unknown_subcommand, wrong_arity};
pub use spec::{Group, Spec};
