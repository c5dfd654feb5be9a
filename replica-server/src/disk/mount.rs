//! How the file system of a disk is mounted.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor};

/// Whether the device below `path` is told of freed blocks at once, so that every fsync waits while it is. False where that
/// cannot be found out.
pub(super) fn discards(path: &Path) -> bool {
    let Ok(device) = fs::metadata(path).map(|metadata| metadata.dev()) else { return false };
    let device = format!("{}:{}", major(device), minor(device));
    fs::read_to_string("/proc/self/mountinfo").is_ok_and(|mounts| mounts_discarding(&mounts, &device))
}

/// `mounts`: lines as of proc_pid_mountinfo(5), whose third field is the device, and the last one the options of its file
/// system. `discard=async` (btrfs) holds nobody up.
fn mounts_discarding(mounts: &str, device: &str) -> bool {
    let of_device = mounts.lines().filter(|line| line.split(' ').nth(2) == Some(device));
    let mut options = of_device.filter_map(|line| line.rsplit(' ').next()).flat_map(|options| options.split(','));
    options.any(|option| matches!(option, "discard" | "discard=sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_options_of_the_disks_own_file_system_count() {
        let mounts = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard,resuid=0\n\
                      40 22 254:16 / /mnt/b rw - ext4 /dev/vdb rw,nodiscard\n\
                      41 22 0:44 / /mnt/c rw - btrfs /dev/vdc rw,discard=async,space_cache\n\
                      42 22 254:48 / /mnt/d rw - btrfs /dev/vdd rw,discard=sync\n";
        let found = ["254:0", "254:16", "0:44", "254:48", "9:9"].map(|device| mounts_discarding(mounts, device));
        assert_eq!(found, [true, false, false, true, false]);
    }

    #[test]
    fn a_path_that_is_not_there_discards_nothing() {
        assert!(!discards(Path::new("/no/such/path")));
    }
}
