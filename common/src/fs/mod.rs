//! Files that survive power cuts.

mod durable;

pub use durable::{atomic_write, create_dir_durable, durable_rename, remove_dir_durable, sync_dir, sync_parent};
