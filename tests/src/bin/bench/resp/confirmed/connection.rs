//! A connection to a server of either kind, and a batch of writes that it is sent.

use anyhow::{Result, bail};
use futures::future::try_join_all;

use crate::resp::etcd::Puts;
use crate::resp::lines::Lines;
use crate::resp::redis::REPLICAS;

/// How a batch is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol {
    /// SETs in one piece.
    Sets,
    /// The same, and WAIT at their end.
    SetsAndWait,
    /// Puts at once: etcd has no pipeline, but a connection takes many requests side by side.
    Puts,
}

/// A connection.
pub(super) enum Connection {
    Sets { lines: Lines, waits: bool },
    Puts(Puts),
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub(super) async fn open(protocol: Protocol, address: &str) -> Result<Self> {
        Ok(match protocol {
            Protocol::Sets => Self::Sets { lines: Lines::connect(address).await?, waits: false },
            Protocol::SetsAndWait => Self::Sets { lines: Lines::connect(address).await?, waits: true },
            Protocol::Puts => Self::Puts(Puts::connect(address).await?),
        })
    }

    /// Writes a value under these keys; returns when all are answered.
    ///
    /// # Errors
    /// A write is refused.
    pub(super) async fn write(&mut self, keys: &[&str], value: &str) -> Result<()> {
        match self {
            Self::Sets { lines, waits } => sets(lines, *waits, keys, value).await,
            Self::Puts(puts) => try_join_all(keys.iter().map(|key| puts.put(key, value))).await.map(drop),
        }
    }
}

async fn sets(lines: &mut Lines, waits: bool, keys: &[&str], value: &str) -> Result<()> {
    let mut batch = String::new();
    for key in keys {
        let (length, bytes) = (key.len(), value.len());
        batch.push_str(&format!("*3\r\n$3\r\nSET\r\n${length}\r\n{key}\r\n${bytes}\r\n{value}\r\n"));
    }
    if waits {
        batch.push_str(&format!("*3\r\n$4\r\nWAIT\r\n$1\r\n{REPLICAS}\r\n$1\r\n0\r\n"));
    }
    lines.send(batch.as_bytes()).await?;
    for _ in keys {
        answered(lines, "SET", "+OK").await?;
    }
    if waits { answered(lines, "WAIT", &format!(":{REPLICAS}")).await } else { Ok(()) }
}

async fn answered(lines: &mut Lines, command: &str, expected: &str) -> Result<()> {
    let answer = lines.next().await?;
    if answer == expected { Ok(()) } else { bail!("{command} answers {answer:?}") }
}
