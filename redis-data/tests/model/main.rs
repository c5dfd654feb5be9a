//! Sequences of commands over a time of their own, against a model that holds plain maps; and what each kind of scan
//! promises while keys and fields come and go.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test"
)]

mod action;
mod hostile;
mod plain;
mod promises;
mod scans;
#[path = "../support/mod.rs"]
mod support;

use proptest::prelude::*;
use resp::Reply;

use crate::action::{Action, actions};
use crate::plain::Plain;
use crate::support::node::Node;

const START_MS: u64 = 1_700_000_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_stored_behaves_like_plain_maps(actions in actions(120)) {
        let (mut node, mut plain) = (Node::new(START_MS), Plain::new(START_MS));
        for (number, action) in actions.iter().enumerate() {
            let expected = plain.answer(action);
            let Some(request) = action.request() else {
                match action {
                    Action::Wait(ms) => node.now_ms += ms,
                    // With no skew between clocks, what is expired now may go now.
                    _ => node.records.compact(node.now_ms),
                }
                continue;
            };
            let request: Vec<_> = request.iter().map(String::as_str).collect();
            prop_assert_eq!(sorted(node.say(&request)), sorted(expected), "{}: {:?} of {:#?}", number, action, actions);
        }
    }

    #[test]
    fn once_compacted_only_what_lives_has_fields(actions in actions(60)) {
        let (mut node, mut plain) = (Node::new(START_MS), Plain::new(START_MS));
        for action in &actions {
            plain.answer(action);
            match (action.request(), action) {
                (Some(request), _) => drop(node.say(&request.iter().map(String::as_str).collect::<Vec<_>>())),
                (None, Action::Wait(ms)) => node.now_ms += ms,
                (None, _) => {}
            }
        }
        node.records.compact(node.now_ms);
        prop_assert_eq!(node.records.fields(), plain.fields());
    }
}

/// Lists whose order means nothing are compared in one order.
fn sorted(reply: Reply) -> Reply {
    let text = |reply: &Reply| format!("{reply:?}");
    match reply {
        Reply::Map(mut pairs) => {
            pairs.sort_by_key(|(field, _)| text(field));
            Reply::Map(pairs)
        }
        Reply::Array(mut elements) => {
            elements.sort_by_key(text);
            Reply::Array(elements)
        }
        other => other,
    }
}
