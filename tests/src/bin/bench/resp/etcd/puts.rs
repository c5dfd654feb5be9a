//! Puts over gRPC, as etcd's own clients send them. There is one kind of request with two fields, so it is written out here,
//! on top of HTTP/2: generated code and a general client would need a compiler of their own when this is built, and
//! their processor time would be taken from the servers that are measured.

use anyhow::{Context as _, Result, bail};
use bytes::{BufMut as _, Bytes, BytesMut};
use h2::client::{SendRequest, handshake};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

const PATH: &str = "/etcdserverpb.KV/Put";
/// The fields of a `PutRequest` (rpc.proto of etcd): numbers 1 and 2, both with a length before them.
const KEY: u8 = 1 << 3 | 2;
const VALUE: u8 = 2 << 3 | 2;

/// A connection. Many puts may be under way on it.
pub(crate) struct Puts {
    requests: SendRequest<Bytes>,
    uri: String,
}

impl Puts {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens, or not for HTTP/2.
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("reaching {address}"))?;
        stream.set_nodelay(true)?;
        let (requests, connection) = handshake(stream).await?;
        // Ends with the last request; what fails it fails the requests too.
        tokio::spawn(connection);
        Ok(Self { requests, uri: format!("http://{address}{PATH}") })
    }

    /// Returns when most members have the value, synced.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<()> {
        let request = Request::post(&self.uri).header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut body) = requests.send_request(request.body(())?, false)?;
        body.send_data(message(key.as_bytes(), value.as_bytes()), true)?;
        let (head, mut body) = response.await?.into_parts();
        while let Some(part) = body.data().await {
            body.flow_control().release_capacity(part?.len())?;
        }
        // An answer without a body has the outcome in its head.
        outcome(&body.trailers().await?.unwrap_or(head.headers))
    }
}

fn outcome(headers: &HeaderMap) -> Result<()> {
    let said = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match said("grpc-status").as_deref() {
        Some("0") => Ok(()),
        status => bail!("a put answers {status:?} {:?}", said("grpc-message")),
    }
}

/// Not compressed, with its length before it.
fn message(key: &[u8], value: &[u8]) -> Bytes {
    let mut fields = BytesMut::with_capacity(key.len() + value.len() + 16);
    for (tag, bytes) in [(KEY, key), (VALUE, value)] {
        fields.put_u8(tag);
        put_varint(&mut fields, bytes.len());
        fields.put_slice(bytes);
    }
    let mut message = BytesMut::with_capacity(fields.len() + 5);
    message.put_u8(0);
    message.put_u32(u32::try_from(fields.len()).unwrap_or(u32::MAX));
    message.put(fields);
    message.freeze()
}

/// Seven bits a byte, the lowest first; the highest bit says that there are more.
fn put_varint(out: &mut BytesMut, mut number: usize) {
    while number >= 0x80 {
        out.put_u8((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_is_written_as_the_protocol_has_it() {
        assert_eq!(&message(b"k", b"abc")[..], b"\0\0\0\0\x08\x0a\x01k\x12\x03abc");
        let long = message(b"k", &[b'x'; 300]);
        assert!(long.starts_with(b"\0\0\0\x01\x32\x0a\x01k\x12\xac\x02xxx"), "{:?}", &long[..16]);
    }

    #[test]
    fn only_an_outcome_of_zero_is_one_of_success() {
        let said = |status| HeaderMap::from_iter([("grpc-status".parse().unwrap(), status)]);
        assert!(outcome(&said("0".parse().unwrap())).is_ok());
        assert!(outcome(&said("8".parse().unwrap())).is_err());
        assert!(outcome(&HeaderMap::new()).is_err());
    }
}
