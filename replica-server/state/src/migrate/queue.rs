//! Which queued moves may begin: at most one per disk and two per node, in order, all slots taken at once.

use std::collections::BTreeSet;

/// Moves of one node at the same time.
pub const MOVES_MAX: usize = 2;

/// A move that runs or waits, reduced to the slots it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting<I> {
    /// Which job.
    pub id: I,
    /// Disk tag it leaves.
    pub source: String,
    /// Disk tag it goes to.
    pub target: String,
}

/// The waiting moves that may begin now, in order.
///
/// A move never overtakes an older one that waits for a disk of its own, so none waits for ever; it may pass an older
/// one with which it shares no disk.
#[must_use]
pub fn admit<I: Clone>(running: &[Waiting<I>], waiting: &[Waiting<I>]) -> Vec<I> {
    let mut taken: BTreeSet<&str> = running.iter().flat_map(disks).collect();
    let mut admitted = Vec::new();
    for next in waiting {
        let free = disks(next).into_iter().all(|disk| !taken.contains(disk));
        if free && running.len() + admitted.len() < MOVES_MAX {
            admitted.push(next.id.clone());
        }
        taken.extend(disks(next));
    }
    admitted
}

fn disks<I>(waiting: &Waiting<I>) -> [&str; 2] {
    [&waiting.source, &waiting.target]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn move_of(id: u32, source: u8, target: u8) -> Waiting<u32> {
        Waiting { id, source: format!("disk{source}"), target: format!("disk{target}") }
    }

    #[test]
    fn moves_that_share_a_disk_wait_for_each_other() {
        assert_eq!(admit(&[], &[move_of(1, 1, 2), move_of(2, 2, 3), move_of(3, 4, 5)]), [1, 3]);
    }

    #[test]
    fn a_younger_move_never_takes_a_disk_that_an_older_one_waits_for() {
        assert_eq!(admit(&[move_of(1, 1, 2)], &[move_of(2, 2, 3), move_of(3, 3, 4)]), [0_u32; 0]);
    }

    #[test]
    fn a_node_runs_two_moves_at_once() {
        let waiting = [move_of(1, 1, 2), move_of(2, 3, 4), move_of(3, 5, 6)];
        assert_eq!(admit(&[], &waiting), [1, 2]);
        assert_eq!(admit(&waiting[..2], &waiting[2..]), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn whatever_waits_the_slots_are_never_taken_twice(pairs in proptest::collection::vec((0_u8..6, 0_u8..6), 0..12)) {
            let waiting: Vec<_> = pairs.iter().enumerate().map(|(id, (a, b))| move_of(id as u32, *a, *b + 6 * u8::from(a == b))).collect();
            let admitted = admit(&[], &waiting);
            let disks: Vec<_> = waiting.iter().filter(|w| admitted.contains(&w.id)).flat_map(disks).collect();
            prop_assert_eq!(disks.iter().collect::<BTreeSet<_>>().len(), disks.len());
            prop_assert!(admitted.len() <= MOVES_MAX);
            prop_assert!(waiting.is_empty() || admitted.first() == Some(&0), "the oldest may always begin on an idle node");
        }
    }
}
