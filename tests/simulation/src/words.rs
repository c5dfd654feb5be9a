//! The trace's words for events, effects and configurations: short enough to be read in a column.

use std::fmt::Write;

use common::types::{Message, Mutation, PartitionConfig};
use pacifica::{Effect, Event};

fn mutation(mutation: &Mutation) -> String {
    let marker = if crate::runtime::is_opening(mutation) { "!" } else { "" };
    format!("({},{}{marker})", mutation.ballot, mutation.decree)
}

fn mutations<'a>(list: impl IntoIterator<Item = &'a std::sync::Arc<Mutation>>) -> String {
    list.into_iter().map(|m| mutation(m)).collect::<Vec<_>>().join(" ")
}

/// A configuration in one line.
pub(crate) fn config(config: &PartitionConfig) -> String {
    let mut line = format!("{} ballot {}", config.gpid, config.ballot);
    if let Some(primary) = config.primary {
        let _ = write!(line, " primary {primary}{}", if config.consented { "" } else { " (waits)" });
    }
    let list =
        |members: &[common::types::Member]| members.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let _ = write!(line, " secondaries [{}]", list(&config.secondaries));
    if !config.learners.is_empty() {
        let _ = write!(line, " learners [{}]", list(&config.learners));
    }
    if let Some(moving) = config.moving {
        let _ = write!(line, " moving {}#{}", moving.peer, moving.incarnation);
    }
    line
}

fn message(message: &Message) -> String {
    match message {
        Message::Prepare(p) => {
            format!("Prepare b{} base {} committed {} {}", p.ballot, p.base, p.committed, mutations(&p.mutations))
        }
        Message::PrepareAck(a) => format!("Ack b{} matched {} committed {}", a.ballot, a.matched, a.committed),
        Message::PrepareRefused { ballot, reason } => format!("Refused b{ballot} {reason:?}"),
        Message::Config(c) => format!("Config {}", config(c)),
        Message::AskDrop { moving } => format!("AskDrop moving {}", moving.is_some()),
        Message::AskHandOver { to } => format!("AskHandOver to {to}"),
    }
}

/// What happens to a replica.
#[allow(clippy::wildcard_enum_match_arm, reason = "the rest is short as it is")]
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Config(c) => format!("Config {}", config(c)),
        Event::Message(e) => format!("from {}: {}", e.from, message(&e.message)),
        Event::Learned { ballot, mutations: list } => format!("Learned b{ballot} {}", mutations(list)),
        Event::ChangeAnswered { request, config: c } => {
            format!("ChangeAnswered {request:?} {}", c.as_ref().map_or_else(|| "refused".to_owned(), |c| config(c)))
        }
        Event::Gathered => "Gathered".to_owned(),
        Event::Write { token, .. } => format!("Write {token:?}"),
        other => format!("{other:?}"),
    }
}

/// What a replica wants.
#[allow(clippy::wildcard_enum_match_arm, reason = "the rest is short as it is")]
pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Append { seq, mutation: m, committed } => {
            format!("Append #{} {} committed {committed}", seq.0, mutation(m))
        }
        Effect::Send { envelope, after } => {
            format!("to {} after #{}: {}", envelope.to, after.0, message(&envelope.message))
        }
        Effect::Apply { mutation: m, tokens } => format!("Apply {} for {} clients", mutation(m), tokens.len()),
        other => format!("{other:?}"),
    }
}
