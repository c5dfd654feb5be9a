//! The disks of a replica server: what stands where, which of it may be used, and what becomes of what is left over.

mod data_dir;
mod health;
mod identity;
pub mod layout;
mod manager;
mod open;
mod placement;
mod replica_info;
mod scan;
mod seal;
#[cfg(test)]
mod tests;
mod trash;

pub use data_dir::DataDir;
pub use health::{Space, SpaceLimits};
pub use identity::{Identity, KnownDisk};
pub use manager::{DiskFigures, DiskManager};
pub use open::{DiskOptions, OpenDisksError};
pub use replica_info::ReplicaInfo;
pub use scan::{Recovered, Scan, ToOpen};
pub use seal::{MANIFEST_KIND, MANIFEST_VERSION, read_seal, write_seal};
pub use trash::{TrashDir, TrashLives};
pub(crate) use trash::{note_time, set_aside_as};
