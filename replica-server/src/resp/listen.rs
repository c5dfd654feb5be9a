//! Connections are taken in, up to a limit.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::shutdown::Stop;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::connection::Connection;
use super::door::Door;

const FULL: &[u8] = b"-ERR max number of clients reached\r\n";
/// After a connection could not be taken in, for example because no file may be opened.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until told to stop; connections then end with their clients' requests under way unanswered.
pub(crate) async fn serve(listener: TcpListener, door: Arc<Door>, stop: Stop) {
    tokio::spawn(Arc::clone(&door.freshness).run(stop.clone()));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => take_in(stream, &door, &stop),
            Err(error) => {
                tracing::warn!(%error, "a Redis client's connection was not taken in");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn take_in(mut stream: TcpStream, door: &Arc<Door>, stop: &Stop) {
    let (door, stop) = (Arc::clone(door), stop.clone());
    tokio::spawn(async move {
        let Some(connection) = open(&door, &mut stream)? else {
            return stream.write_all(FULL).await;
        };
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = connection.run(stream) => ended,
        }
    });
}

/// `None`: there are too many.
fn open(door: &Arc<Door>, stream: &mut TcpStream) -> io::Result<Option<Connection>> {
    stream.set_nodelay(true)?;
    let (address, local) = (stream.peer_addr()?, stream.local_addr()?);
    let me = door.clients.enter(address, local, door.node.clock.mono(), door.parameters.clients_max());
    Ok(me.map(|me| Connection::new(Arc::clone(door), me)))
}
