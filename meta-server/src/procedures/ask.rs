//! What procedures ask of nodes: the primary is told, and then the outcome is waited for, not polled.

use std::time::Duration;

use common::rpc::{ErrorCode, WireError, WireResult};
use common::types::{Gpid, Member};
use meta_state::{Answer, Ask, Request};
use tokio::time::Instant;

use crate::owner::{Handle, Owner};
use crate::push::NodeLinks;

/// A node takes a wish within this.
const TELL_MAX: Duration = Duration::from_secs(3);
/// The outcome is waited for so long; then the wish is said again.
const OUTCOME_MAX: Duration = Duration::from_secs(10);

/// Asks, and waits for the outcome.
///
/// # Errors
/// The primary's refusal, or that nothing came of it in time. It may still come.
pub(super) async fn perform(owner: &Handle, links: &NodeLinks, ask: Ask) -> WireResult<Answer> {
    let Ask { gpid, primary, request, .. } = ask;
    match request {
        Request::HandOver { to, address } => hand_over(links, &primary, gpid, to, &address).await,
        Request::Drop { member } => drop_member(owner, links, &primary, gpid, member).await,
    }
}

/// The pause is counted from before the old primary hears of it until the new one has said that it serves.
async fn hand_over(links: &NodeLinks, primary: &str, gpid: Gpid, to: Member, address: &str) -> WireResult<Answer> {
    let (old, new) = (links.get(primary), links.get(address));
    let served =
        new.ask(OUTCOME_MAX, |client, context| async move { client.serving(context, gpid, to.incarnation).await });
    let began = Instant::now();
    let told = old.ask(TELL_MAX, |client, context| async move { client.hand_over(context, gpid, to).await });
    let ((), ()) = tokio::try_join!(told, served)?;
    Ok(Answer::HandedOver { write_pause_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
}

async fn drop_member(
    owner: &Handle,
    links: &NodeLinks,
    primary: &str,
    gpid: Gpid,
    member: Member,
) -> WireResult<Answer> {
    let link = links.get(primary);
    link.ask(TELL_MAX, |client, context| async move { client.drop_member(context, gpid, member).await }).await?;
    let mut changes = owner.changes();
    let gone = async {
        loop {
            changes.mark_unchanged();
            let names = move |owner: &mut Owner| {
                Ok(owner.cluster().config(gpid).is_some_and(|config| config.copies().any(|copy| copy == member)))
            };
            if !owner.ask(names).await? || changes.changed().await.is_err() {
                return Ok(Answer::Dropped);
            }
        }
    };
    tokio::time::timeout(OUTCOME_MAX, gone).await.unwrap_or_else(|_| {
        let message = format!("the primary of {gpid} was asked to drop {member} and has not within {OUTCOME_MAX:?}");
        Err(WireError::new(ErrorCode::Timeout, message, "it does once enough members are left: admin-cli app TABLE -d"))
    })
}
