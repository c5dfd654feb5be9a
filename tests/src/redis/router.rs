//! The way of commands to the nodes that serve their slots.

use std::collections::BTreeMap;
use std::time::Duration;

use common::types::slot_of;
use tokio::time::{Instant, timeout_at};

use super::fate::Fate;
use super::wire::{Connection, Reply};

/// Redirections that one command follows.
const MOVED_MAX: usize = 8;

/// A client of a cluster. It does one command at a time.
#[derive(Debug)]
pub struct Router {
    /// Where it asks if it does not know.
    nodes: Vec<String>,
    /// The one that is asked next in such a case.
    turn: usize,
    password: Option<String>,
    deadline: Duration,
    /// Any node is asked first, whether it leads or follows.
    readonly: bool,
    connections: BTreeMap<String, Connection>,
    /// Who serves a slot, as last told.
    routes: BTreeMap<u16, String>,
}

impl Router {
    /// A client that was told of these nodes, and waits so long for an answer.
    #[must_use]
    pub const fn new(nodes: Vec<String>, password: Option<String>, deadline: Duration) -> Self {
        Self {
            nodes,
            turn: 0,
            password,
            deadline,
            readonly: false,
            connections: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }

    /// The same for reads only, of secondaries too: its connections say READONLY, and each read begins at another node.
    #[must_use]
    pub fn readonly(self) -> Self {
        Self { readonly: true, ..self }
    }

    /// Does a command on a key.
    pub async fn ask(&mut self, key: &[u8], command: &[&[u8]]) -> Fate {
        let (slot, until) = (slot_of(key), Instant::now() + self.deadline);
        let mut last = "no node is known".to_owned();
        let known = self.routes.get(&slot).filter(|_| !self.readonly).cloned();
        let mut next = known.or_else(|| self.any());
        for _ in 0..MOVED_MAX {
            let Some(address) = next.take() else { break };
            match self.ask_at(&address, command, until).await {
                Fate::Answered(Reply::Error(error)) => {
                    let moved = error.strip_prefix("MOVED ").and_then(|moved| moved.split_once(' '));
                    let Some((_, there)) = moved else { return Fate::Never(error) };
                    self.routes.insert(slot, there.to_owned());
                    next = Some(there.to_owned());
                    last = error;
                }
                fate @ Fate::Answered(_) => {
                    self.routes.insert(slot, address);
                    return fate;
                }
                fate @ (Fate::Never(_) | Fate::Unknown(_)) => {
                    // Another node knows where the slot is by now.
                    self.routes.retain(|_, at| *at != address);
                    return fate;
                }
            }
        }
        Fate::Never(last)
    }

    fn any(&mut self) -> Option<String> {
        self.turn = self.turn.wrapping_add(1);
        self.nodes.get(self.turn % self.nodes.len().max(1)).cloned()
    }

    async fn ask_at(&mut self, address: &str, command: &[&[u8]], until: Instant) -> Fate {
        let kept = self.connections.remove(address);
        let opened = match kept {
            Some(connection) => Ok(connection),
            None => Connection::open(address, self.password.as_deref(), self.readonly).await,
        };
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(error) => return Fate::Never(error.to_string()),
        };
        match timeout_at(until, connection.ask(command)).await {
            Ok(Ok(reply)) => {
                self.connections.insert(address.to_owned(), connection);
                Fate::Answered(reply)
            }
            // It is not used again: an answer that comes late must not be taken for that of another command.
            Ok(Err(error)) => Fate::Unknown(error.to_string()),
            Err(_) => Fate::Unknown("no answer in time".to_owned()),
        }
    }
}
