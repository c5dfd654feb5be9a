//! A connection to a server of Redis clients, for requests whose answer is a line.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Longest answer that is read in one piece.
const BULK_MAX: usize = 1 << 20;

/// A connection.
#[derive(Debug)]
pub(crate) struct Lines {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Lines {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("reaching {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(1024, stream), line: String::new() })
    }

    /// Sends, without waiting for an answer.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn send(&mut self, requests: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(requests).await?)
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) async fn next(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            bail!("the server has closed the connection");
        }
        Ok(self.line.trim_end())
    }

    /// Sends a request whose answer begins so.
    ///
    /// # Errors
    /// It answers otherwise.
    pub(crate) async fn expect(&mut self, request: &[u8], answer: &str) -> Result<()> {
        self.send(request).await?;
        let line = self.next().await?;
        if line.starts_with(answer) { Ok(()) } else { bail!("the answer is {line:?} and not {answer:?}") }
    }

    /// Sends a request whose answer is a text.
    ///
    /// # Errors
    /// It is none.
    pub(crate) async fn bulk(&mut self, request: &[u8]) -> Result<String> {
        self.send(request).await?;
        let head = self.next().await?;
        let length = head.strip_prefix('$').and_then(|length| length.parse::<usize>().ok());
        let length = length.filter(|length| *length <= BULK_MAX).with_context(|| format!("{head:?} is no text"))?;
        let mut text = vec![0; length + b"\r\n".len()];
        self.stream.read_exact(&mut text).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
