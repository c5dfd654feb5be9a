//! Open files. Every replica holds about ten, so a node with very many meets the limit of its process; past it nothing can
//! be written any more. New copies are refused before that.

use std::fs;

use common::rpc::{ErrorCode, WireError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Past this share of the limit, in percent, no new copy is made: what is there needs the rest for its tables and learners.
const SCARCE_PERCENT: u64 = 75;
/// With a lower limit a node with some thousand replicas is in trouble.
const WARN_BELOW: u64 = 16_384;

/// Raises this process' limit as far as it may, and says so if that is little.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        tracing::warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
    if limit.maximum.is_some_and(|maximum| maximum < WARN_BELOW) {
        tracing::warn!("at most {:?} open files, which is little: raise LimitNOFILE or ulimit -n", limit.maximum);
    }
}

/// Whether a new copy may be made. Reads /proc, so it blocks.
///
/// # Errors
/// `DiskSpaceInsufficient`: the node has no room, if not for want of space.
pub(crate) fn ensure_plenty() -> Result<(), WireError> {
    let (Some(limit), Ok(open)) = (getrlimit(Resource::Nofile).current, fs::read_dir("/proc/self/fd")) else {
        return Ok(());
    };
    let in_use = open.count() as u64;
    if is_scarce(in_use, limit) {
        let text = format!("this node has {in_use} files open of at most {limit}: it takes no new replica");
        return Err(WireError::new(
            ErrorCode::DiskSpaceInsufficient,
            text,
            "raise LimitNOFILE (ulimit -n), or add nodes",
        ));
    }
    Ok(())
}

const fn is_scarce(in_use: u64, limit: u64) -> bool {
    in_use.saturating_mul(100) >= limit.saturating_mul(SCARCE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_scarce_from_three_quarters_of_the_limit_on() {
        assert!(!is_scarce(749, 1000));
        assert!(is_scarce(750, 1000));
        assert!(!is_scarce(1_000_000, u64::MAX), "without a limit they never are");
    }
}
