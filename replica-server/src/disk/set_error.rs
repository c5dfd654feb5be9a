//! Why the set of a node's disks does not change, in words for an operator.

use std::io;
use std::path::PathBuf;

use common::fs::CheckedError;
use common::rpc::{ErrorCode, WireError};

/// Why the set of disks does not change. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum DiskSetError {
    /// There is none of that tag.
    #[error("this node has no disk {0}")]
    Unknown(String, Vec<String>),
    /// It was never known: it failed before the node had it.
    #[error("{0} was never usable, so nothing is remembered of it")]
    NeverKnown(String),
    /// The record cannot be written.
    #[error("the record of this node's disks cannot be written to {0}: {1}")]
    Record(String, io::Error),
    /// Tag or directory are not well-formed.
    #[error("{0}")]
    Malformed(String),
    /// Tag or directory are in use.
    #[error("{0}")]
    Taken(String),
    /// Written by a newer Godwit.
    #[error("{0}")]
    Newer(CheckedError),
    /// The disk of another cluster, or a second copy of one of this node.
    #[error("{0}")]
    Foreign(String),
    /// Another process has it open.
    #[error("another process uses {}", .0.display())]
    Locked(PathBuf),
    /// Something stands in the directory that no disk of this cluster has put there.
    #[error("{} has no identity file but is not empty: it holds {}", .0.display(), .1.display())]
    NotBlank(PathBuf, PathBuf),
    /// A disk of this cluster with replicas on it.
    #[error("{} is a disk of this cluster and holds {}", .0.display(), .1)]
    HoldsReplicas(PathBuf, String),
    /// The directory cannot be read or written.
    #[error("{} cannot be used: {}", .0.display(), .1)]
    Unusable(PathBuf, String),
    /// The node cannot do without it.
    #[error("{0}")]
    Needed(String),
    /// What stands on it.
    #[error("{tag} is not empty: {what}")]
    NotEmpty {
        /// The disk.
        tag: String,
        /// What stands on it.
        what: String,
        /// What to do about it.
        hint: String,
    },
}

impl DiskSetError {
    /// As another process sees it.
    #[must_use]
    pub fn to_wire(&self) -> WireError {
        WireError::new(self.code(), self.to_string(), self.hint())
    }

    const fn code(&self) -> ErrorCode {
        match self {
            Self::Unknown(..) => ErrorCode::UnknownDisk,
            Self::NeverKnown(_) | Self::Record(..) | Self::Unusable(..) => ErrorCode::DiskIoError,
            Self::Malformed(_) => ErrorCode::InvalidArgument,
            Self::Taken(_) => ErrorCode::AlreadyExists,
            Self::Newer(_) => ErrorCode::NewerFormat,
            Self::Foreign(_) => ErrorCode::ForeignDisk,
            Self::Locked(_) => ErrorCode::Busy,
            Self::NotBlank(..) | Self::HoldsReplicas(..) | Self::NotEmpty { .. } => ErrorCode::DiskNotEmpty,
            Self::Needed(_) => ErrorCode::DiskNeeded,
        }
    }

    fn hint(&self) -> String {
        let hint = match self {
            Self::Unknown(_, tags) => return format!("this node has {}", tags.join(", ")),
            Self::NotEmpty { hint, .. } => hint,
            Self::NeverKnown(_) => "see disk-capacity for what is wrong with it, and the server's log",
            Self::Record(..) => "check the disk that holds `home`",
            Self::Malformed(_) => "write tag:directory, for example disk3:/mnt/c/godwit",
            Self::Taken(_) => "disk-capacity lists the disks of the node; take another tag or directory",
            Self::Newer(_) => "start a newer Godwit, or give a blank directory",
            Self::Foreign(_) => "check what is mounted there; a disk is taken over only blank: make a new file system",
            Self::Locked(_) => "stop that process first, or give another directory",
            Self::NotBlank(..) => "is the right disk mounted there? A new disk must be empty",
            Self::HoldsReplicas(..) => {
                "put it into data_dirs and restart the server: a start decides what becomes of its replicas"
            }
            Self::Unusable(..) => "check the mount, its permissions, and the server's log",
            Self::Needed(_) => "a node keeps one working disk, and the one that holds `home`; see --home",
        };
        hint.to_owned()
    }
}
