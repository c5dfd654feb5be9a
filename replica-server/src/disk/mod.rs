//! The disks of a replica server: what stands where, which of it may be used, and what becomes of what is left over.

mod add;
mod data_dir;
mod garbage;
mod health;
mod identity;
pub mod layout;
mod manager;
mod membership;
mod mount;
mod open;
mod placement;
mod record;
mod remove;
mod replica_info;
mod scan;
mod seal;
mod set;
mod set_error;
#[cfg(test)]
mod tests;
mod trash;
mod usage;

pub use data_dir::DataDir;
pub use health::{Space, SpaceLimits};
pub use identity::Identity;
pub use manager::{DiskFigures, DiskManager, Disks};
pub use open::{DiskOptions, OpenDisksError};
pub use record::in_effect;
pub(crate) use remove::replicas;
pub use replica_info::ReplicaInfo;
pub use scan::{Recovered, Scan, ToOpen};
pub use seal::{MANIFEST_KIND, MANIFEST_VERSION, read_seal, write_seal};
pub use set::{ChosenDisk, DiskSet, KnownDisk, RemovedDisk};
pub use set_error::DiskSetError;
pub use trash::{Keeper, TrashDir, TrashLives};
pub(crate) use trash::{note_time, set_aside_as};
