//! `--watch`: a view that is drawn again and again on a terminal, until Ctrl-C or until nothing is left to wait for.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use common::rpc::{ErrorCode, WireError, WireResult};

use crate::context::Context;
use crate::output::{Output, error_line};

const EVERY: Duration = Duration::from_secs(1);
/// Cursor to the upper left, and nothing below it.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Whether somebody sees what is drawn.
fn is_seen(context: &Context) -> bool {
    !context.json() && std::io::stdout().is_terminal()
}

/// Refuses to draw where nobody sees it.
///
/// # Errors
/// With `--json`, or without a terminal.
pub(crate) fn needs_terminal(context: &Context) -> WireResult<()> {
    if is_seen(context) {
        return Ok(());
    }
    let hint = "leave --watch out and ask again and again, or run it in a terminal without --json";
    Err(WireError::new(ErrorCode::InvalidArgument, "--watch draws on a terminal, and prints no document", hint))
}

/// Draws what `look` finds every second until it says that it was the last, or until Ctrl-C; that is the result. Where
/// nobody sees it nothing is drawn on the way.
///
/// # Errors
/// The first look's; later only those that no waiting cures.
pub(crate) async fn watch(
    context: &Context,
    mut look: impl AsyncFnMut() -> WireResult<(Output, bool)>,
) -> WireResult<Output> {
    let (mut shown, mut last) = look().await?;
    while !last {
        draw(context, &shown.text);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        match look().await {
            Ok(now) => (shown, last) = now,
            Err(error) if matches!(error.code, ErrorCode::Unreachable | ErrorCode::Timeout) => {
                draw(context, &format!("{}\n{}", shown.text, error_line(&error, false)));
            }
            Err(error) => return Err(error),
        }
    }
    draw(context, "");
    Ok(shown)
}

fn draw(context: &Context, text: &str) {
    if is_seen(context) {
        // A terminal that went away ends the process by itself.
        let _ = write!(std::io::stdout(), "{CLEAR}{text}").and_then(|()| std::io::stdout().flush());
    }
}
