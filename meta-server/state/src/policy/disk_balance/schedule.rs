//! How long moves take. All copies of a node share one limit, so however many run at once, their bytes take their time
//! together.

use common::rpc::disk_plan::PlannedMove;

/// What a move takes beside its copy: hand-over, closing, learning the writes that it missed.
const OVERHEAD_MS: u64 = 1000;

/// Milliseconds until the last has ended, at most; `None` if there is no limit to reckon with.
pub(super) fn expected_ms(moves: &[PlannedMove], max_rate_bytes_per_s: u64) -> Option<u64> {
    if moves.is_empty() {
        return Some(0);
    }
    let rate = Some(max_rate_bytes_per_s).filter(|rate| *rate > 0)?;
    let bytes: u128 = moves.iter().map(|work| u128::from(work.bytes)).sum();
    let copying_ms = u64::try_from(bytes * 1000 / u128::from(rate)).unwrap_or(u64::MAX);
    Some(copying_ms.saturating_add(OVERHEAD_MS.saturating_mul(moves.len() as u64)))
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
    fn moves_take_their_times_together_side_by_side_or_not() {
        for target in [2, 4] {
            let moves = [work(1, 2, 1000), work(3, target, 3000)];
            assert_eq!(expected_ms(&moves, 1000), Some(1000 + 3000 + 2 * OVERHEAD_MS));
        }
    }

    #[test]
    fn without_a_limit_nobody_knows_and_nothing_takes_no_time() {
        assert_eq!(expected_ms(&[work(1, 2, 1)], 0), None);
        assert_eq!(expected_ms(&[], 0), Some(0));
    }
}
