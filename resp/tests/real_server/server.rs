//! A real server on a socket in a directory of its own, spoken to in bare bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;
use resp::{Reply, Version};
use tempfile::TempDir;

/// A server that ends with this.
pub(crate) struct Server {
    process: Child,
    directory: TempDir,
}

/// A connection to it.
pub(crate) struct Connection(UnixStream);

impl Server {
    /// It listens on no port and writes nothing. In Debian's redis-tools the same program is called `redis-check-rdb`.
    pub(crate) fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let start = |program: &str| {
            let mut command = Command::new(program);
            command.arg0("redis-server").current_dir(directory.path());
            command.args(["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--enable-debug-command", "yes"]);
            command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn()
        };
        let process = start("redis-server").or_else(|_| start("redis-check-rdb"));
        let mut process = process.expect("this test needs a real server: install redis-tools");
        let log = BufReader::new(process.stdout.take().unwrap());
        let ready = log.lines().map_while(Result::ok).any(|line| line.contains("ready to accept connections at"));
        assert!(ready, "the real server ended at its start");
        Self { process, directory }
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = UnixStream::connect(self.directory.path().join("redis.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Connection(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Connection {
    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Sends a request.
    pub(crate) fn request<A: AsRef<[u8]>>(&mut self, arguments: &[A]) {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments.iter().map(A::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.send(&bytes);
    }

    /// Asserts that what the server sends next is this reply, byte for byte.
    #[track_caller]
    pub(crate) fn expect(&mut self, reply: &Reply, version: Version, of_what: &str) {
        let mut expected = BytesMut::new();
        reply.encode(version, &mut expected);
        let mut arrived = vec![];
        while arrived.len() < expected.len() && expected.starts_with(&arrived) {
            let missing = expected.len() - arrived.len();
            arrived.extend_from_slice(&self.some(missing));
        }
        assert_eq!(Bytes::from(arrived), expected, "{of_what}");
    }

    /// Asserts that the server has closed the connection, or has nothing more to say on it.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.some(1), b"");
    }

    /// The next reply, in RESP2.
    pub(crate) fn frame(&mut self) -> OwnedFrame {
        let mut arrived = vec![];
        loop {
            if let Some((frame, bytes)) = decode(&arrived).unwrap() {
                assert_eq!(bytes, arrived.len(), "one request, one reply");
                return frame;
            }
            let more = self.some(1 << 16);
            assert!(!more.is_empty(), "the real server closed the connection");
            arrived.extend_from_slice(&more);
        }
    }

    /// Reads up to the end of something that a reply ends with.
    pub(crate) fn skip_until(&mut self, end: &[u8]) {
        let mut arrived = vec![];
        while !arrived.ends_with(end) {
            arrived.extend_from_slice(&self.some(1));
        }
    }

    /// Up to so many bytes, as soon as there are any.
    fn some(&mut self, bytes_max: usize) -> Vec<u8> {
        let mut arrived = vec![0; bytes_max];
        let count = self.0.read(&mut arrived).unwrap();
        arrived.truncate(count);
        arrived
    }
}
