//! A connection as `CLIENT LIST` and `CLIENT INFO` tell it.

use core::net::SocketAddr;
use std::fmt::Write;

use crate::Version;

/// What is known of a connection.
#[derive(Clone, Debug)]
pub struct Client<'a> {
    /// Its number, which no other connection ever has.
    pub id: u64,
    /// The client's end.
    pub address: SocketAddr,
    /// The server's end.
    pub local_address: SocketAddr,
    /// What it named itself, or nothing.
    pub name: &'a str,
    /// Since it was opened, in seconds.
    pub age_s: u64,
    /// Since it was heard of, in seconds.
    pub idle_s: u64,
    /// Whether it reads from copies that may be behind.
    pub readonly: bool,
    /// Bytes that arrived and are not answered.
    pub unread_bytes: usize,
    /// Bytes that wait to be sent.
    pub unsent_bytes: usize,
    /// Memory that it takes, in bytes.
    pub memory_bytes: usize,
    /// The last command, as the table names it, or nothing.
    pub command: &'a str,
    /// What it speaks.
    pub version: Version,
    /// The library that it uses, or nothing.
    pub library_name: &'a str,
    /// The version of that, or nothing.
    pub library_version: &'a str,
    /// Bytes that arrived on it.
    pub received_bytes: u64,
    /// Bytes that were sent on it.
    pub sent_bytes: u64,
    /// Requests that were answered on it.
    pub commands: u64,
}

/// One line, with its end. Names are checked when they are set ([`Question`](super::Question)), so blanks only separate. Of what
/// there is not here, as transactions and subscriptions, it tells what a connection without them tells.
#[must_use]
pub fn line(client: &Client<'_>) -> String {
    let mut line = String::with_capacity(400);
    // Writing into a text cannot fail.
    let _ = writeln!(
        line,
        "id={} addr={} laddr={} fd=0 name={} age={} idle={} flags={} db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 \
         qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={} oll=0 omem=0 tot-mem={} events={} \
         cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}",
        client.id,
        client.address,
        client.local_address,
        client.name,
        client.age_s,
        client.idle_s,
        if client.readonly { "r" } else { "N" },
        client.unread_bytes,
        client.unsent_bytes,
        client.memory_bytes,
        if client.unsent_bytes > 0 { "rw" } else { "r" },
        if client.command.is_empty() { "NULL" } else { client.command },
        client.version.number(),
        client.library_name,
        client.library_version,
        client.received_bytes,
        client.sent_bytes,
        client.commands,
    );
    line
}
