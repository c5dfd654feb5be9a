//! Waiting for what other processes do. There is no event to await across a process border, so this looks again and
//! again, with a deadline, and says in the end what was missing.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` finds something; what it says instead is the cause of the failure at the deadline.
///
/// # Errors
/// The deadline passed.
pub async fn until<T>(what: &str, within: Duration, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        let missing = match look().await {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain: {what}: {missing:#}");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Turns a condition into what [`until`] looks for.
///
/// # Errors
/// The condition does not hold; with this text.
pub fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if condition { Ok(()) } else { bail!(otherwise()) }
}
