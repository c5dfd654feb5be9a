//! How a process is told to stop, and how it tells its parts.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
pub use tokio_util::sync::CancellationToken as Stop;

/// A token that is cancelled at the first SIGTERM or SIGINT. Parts take a clone and wait for `cancelled()`.
///
/// A second signal ends the process at once with exit code 130: who asks twice does not want to wait.
///
/// # Errors
/// The signals cannot be watched.
pub fn on_signal() -> io::Result<Stop> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = Stop::new();
    let told = stop.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
            }
            if told.is_cancelled() {
                tracing::warn!("told to stop twice: ending at once");
                std::process::exit(130);
            }
            told.cancel();
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sigterm_cancels_the_token() {
        let stop = on_signal().unwrap();
        assert!(!stop.is_cancelled());
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM).unwrap();
        stop.cancelled().await;
    }
}
