//! Files that survive power cuts, small files that say what they are, the throttled, verified copy, and files that
//! arrive from other nodes.

mod arriving;
mod checked;
mod copy;
mod direct;
mod durable;
mod remove;
mod throttle;

pub use arriving::ArrivingFile;
pub use checked::{CheckedError, read_checked, write_checked};
pub use copy::{Copied, CopyContext, CopyError, CopyReport, Doing, FileCopy, Verified, checksum, copy_files};
pub use durable::{
    atomic_write, create_dir_durable, durable_rename, durable_replace, remove_dir_durable, sync_dir, sync_parent,
};
pub use remove::{remove_dir_gently, remove_file_gently};
pub use throttle::{Cancelled, Throttle};
