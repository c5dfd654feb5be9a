//! Which disk a new replica goes to. Pure.

use common::rpc::node_admin::DiskStatus;

/// What the choice depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice<'a> {
    pub(super) tag: &'a str,
    pub(super) status: DiskStatus,
    /// Its replicas are to leave it.
    pub(super) draining: bool,
    /// Free share, in percent.
    pub(super) free_percent: u64,
    /// Replicas on it.
    pub(super) replicas: usize,
}

/// The NORMAL disk that is not draining with the most free share; then the one with the fewest replicas; then by tag.
///
/// Whole percents are compared: two data directories on one file system are equal, whatever was written between
/// asking for the one and for the other.
pub(super) fn choose<'a>(disks: &[Choice<'a>]) -> Option<&'a str> {
    let open = disks.iter().filter(|disk| disk.status == DiskStatus::Normal && !disk.draining);
    let best = open.min_by_key(|disk| (std::cmp::Reverse(disk.free_percent), disk.replicas, disk.tag));
    best.map(|disk| disk.tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(tag: &str, free_percent: u64, replicas: usize) -> Choice<'_> {
        Choice { tag, status: DiskStatus::Normal, draining: false, free_percent, replicas }
    }

    #[test]
    fn the_emptiest_working_disk_is_chosen() {
        assert_eq!(choose(&[disk("a", 40, 0), disk("b", 60, 9)]), Some("b"));
        let failed = Choice { status: DiskStatus::IoError, ..disk("b", 60, 0) };
        let full = Choice { status: DiskStatus::SpaceInsufficient, ..disk("c", 50, 0) };
        assert_eq!(choose(&[disk("a", 40, 0), failed.clone(), full.clone()]), Some("a"));
        assert_eq!(choose(&[failed, full]), None);
    }

    #[test]
    fn a_draining_disk_is_never_chosen() {
        let draining = Choice { draining: true, ..disk("b", 60, 0) };
        assert_eq!(choose(&[disk("a", 40, 9), draining.clone()]), Some("a"));
        assert_eq!(choose(&[draining]), None);
    }

    #[test]
    fn equal_disks_take_turns() {
        assert_eq!(choose(&[disk("a", 40, 2), disk("b", 40, 1)]), Some("b"));
        assert_eq!(choose(&[disk("b", 40, 1), disk("a", 40, 1)]), Some("a"));
    }
}
