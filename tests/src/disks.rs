//! What lies on the disks of a node, and small file systems to fill up.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use common::types::Gpid;

use crate::cluster::Server;

/// A disk that others write to is asked so often how much is free.
const FILL_TRIES: u32 = 1_000;

/// Tags of the disks on which a directory of this name lies.
///
/// # Errors
/// A disk cannot be read.
pub fn holding(server: &Server, name: &str) -> Vec<String> {
    server.disks.iter().filter(|(_, path)| path.join(name).is_dir()).map(|(tag, _)| tag.clone()).collect()
}

/// Name of a live replica's directory.
#[must_use]
pub fn live(gpid: Gpid) -> String {
    format!("{gpid}.pegasus")
}

/// Name of a moved replica's former directory.
#[must_use]
pub fn origin(gpid: Gpid) -> String {
    format!("{gpid}.pegasus.disk.migrate.ori")
}

/// Name of a replica's directory while it is copied.
#[must_use]
pub fn copying(gpid: Gpid) -> String {
    format!("{gpid}.pegasus.disk.migrate.tmp")
}

/// A file system in memory of limited size; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    ballast: PathBuf,
}

impl SmallDisk {
    /// Mounts one. Needs root.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub fn mount(path: &Path, mib: u64) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        let size = format!("size={mib}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "godwit-test"]).arg(path).output()?;
        if !mounted.status.success() {
            bail!("cannot mount a tmpfs: {}", String::from_utf8_lossy(&mounted.stderr));
        }
        Ok(Self { path: path.to_owned(), ballast: path.join("ballast") })
    }

    /// Whether this process may mount.
    #[must_use]
    pub fn possible() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// Unmounts it as an operator would: fails while any process has a file of it open.
    ///
    /// # Errors
    /// It is in use.
    pub fn unmount(&self) -> Result<()> {
        let unmounted = Command::new("umount").arg(&self.path).output()?;
        if !unmounted.status.success() {
            bail!("cannot unmount: {}", String::from_utf8_lossy(&unmounted.stderr));
        }
        Ok(())
    }

    /// Takes all its space but `leave_mib`, also while others write to it; again, it takes what was given back since.
    ///
    /// # Errors
    /// The kernel does not say how much is free, or what it said never was true.
    pub fn fill(&self, leave_mib: u64) -> Result<()> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.ballast)?;
        let held = file.metadata()?.len();
        for _ in 0..FILL_TRIES {
            let stats = rustix::fs::statvfs(&self.path)?;
            let taken = (stats.f_bavail * stats.f_frsize).saturating_sub(leave_mib << 20);
            if taken == 0 {
                return Ok(());
            }
            match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), held, taken) {
                // Somebody wrote between the question and the request: ask again.
                Err(rustix::io::Errno::NOSPC) => {}
                done => return Ok(done?),
            }
        }
        bail!("what is free of {} changes faster than it can be taken", self.path.display())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// It was not taken.
    pub fn relieve(&self) -> Result<()> {
        Ok(std::fs::remove_file(&self.ballast)?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server under test may still hold files open. It may also be unmounted already.
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}
