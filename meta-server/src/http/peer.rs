//! A node as the routes name it.

use std::collections::BTreeMap;

use common::types::PeerId;
use serde::Serialize;

/// A node: its id and its address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Peer {
    id: PeerId,
    pub(super) addr: String,
}

/// The address of every node.
#[derive(Clone, Debug, Default)]
pub(super) struct AddressBook(BTreeMap<PeerId, String>);

impl AddressBook {
    pub(super) fn new(nodes: impl IntoIterator<Item = (PeerId, String)>) -> Self {
        Self(nodes.into_iter().collect())
    }

    /// The node; one that is not known has an empty address.
    pub(super) fn peer(&self, id: PeerId) -> Peer {
        Peer { id, addr: self.0.get(&id).cloned().unwrap_or_default() }
    }
}
