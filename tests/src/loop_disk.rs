//! A disk whose power can be cut: an ext4 in a file, on a loop mount. What was not fsynced is gone after it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// EXT4_IOC_SHUTDOWN without a flush of the journal: from here on every call fails with EIO, and nothing more is written.
const CUT: &str = r#"open(my $disk, "<", $ARGV[0]) or die "open: $!";
    my $flags = pack("L", 2);
    ioctl($disk, 0x8004587d, $flags) or die "ioctl: $!";"#;

/// An ext4 in a file; unmounted when dropped.
#[derive(Debug)]
pub struct LoopDisk {
    image: PathBuf,
    path: PathBuf,
}

impl LoopDisk {
    /// Whether this process may mount, and the tools are there.
    #[must_use]
    pub fn possible() -> bool {
        let there = |tool: &str| Command::new(tool).arg("-V").output().is_ok();
        rustix::process::geteuid().is_root() && Path::new("/dev/loop-control").exists() && there("mkfs.ext4")
    }

    /// Makes a file system of so many MiB in the file `image`, and mounts it at `path`.
    ///
    /// # Errors
    /// It cannot be made or mounted.
    pub fn make(image: &Path, path: &Path, mib: u64) -> Result<Self> {
        std::fs::create_dir_all(path)?;
        std::fs::File::create(image)?.set_len(mib << 20)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image))?;
        let disk = Self { image: image.to_owned(), path: path.to_owned() };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts its power: whoever uses it meets errors from now on.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn cut_power(&self) -> Result<()> {
        run(Command::new("perl").args(["-e", CUT]).arg(&self.path))
    }

    /// Mounts it again after its power was cut, as a machine does that starts. Nobody may use it any more.
    ///
    /// # Errors
    /// Somebody has a file of it open, or it cannot be mounted.
    pub fn power_on(&self) -> Result<()> {
        run(Command::new("umount").arg(&self.path))?;
        self.mount()
    }

    /// The kernel meets an error and makes it read-only.
    ///
    /// # Errors
    /// The kernel has no such trigger.
    pub fn make_read_only(&self) -> Result<()> {
        let found = Command::new("findmnt").args(["-n", "-o", "SOURCE"]).arg(&self.path).output()?;
        let device = String::from_utf8(found.stdout)?;
        let name = device.trim().rsplit('/').next().context("no device")?;
        Ok(std::fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "a test")?)
    }

    fn mount(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "loop,errors=remount-ro"]).arg(&self.image).arg(&self.path))
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).output();
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_power_cut_takes_what_was_not_fsynced_and_nothing_else() {
        if !LoopDisk::possible() {
            eprintln!("passed over: a loop mount needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let disk = LoopDisk::make(&dir.path().join("image"), &dir.path().join("mount"), 64).unwrap();
        let (kept, lost) = (disk.path().join("kept"), disk.path().join("lost"));
        fs::write(&kept, "durable").unwrap();
        File::open(&kept).unwrap().sync_all().unwrap();
        File::open(disk.path()).unwrap().sync_all().unwrap();
        fs::write(&lost, "in memory").unwrap();
        disk.cut_power().unwrap();
        assert!(fs::write(disk.path().join("late"), "x").is_err(), "it has no power");
        disk.power_on().unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "durable");
        assert!(!lost.exists() && !disk.path().join("late").exists());
    }
}
