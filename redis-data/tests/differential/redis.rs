//! A real server, on a socket in a directory of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use resp::Version;

use crate::shape::Shape;

/// A server that ends with this.
pub(crate) struct Redis {
    process: Child,
    stream: UnixStream,
    unread: Vec<u8>,
    directory: PathBuf,
}

impl Redis {
    pub(crate) fn start(protocol: Version) -> Self {
        let directory = new_directory();
        let socket = directory.join("redis.sock");
        let mut process = spawn(&directory);
        let log = BufReader::new(process.stdout.take().unwrap());
        let ready = log.lines().map_while(Result::ok).any(|line| line.contains("ready to accept connections at"));
        assert!(ready, "the real server ended at its start");
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let mut redis = Self { process, stream, unread: vec![], directory };
        if protocol == Version::Resp3 {
            redis.ask(&[Bytes::from("HELLO"), Bytes::from("3")]);
        }
        redis
    }

    pub(crate) fn ask(&mut self, request: &[Bytes]) -> Shape {
        let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
        for argument in request {
            bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        self.stream.write_all(&bytes).unwrap();
        loop {
            if let Some((shape, rest)) = Shape::read(&self.unread) {
                assert!(rest.is_empty(), "one request, one reply");
                self.unread.clear();
                return shape;
            }
            let mut arrived = [0; 1 << 16];
            let count = self.stream.read(&mut arrived).expect("the real server answers");
            assert!(count > 0, "the real server closed the connection");
            self.unread.extend_from_slice(&arrived[..count]);
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A short path, as the path of a socket has to be.
fn new_directory() -> PathBuf {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let directory = std::env::temp_dir().join(format!("godwit-redis-{}-{number}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    directory
}

/// It listens on no port, writes nothing, and says what it does on its standard output.
fn spawn(directory: &Path) -> Child {
    let run = |program: &str| {
        let options =
            "--port 0 --unixsocket redis.sock --save '' --appendonly no --daemonize no --enable-debug-command yes";
        let options = options.split(' ').map(|word| word.trim_matches('\''));
        let mut command = Command::new(program);
        command.arg0("redis-server").args(options).current_dir(directory);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).stdin(Stdio::null()).spawn()
    };
    let process = run("redis-server").or_else(|_| run("redis-check-rdb"));
    process.expect("this test compares with a real server: install redis-server, or Debian's redis-tools")
}
