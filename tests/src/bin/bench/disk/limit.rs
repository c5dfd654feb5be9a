//! Whether a rate limit is kept, over the whole of MOVING.

use anyhow::{Context as _, Result};
use common::job::JobState;

use super::ground::Ground;
use super::moves::between;
use super::{Scale, rate, size_of};
use crate::report::{Verdict, mib, say};

/// Greatest deviation from the limit.
const GOAL: f64 = 0.05;

/// Measures; prints the line.
///
/// # Errors
/// The move fails.
pub(crate) async fn measure(ground: &Ground, scale: &Scale) -> Result<Vec<Verdict>> {
    let loaded = ground.middle()?;
    let mut place = ground.secondary(loaded).await?;
    let id = ground.begin(&place, scale.kept_rate).await?;
    let job = ground.ended(loaded, &mut place, id, None).await?;
    let moving = between(&job, JobState::Moving, JobState::Moved).context("it was never MOVING")?;
    let (found, limit) = (rate(job.bytes_done, moving as f64 / 1000.0), mib(scale.kept_rate));
    say(&format!(
        "\n#### Limit: {} at a limit of {limit:.0} MiB/s\n\nMOVING took {:.1} s for {:.1} MiB: {found:.2} MiB/s.",
        size_of(loaded),
        moving as f64 / 1000.0,
        mib(job.bytes_done)
    ));
    Ok(vec![Verdict::at_most("deviation from a rate limit, as a share", (found / limit - 1.0).abs(), GOAL)])
}
