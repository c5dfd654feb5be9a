//! Alarms, as `cluster-info` shows them.

use common::alarm::{Alarm, AlarmSubject};
use serde::Serialize;

use super::AddressBook;
use crate::time::rfc3339;

/// What does not get well by itself.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs, reason = "named as in Alarm")]
pub struct AlarmView {
    pub kind: &'static str,
    /// Of a partition.
    pub gpid: Option<String>,
    /// Of a node: its address.
    pub node: Option<String>,
    pub since: Option<String>,
    pub count: Option<u32>,
    pub message: String,
    pub hint: String,
}

/// One alarm.
pub(super) fn view(alarm: &Alarm, book: &AddressBook) -> AlarmView {
    let (gpid, node) = match alarm.subject {
        AlarmSubject::Partition(gpid) => (Some(gpid.to_string()), None),
        AlarmSubject::Node(peer) => (None, Some(book.name(peer))),
    };
    AlarmView {
        kind: alarm.kind.name(),
        gpid,
        node,
        since: alarm.since_ms.map(rfc3339),
        count: alarm.count,
        message: alarm.message.clone(),
        hint: alarm.hint.clone(),
    }
}

/// How many there are, and a paragraph for each that is shown.
pub(super) fn text(alarms: &[AlarmView], total: u32) -> String {
    if total == 0 {
        return "none".to_owned();
    }
    let one = |alarm: &AlarmView| {
        let since = alarm.since.as_ref().map(|since| format!(" since {since}")).unwrap_or_default();
        format!("\n  {}{since}: {}\n    hint: {}", alarm.kind, alarm.message, alarm.hint)
    };
    let hidden = total as usize - alarms.len().min(total as usize);
    let rest = if hidden > 0 { format!("\n  and {hidden} more") } else { String::new() };
    format!("{total}{}{rest}", alarms.iter().map(one).collect::<String>())
}
