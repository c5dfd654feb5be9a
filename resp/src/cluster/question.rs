//! Which question of `CLUSTER …` is asked, and the answers that the topology gives.

use common::types::{SLOTS, slot_of};

use super::info::info;
use super::nodes::nodes;
use super::shards::shards;
use super::slots::slots;
use super::{Node, Topology};
use crate::command::{Spec, help, lookup};
use crate::number::parse_integer;
use crate::{Reply, errors};

/// What a client wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `CLUSTER COUNTKEYSINSLOT`: only who has the data can answer.
    CountKeys {
        /// The slot.
        slot: u16,
    },
    /// `CLUSTER GETKEYSINSLOT`: only who has the data can answer.
    GetKeys {
        /// The slot.
        slot: u16,
        /// How many keys at most.
        count: u64,
    },
    /// `CLUSTER LINKS`: only who has the connections can answer, with [`links`](super::links).
    Links,
    /// `CLUSTER KEYSLOT` of a key in this slot.
    KeySlot(u16),
    /// `CLUSTER HELP`
    Help,
    /// `CLUSTER INFO`
    Info,
    /// `CLUSTER MYID`
    MyId,
    /// `CLUSTER MYSHARDID`
    MyShardId,
    /// `CLUSTER NODES`
    Nodes,
    /// `CLUSTER SHARDS`
    Shards,
    /// `CLUSTER SLOTS`
    Slots,
}

impl Question {
    /// Reads the arguments that [`resolve`](crate::command::resolve) took for `spec`.
    ///
    /// # Errors
    /// The answer, if an argument is wrong.
    pub fn parse<A: AsRef<[u8]>>(spec: &Spec, arguments: &[A]) -> Result<Self, Reply> {
        let argument = |index: usize| arguments.get(index).map(A::as_ref).unwrap_or_default();
        Ok(match spec.name {
            "cluster|countkeysinslot" => Self::CountKeys { slot: slot(argument(2), "ERR Invalid slot")? },
            "cluster|getkeysinslot" => get_keys(argument(2), argument(3))?,
            "cluster|keyslot" => Self::KeySlot(slot_of(argument(2))),
            "cluster|info" => Self::Info,
            "cluster|links" => Self::Links,
            "cluster|myid" => Self::MyId,
            "cluster|myshardid" => Self::MyShardId,
            "cluster|nodes" => Self::Nodes,
            "cluster|shards" => Self::Shards,
            "cluster|slots" => Self::Slots,
            _ => Self::Help,
        })
    }
}

/// The answer, if the topology alone gives it.
#[must_use]
pub fn answer(question: Question, topology: &Topology) -> Option<Reply> {
    let mine = |id: fn(&Node) -> String| Reply::bulk_or_null(topology.myself().map(id));
    Some(match question {
        Question::CountKeys { .. } | Question::GetKeys { .. } | Question::Links => return None,
        Question::KeySlot(slot) => Reply::Integer(i64::from(slot)),
        Question::Help => help(lookup(b"cluster")?),
        Question::Info => Reply::verbatim(info(topology)),
        Question::MyId => mine(|node| node.id.to_string()),
        Question::MyShardId => mine(|node| node.shard.to_string()),
        Question::Nodes => Reply::verbatim(nodes(topology)),
        Question::Shards => shards(topology),
        Question::Slots => slots(topology),
    })
}

/// Both arguments are read before either is judged, as in real servers.
fn get_keys(slot_text: &[u8], count: &[u8]) -> Result<Question, Reply> {
    const WRONG: &str = "ERR Invalid slot or number of keys";
    integer(slot_text)?;
    let count = u64::try_from(integer(count)?).map_err(|_| Reply::error(WRONG))?;
    Ok(Question::GetKeys { slot: slot(slot_text, WRONG)?, count })
}

fn slot(text: &[u8], wrong: &'static str) -> Result<u16, Reply> {
    let slot = u16::try_from(integer(text)?).ok().filter(|slot| *slot < SLOTS);
    slot.ok_or_else(|| Reply::error(wrong))
}

fn integer(text: &[u8]) -> Result<i64, Reply> {
    parse_integer(text).ok_or_else(|| Reply::error(errors::NOT_AN_INTEGER))
}
