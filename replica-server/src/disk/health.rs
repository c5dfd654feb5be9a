//! Whether a disk takes writes and new replicas, and when that changes.

use std::io;
use std::path::Path;

use common::rpc::node_admin::DiskStatus;

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub capacity_bytes: u64,
    /// Free for Godwit.
    pub available_bytes: u64,
}

impl Space {
    /// Asks the file system that holds `path`.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn of(path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Self { capacity_bytes: bytes(stat.f_blocks), available_bytes: bytes(stat.f_bavail) })
    }

    /// Free share in percent, rounded down: differences below that are noise.
    #[must_use]
    pub const fn free_percent(self) -> u64 {
        match (self.available_bytes as u128 * 100).checked_div(self.capacity_bytes as u128) {
            Some(percent) => percent as u64,
            None => 0,
        }
    }
}

/// When a disk counts as full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceLimits {
    /// Full below this share of the capacity, in percent. Default 5.
    pub low_percent: u64,
    /// … or below this, if that is less, in bytes. Default 10 GiB.
    pub low_bytes: u64,
}

impl Default for SpaceLimits {
    fn default() -> Self {
        Self { low_percent: 5, low_bytes: 10 << 30 }
    }
}

impl SpaceLimits {
    /// Below so many free bytes a disk of that capacity is full.
    #[must_use]
    pub fn low_mark(&self, capacity_bytes: u64) -> u64 {
        (capacity_bytes / 100).saturating_mul(self.low_percent).min(self.low_bytes)
    }

    /// It is well again only with a fifth more than that, so that it does not flutter.
    fn well_mark(&self, capacity_bytes: u64) -> u64 {
        let low = self.low_mark(capacity_bytes);
        low + low / 5
    }
}

/// State of a disk. IO_ERROR is final for this process: after a failed fsync nothing that the disk says is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) status: DiskStatus,
    pub(super) reason: Option<String>,
    pub(super) space: Space,
}

impl Health {
    pub(super) const fn new() -> Self {
        let space = Space { capacity_bytes: 0, available_bytes: 0 };
        Self { status: DiskStatus::Normal, reason: None, space }
    }

    pub(super) fn failed(reason: String) -> Self {
        Self { status: DiskStatus::IoError, reason: Some(reason), ..Self::new() }
    }

    /// Gives the disk up; the first cause stays.
    pub(super) fn fail(&mut self, reason: String) {
        if self.status != DiskStatus::IoError {
            (self.status, self.reason) = (DiskStatus::IoError, Some(reason));
        }
    }

    /// Takes what the file system said.
    pub(super) fn measured(&mut self, measured: io::Result<Space>, limits: &SpaceLimits) {
        match measured {
            Err(error) => self.fail(format!("cannot ask for its space: {error}")),
            Ok(space) => {
                self.space = space;
                self.judge(limits);
            }
        }
    }

    /// A write failed for want of space, whatever the file system says.
    pub(super) fn out_of_space(&mut self) {
        if self.status == DiskStatus::Normal {
            (self.status, self.reason) = (DiskStatus::SpaceInsufficient, Some("a write found no space".to_owned()));
        }
    }

    fn judge(&mut self, limits: &SpaceLimits) {
        let Space { capacity_bytes, available_bytes } = self.space;
        match self.status {
            DiskStatus::Normal if available_bytes < limits.low_mark(capacity_bytes) => {
                self.status = DiskStatus::SpaceInsufficient;
                self.reason = Some(format!("{available_bytes} of {capacity_bytes} bytes are free"));
            }
            DiskStatus::SpaceInsufficient if available_bytes >= limits.well_mark(capacity_bytes) => {
                (self.status, self.reason) = (DiskStatus::Normal, None);
            }
            DiskStatus::Normal | DiskStatus::SpaceInsufficient | DiskStatus::IoError => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SpaceLimits = SpaceLimits { low_percent: 10, low_bytes: u64::MAX };

    fn space(available_bytes: u64) -> io::Result<Space> {
        Ok(Space { capacity_bytes: 1000, available_bytes })
    }

    #[test]
    fn a_full_disk_recovers_by_itself_without_fluttering() {
        let mut health = Health::new();
        let mut seen = Vec::new();
        for available in [500, 99, 101, 119, 120, 101, 99] {
            health.measured(space(available), &LIMITS);
            seen.push(health.status == DiskStatus::Normal);
        }
        assert_eq!(seen, [true, false, false, false, true, true, false]);
    }

    #[test]
    fn a_failed_disk_stays_failed_with_its_first_cause() {
        let mut health = Health::new();
        health.fail("first".into());
        health.fail("second".into());
        health.measured(space(900), &LIMITS);
        assert_eq!((health.status, health.reason.as_deref()), (DiskStatus::IoError, Some("first")));
    }

    #[test]
    fn a_large_disk_is_full_at_the_smaller_of_both_limits() {
        assert_eq!(SpaceLimits::default().low_mark(100 << 30), 5 << 30);
        assert_eq!(SpaceLimits::default().low_mark(10 << 40), 10 << 30);
    }
}
