//! A connection: commands as Redis clients spell them, one at a time.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest answer that is read.
const BULK_MAX: usize = 4 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK` and the like.
    Simple(String),
    /// A number.
    Integer(i64),
    /// A text, or that there is none.
    Bulk(Option<Bytes>),
    /// `-MOVED …`, `-ERR …`.
    Error(String),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects, and says the password if there is one, and that it only reads.
    ///
    /// # Errors
    /// Nobody answers in time, or the password is wrong.
    pub(super) async fn open(address: &str, password: Option<&str>, readonly: bool) -> Result<Self> {
        let opening = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let mut connection = Self { stream: BufReader::new(stream) };
            let auth = password.map(|password| vec![&b"AUTH"[..], password.as_bytes()]);
            let readonly = readonly.then(|| vec![&b"READONLY"[..]]);
            for command in auth.into_iter().chain(readonly) {
                let said = connection.ask(&command).await?;
                anyhow::ensure!(said == Reply::Simple("OK".to_owned()), "{said:?}");
            }
            Ok(connection)
        };
        timeout(CONNECT_WITHIN, opening).await.with_context(|| format!("no answer from {address}"))?
    }

    /// Sends a command and reads its answer.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer.
    pub(super) async fn ask(&mut self, command: &[&[u8]]) -> Result<Reply> {
        self.stream.write_all(&encode(command)).await?;
        let line = self.line().await?;
        let (kind, rest) = line.split_at_checked(1).context("an empty answer")?;
        Ok(match kind {
            "+" => Reply::Simple(rest.to_owned()),
            "-" => Reply::Error(rest.to_owned()),
            ":" => Reply::Integer(rest.parse()?),
            "$" if rest == "-1" => Reply::Bulk(None),
            "$" => Reply::Bulk(Some(self.bulk(rest.parse()?).await?)),
            _ => bail!("no answer: {line:?}"),
        })
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    async fn bulk(&mut self, bytes: usize) -> Result<Bytes> {
        anyhow::ensure!(bytes <= BULK_MAX, "an answer of {bytes} bytes");
        let mut text = vec![0; bytes + b"\r\n".len()];
        self.stream.read_exact(&mut text).await?;
        text.truncate(bytes);
        Ok(text.into())
    }
}

fn encode(command: &[&[u8]]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", command.len()).into_bytes();
    for argument in command {
        request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        request.extend_from_slice(argument);
        request.extend_from_slice(b"\r\n");
    }
    request
}
