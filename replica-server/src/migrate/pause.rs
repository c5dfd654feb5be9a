//! For how long a table of one replica took no writes because of its move. Other tables have members that go on.

use super::driver::Driver;
use super::host::MoveHost;

/// Waits until the partition serves again and returns the time since its primary was told to stop, in milliseconds; `None`
/// for other tables, for a primary that was not told, and if it does not serve before the process stops.
pub(super) fn write_pause_ms<H: MoveHost>(driver: &Driver<H>) -> Option<u64> {
    let record = driver.cell.record();
    let since_ms = record.paused_at_ms.filter(|_| record.sole)?;
    let served = driver.answer(driver.host.wait_serving(driver.gpid())).ok()?;
    let note = |error| tracing::warn!(gpid = %driver.gpid(), %error, "the write pause of a move is unknown");
    served.map_err(note).ok().map(|()| driver.clock.wall_ms().saturating_sub(since_ms))
}
