//! How long moves take: each disk takes part in one at a time, a node runs two, and none passes an older one that waits
//! for a disk of its own. The node's queue goes by the same rule.

use std::collections::{BTreeSet, VecDeque};

use common::rpc::disk_plan::PlannedMove;

/// Moves of one node at the same time.
const MOVES_MAX: usize = 2;
/// What a move takes beside its copy: hand-over, closing, learning the writes that it missed.
const OVERHEAD_MS: u64 = 1000;

struct Running<'a> {
    ends_ms: u64,
    work: &'a PlannedMove,
}

/// Milliseconds until the last has ended; `None` if there is no limit to reckon with.
pub(super) fn expected_ms(moves: &[PlannedMove], max_rate_bytes_per_s: u64) -> Option<u64> {
    if moves.is_empty() {
        return Some(0);
    }
    let rate = Some(max_rate_bytes_per_s).filter(|rate| *rate > 0)?;
    let disks = moves.iter().flat_map(ends).collect::<BTreeSet<_>>().len();
    let (mut waiting, mut running, mut now_ms): (VecDeque<_>, Vec<Running<'_>>, u64) =
        (moves.iter().collect(), Vec::new(), 0);
    while !waiting.is_empty() || !running.is_empty() {
        begin(&mut waiting, &mut running, disks, |work| now_ms + took_ms(work, rate));
        now_ms = running.iter().map(|run| run.ends_ms).min()?;
        running.retain(|run| run.ends_ms > now_ms);
    }
    Some(now_ms)
}

fn begin<'a>(
    waiting: &mut VecDeque<&'a PlannedMove>,
    running: &mut Vec<Running<'a>>,
    disks: usize,
    ends_ms: impl Fn(&PlannedMove) -> u64,
) {
    let mut busy: BTreeSet<&str> = running.iter().flat_map(|run| ends(run.work)).collect();
    let mut at = 0;
    while running.len() < MOVES_MAX && busy.len() < disks {
        let Some(work) = waiting.get(at).copied() else { return };
        let free = ends(work).iter().all(|disk| !busy.contains(disk));
        busy.extend(ends(work));
        if free {
            waiting.remove(at);
            running.push(Running { ends_ms: ends_ms(work), work });
        } else {
            at += 1;
        }
    }
}

fn ends(work: &PlannedMove) -> [&str; 2] {
    [&work.source, &work.target]
}

fn took_ms(work: &PlannedMove, rate: u64) -> u64 {
    let ms = u128::from(work.bytes) * 1000 / u128::from(rate);
    u64::try_from(ms).unwrap_or(u64::MAX).saturating_add(OVERHEAD_MS)
}

#[cfg(test)]
mod tests {
    use common::types::Gpid;

    use super::*;

    fn work(source: u32, target: u32, bytes: u64) -> PlannedMove {
        let disk = |n: u32| format!("disk{n}");
        let (source, target) = (disk(source), disk(target));
        PlannedMove { gpid: Gpid::new(1, 0), source, target, bytes, primary: false, reason: String::new() }
    }

    #[test]
    fn moves_that_share_a_disk_take_their_times_together() {
        assert_eq!(expected_ms(&[work(1, 2, 1000), work(1, 3, 3000)], 1000), Some(1000 + 3000 + 2 * OVERHEAD_MS));
    }

    #[test]
    fn two_moves_without_a_common_disk_run_side_by_side_and_a_third_waits() {
        let moves = [work(1, 2, 1000), work(3, 4, 3000), work(5, 6, 500)];
        assert_eq!(expected_ms(&moves, 1000), Some(3000 + OVERHEAD_MS));
        assert_eq!(expected_ms(&moves[1..], 1000), Some(3000 + OVERHEAD_MS));
        let third = [work(1, 2, 1000), work(3, 4, 1000), work(5, 6, 500)];
        assert_eq!(expected_ms(&third, 1000), Some(1500 + 2 * OVERHEAD_MS));
    }

    #[test]
    fn without_a_limit_nobody_knows_and_nothing_takes_no_time() {
        assert_eq!(expected_ms(&[work(1, 2, 1)], 0), None);
        assert_eq!(expected_ms(&[], 0), Some(0));
    }
}
