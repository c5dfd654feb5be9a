//! One connection: requests in, replies out, in order.
//!
//! Writes that follow each other are all handed to their partitions before the first is waited for, so that those of one
//! pipeline share mutations. Anything that reads waits for the writes before it, and so sees them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use resp::Reply;
use resp::command::{Flag, Spec, resolve};
use resp::protocol::{Parser, Progress};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::clients::Identity;
use super::door::Door;
use super::replies::Replies;
use super::session::Session;

/// Read at once.
const INPUT: usize = 16 << 10;
/// Replies that are gathered before they are sent.
const OUTPUT: usize = 64 << 10;
/// Writes of one connection that wait at once.
const WRITES: usize = 1024;
/// A client that takes none of what it asked for is given up.
const SEND: Duration = Duration::from_secs(60);

/// A connection.
pub(super) struct Connection {
    door: Arc<Door>,
    session: Session,
    parser: Parser,
    input: BytesMut,
    replies: Replies,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.door.clients.leave(self.session.me.id);
    }
}

impl Connection {
    pub(super) fn new(door: Arc<Door>, me: Arc<Identity>) -> Self {
        let session = Session::new(me, &door.parameters);
        Self { door, session, parser: Parser::new(), input: BytesMut::new(), replies: Replies::default() }
    }

    /// Serves it until either side ends it.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) async fn run(mut self, mut stream: TcpStream) -> io::Result<()> {
        while !self.session.ends && self.receive(&mut stream).await? {
            self.requests(&mut stream).await?;
            self.settle().await;
            // Everyone else who is ready goes first: then all replies leave at once, and a client with many connections is
            // woken once for them.
            tokio::task::yield_now().await;
            self.send(&mut stream).await?;
        }
        Ok(())
    }

    /// False: the client has ended it, or said nothing for too long.
    async fn receive(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        if self.input.is_empty() && self.input.capacity() > 4 * INPUT {
            self.input = BytesMut::new();
        }
        self.input.reserve(INPUT);
        let read = stream.read_buf(&mut self.input);
        let count = match self.door.parameters.idle_max() {
            None => read.await?,
            Some(idle) => match tokio::time::timeout(idle, read).await {
                Ok(count) => count?,
                Err(_) => return Ok(false),
            },
        };
        let me = &self.session.me;
        me.received.fetch_add(count as u64, Ordering::Relaxed);
        me.heard.store(self.door.node.clock.mono().0, Ordering::Relaxed);
        Ok(count > 0)
    }

    /// All requests that have arrived whole.
    async fn requests(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while !self.session.ends {
            match self.parser.parse(&self.input, &self.session.limits()) {
                Ok(Progress::Incomplete { missing }) => {
                    // A length that was merely announced is no reason to set much memory aside.
                    self.input.reserve(missing.min(4 * INPUT));
                    break;
                }
                Ok(Progress::Blank { consumed }) => self.input.advance(consumed),
                Ok(Progress::Request { consumed }) => {
                    let frame = self.input.split_to(consumed).freeze();
                    let arguments = self.parser.share(&frame);
                    self.request(&arguments).await;
                    self.relieve(stream).await?;
                }
                Err(error) => {
                    self.answer(error.into());
                    self.session.ends = true;
                }
            }
        }
        self.session.me.unread.store(self.input.len(), Ordering::Relaxed);
        Ok(())
    }

    async fn request(&mut self, arguments: &[Bytes]) {
        self.door.commands.inc();
        self.session.me.commands.fetch_add(1, Ordering::Relaxed);
        let checked = resolve(arguments).and_then(|spec| self.session.permits(spec).map(|()| spec));
        let spec = match checked {
            Ok(spec) => spec,
            Err(reply) => return self.answer(reply),
        };
        self.session.me.names.lock().command = spec.name;
        match spec.slot(arguments) {
            Err(crossed) => self.answer(Reply::error(crossed.to_string())),
            Ok(Some(slot)) if spec.is(Flag::Write) => self.write(slot, arguments).await,
            Ok(Some(slot)) => {
                self.settle().await;
                if self.session.ends {
                    return;
                }
                let reply = self.read(slot, arguments).await;
                self.answer(reply);
            }
            Ok(None) => self.keyless(spec, arguments).await,
        }
    }

    async fn read(&self, slot: u16, arguments: &[Bytes]) -> Reply {
        let (door, version) = (&self.door, self.session.version);
        if self.session.me.readonly.load(Ordering::Relaxed)
            && let Some(reply) = door.read_secondary(slot, arguments, version).await
        {
            return reply;
        }
        door.read(slot, arguments, version).await
    }

    async fn write(&mut self, slot: u16, arguments: &[Bytes]) {
        match self.door.write(slot, arguments, self.session.version).await {
            Ok(writing) => {
                self.session.wrote = Some(slot);
                self.replies.await_write(slot, writing);
            }
            Err(reply) => self.answer(reply),
        }
    }

    async fn keyless(&mut self, spec: &'static Spec, arguments: &[Bytes]) {
        self.settle().await;
        if self.session.ends {
            return;
        }
        let door = Arc::clone(&self.door);
        let reply = match door.keyspace(spec, arguments, self.session.version).await {
            Some(reply) => reply,
            None => door.serve(spec, arguments, &mut self.session).await,
        };
        self.answer(reply);
    }

    fn answer(&mut self, reply: Reply) {
        self.replies.answer(reply, self.session.version);
    }

    /// Waits for all that waits.
    async fn settle(&mut self) {
        let door = &self.door;
        self.replies.settle(self.session.version, |slot, error| door.refusal(slot, error)).await;
        self.session.ends |= self.replies.is_severed();
    }

    /// Keeps what waits in memory bounded.
    async fn relieve(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        if self.replies.waiting() >= WRITES {
            self.settle().await;
        }
        if self.replies.output.len() >= OUTPUT { self.send(stream).await } else { Ok(()) }
    }

    async fn send(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let (output, me) = (&mut self.replies.output, &self.session.me);
        if output.is_empty() {
            return Ok(());
        }
        me.unsent.store(output.len(), Ordering::Relaxed);
        // Mostly the system takes all of it at once.
        let taken = match stream.try_write(output) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            taken => taken?,
        };
        if let Some(rest) = output.get(taken..).filter(|rest| !rest.is_empty()) {
            let sent = tokio::time::timeout(SEND, stream.write_all(rest)).await;
            sent.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        }
        me.sent.fetch_add(output.len() as u64, Ordering::Relaxed);
        me.unsent.store(0, Ordering::Relaxed);
        output.clear();
        if output.capacity() > 4 * OUTPUT {
            *output = BytesMut::new();
        }
        Ok(())
    }
}
