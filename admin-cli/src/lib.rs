//! The operator's tool: one-shot commands and an interactive shell. Knows the servers by their RPC only.
//!
//! `args` parses, `context` reaches the cluster, `command` does, `view` says what is printed, `output` prints it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic))]

pub mod args;
pub mod command;
pub mod context;
pub mod escape;
pub mod output;
pub mod progress;
pub mod shell;
pub mod time;
pub mod view;
mod watch;
