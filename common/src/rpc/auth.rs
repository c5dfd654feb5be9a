//! The handshake that opens every connection, before tarpc reads a byte: protocol version, service, and, with a
//! cluster secret, mutual HMAC-SHA256 challenge and response.
//!
//! ```text
//! client -> Hello { magic, version, service, wants proof, nonce }
//!                                server without secret -> Welcome
//!                                server with secret    -> Challenge { nonce }
//! client -> Proof = HMAC(secret, "client" | hello | nonce)
//!                                                      -> Welcome { HMAC(secret, "server" | hello | nonce) }
//! ```
//! Every message is `length(2, BE) | bincode`, at most [`MESSAGE_BYTES_MAX`]. Whatever else comes ends the connection.
//! The bytes after the handshake are neither encrypted nor signed: the secret keeps strangers out, not a wiretap.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use rand::rngs::OsRng;
use rand::{Rng, TryRngCore};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::codec;
use super::error::{ErrorCode, WireError};
use super::service::Service;

/// Version of handshake and services together; both sides must have the same.
pub const PROTOCOL_VERSION: u16 = 1;

/// Longest message of a handshake, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 1024;

const MAGIC: [u8; 4] = *b"GDWT";
const SECRET_BYTES_MIN: usize = 16;
const PROOF_BYTES: usize = 32;

type Nonce = [u8; 32];
type Proof = [u8; PROOF_BYTES];

/// A secret: the cluster's, or the token of its operators. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Too easily guessed.
    #[error("a secret has {0} bytes; use at least {SECRET_BYTES_MIN}, for example: head -c 32 /dev/urandom | base64")]
    TooShort(usize),
    /// The file cannot be read.
    #[error("cannot read a secret from {0}: {1}; check the setting that names the file, and its permissions")]
    Unreadable(String, io::Error),
}

impl Secret {
    /// A secret from its bytes; white space around it does not count.
    ///
    /// # Errors
    /// [`SecretError::TooShort`] under 16 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < SECRET_BYTES_MIN {
            return Err(SecretError::TooShort(bytes.len()));
        }
        Ok(Self(bytes.into()))
    }

    /// A secret from the content of a file.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let bytes = std::fs::read(path).map_err(|e| SecretError::Unreadable(path.display().to_string(), e))?;
        Self::new(&bytes)
    }

    /// Whether somebody presents this secret. Takes as long for a wrong one of the same length as for the right one.
    #[must_use]
    pub fn is(&self, presented: &[u8]) -> bool {
        self.0.ct_eq(presented).into()
    }

    fn mac(&self, side: Side, hello: &Hello, challenge: &Nonce) -> Result<Hmac<Sha256>, HandshakeError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(|_| HandshakeError::Proof)?;
        mac.update(side.label());
        mac.update(&codec::encode(hello).map_err(|_| HandshakeError::Garbage)?);
        mac.update(challenge);
        Ok(mac)
    }

    fn prove(&self, side: Side, hello: &Hello, challenge: &Nonce) -> Result<Proof, HandshakeError> {
        Ok(self.mac(side, hello, challenge)?.finalize().into_bytes().into())
    }

    fn verify(&self, side: Side, hello: &Hello, challenge: &Nonce, proof: &Proof) -> Result<(), HandshakeError> {
        self.mac(side, hello, challenge)?.verify_slice(proof).map_err(|_| HandshakeError::Proof)
    }
}

/// Who proves. The labels differ, so that nobody's proof can be sent back to him as one's own.
#[derive(Clone, Copy)]
enum Side {
    Client,
    Server,
}

impl Side {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Client => b"godwit client proof\0",
            Self::Server => b"godwit server proof\0",
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hello {
    magic: [u8; 4],
    version: u16,
    service: Service,
    authenticate: bool,
    nonce: Nonce,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Challenge(Nonce),
    Welcome(Proof),
    Refused(WireError),
}

/// Why a connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// What came is no handshake.
    #[error("the other side does not speak Godwit's protocol; check address and port")]
    Garbage,
    /// The other side does not know the secret.
    #[error("the other side does not know the cluster secret; give both the same secret_file")]
    Proof,
    /// The other side refused, and said why.
    #[error("{0}")]
    Refused(WireError),
    /// The connection failed.
    #[error("the connection ended during the handshake: {0}")]
    Io(#[from] io::Error),
}

impl HandshakeError {
    /// As callers see it.
    #[must_use]
    pub fn into_wire(self) -> WireError {
        match self {
            Self::Refused(error) => error,
            Self::Proof => WireError::new(ErrorCode::Unauthenticated, self.to_string(), "check secret_file"),
            Self::Garbage | Self::Io(_) => WireError::new(
                ErrorCode::Unreachable,
                self.to_string(),
                "check that the server runs and the port is its rpc port",
            ),
        }
    }
}

/// Opens a connection as a client of `service`. The caller bounds the time.
///
/// # Errors
/// [`HandshakeError`]; the connection is then to be closed.
pub async fn greet<S>(stream: &mut S, service: Service, secret: Option<&Secret>) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let authenticate = secret.is_some();
    let hello = Hello { magic: MAGIC, version: PROTOCOL_VERSION, service, authenticate, nonce: fresh_nonce() };
    send(stream, &hello).await?;
    match (secret, receive::<Answer, _>(stream).await?) {
        (_, Answer::Refused(error)) => Err(HandshakeError::Refused(error)),
        (None, Answer::Welcome(_)) => Ok(()),
        (Some(secret), Answer::Challenge(nonce)) => prove(stream, secret, &hello, &nonce).await,
        (None, Answer::Challenge(_)) | (Some(_), Answer::Welcome(_)) => Err(HandshakeError::Proof),
    }
}

async fn prove<S>(stream: &mut S, secret: &Secret, hello: &Hello, nonce: &Nonce) -> Result<(), HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    send(stream, &secret.prove(Side::Client, hello, nonce)?).await?;
    match receive::<Answer, _>(stream).await? {
        Answer::Welcome(proof) => secret.verify(Side::Server, hello, nonce, &proof),
        Answer::Refused(error) => Err(HandshakeError::Refused(error)),
        Answer::Challenge(_) => Err(HandshakeError::Garbage),
    }
}

/// Receives a client: which service it wants. `offered` says whether this port has it. The caller bounds the time.
///
/// # Errors
/// [`HandshakeError`]; the client was told why if it speaks the protocol, and the connection is to be closed.
pub async fn receive_client<S>(
    stream: &mut S,
    secret: Option<&Secret>,
    offered: impl Fn(Service) -> bool,
) -> Result<Service, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello: Hello = receive(stream).await?;
    if hello.magic != MAGIC {
        return Err(HandshakeError::Garbage);
    }
    let proof = match check(&hello, secret) {
        Ok(None) => [0; PROOF_BYTES],
        Ok(Some(secret)) => challenge(stream, secret, &hello).await?,
        Err(error) => return refuse(stream, error).await,
    };
    // Only now: a stranger does not learn what a port offers.
    if !offered(hello.service) {
        return refuse(stream, not_offered(hello.service)).await;
    }
    send(stream, &Answer::Welcome(proof)).await?;
    Ok(hello.service)
}

fn check<'a>(hello: &Hello, secret: Option<&'a Secret>) -> Result<Option<&'a Secret>, WireError> {
    if hello.version != PROTOCOL_VERSION {
        let what = format!("this server speaks protocol {PROTOCOL_VERSION}, the caller {}", hello.version);
        return Err(WireError::new(ErrorCode::InvalidArgument, what, "use the same release on both sides"));
    }
    let refuse = |what: &str, hint: &str| Err(WireError::new(ErrorCode::Unauthenticated, what, hint));
    match (secret, hello.authenticate) {
        (Some(_), false) => refuse("this cluster has a secret", "give the caller the cluster's secret_file"),
        (None, true) => {
            refuse("this server has no cluster secret", "give the server a secret_file, or the caller none")
        }
        (Some(_), true) | (None, false) => Ok(secret),
    }
}

/// From the kernel: a nonce that repeats would let an old proof be sent again.
fn fresh_nonce() -> Nonce {
    OsRng.unwrap_err().random()
}

async fn challenge<S>(stream: &mut S, secret: &Secret, hello: &Hello) -> Result<Proof, HandshakeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let nonce = fresh_nonce();
    send(stream, &Answer::Challenge(nonce)).await?;
    let proof: Proof = receive(stream).await?;
    if secret.verify(Side::Client, hello, &nonce, &proof).is_err() {
        let error =
            WireError::new(ErrorCode::Unauthenticated, "the cluster secret is another one", "check secret_file");
        return refuse(stream, error).await;
    }
    secret.prove(Side::Server, hello, &nonce)
}

fn not_offered(service: Service) -> WireError {
    let what = format!("this port does not offer the service {service}");
    WireError::new(
        ErrorCode::InvalidArgument,
        what,
        "check whether the address is a meta server's or a replica server's",
    )
}

async fn refuse<S: AsyncWrite + Unpin, T>(stream: &mut S, error: WireError) -> Result<T, HandshakeError> {
    send(stream, &Answer::Refused(error.clone())).await?;
    Err(HandshakeError::Refused(error))
}

async fn send<S: AsyncWrite + Unpin, T: Serialize>(stream: &mut S, message: &T) -> Result<(), HandshakeError> {
    let body = codec::encode(message).map_err(|_| HandshakeError::Garbage)?;
    assert!(body.len() <= MESSAGE_BYTES_MAX, "a handshake message of {} bytes", body.len());
    let length = u16::try_from(body.len()).map_err(|_| HandshakeError::Garbage)?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(&body);
    stream.write_all(&bytes).await?;
    Ok(stream.flush().await?)
}

async fn receive<T: serde::de::DeserializeOwned, S: AsyncRead + Unpin>(stream: &mut S) -> Result<T, HandshakeError> {
    let length = usize::from(stream.read_u16().await?);
    if length > MESSAGE_BYTES_MAX {
        return Err(HandshakeError::Garbage);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    codec::decode(&body).map_err(|_| HandshakeError::Garbage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<Secret> {
        Some(Secret::new(text.as_bytes()).unwrap())
    }

    async fn meet(
        client: Option<Secret>,
        server: Option<Secret>,
    ) -> (Result<(), WireError>, Result<Service, WireError>) {
        let (mut a, mut b) = tokio::io::duplex(4096);
        let (greeted, received) = tokio::join!(
            async {
                let result = greet(&mut a, Service::Data, client.as_ref()).await;
                drop(a);
                result
            },
            async {
                let result = receive_client(&mut b, server.as_ref(), |s| s == Service::Data).await;
                drop(b);
                result
            },
        );
        (greeted.map_err(HandshakeError::into_wire), received.map_err(HandshakeError::into_wire))
    }

    #[tokio::test]
    async fn both_sides_with_the_same_secret_or_with_none_meet() {
        assert_eq!(meet(None, None).await, (Ok(()), Ok(Service::Data)));
        let same = secret("a secret of a cluster");
        assert_eq!(meet(same.clone(), same).await, (Ok(()), Ok(Service::Data)));
    }

    #[tokio::test]
    async fn another_secret_or_none_on_one_side_is_refused_on_both() {
        let (one, other) = (secret("a secret of a cluster"), secret("a secret of another"));
        for (client, server) in [(one.clone(), other), (one.clone(), None), (None, one)] {
            let (greeted, received) = meet(client, server).await;
            assert_eq!(greeted.unwrap_err().code, ErrorCode::Unauthenticated);
            assert!(received.is_err());
        }
    }

    #[tokio::test]
    async fn a_server_that_welcomes_without_proof_is_not_trusted() {
        let (mut a, mut b) = tokio::io::duplex(4096);
        send(&mut b, &Answer::Welcome([0; PROOF_BYTES])).await.unwrap();
        let result = greet(&mut a, Service::Peer, secret("a secret of a cluster").as_ref()).await;
        assert!(matches!(result, Err(HandshakeError::Proof)));
    }

    #[tokio::test]
    async fn a_clients_own_proof_sent_back_to_it_is_no_proof() {
        let (mut a, mut b) = tokio::io::duplex(4096);
        let mirror = async {
            let _: Hello = receive(&mut b).await.unwrap();
            send(&mut b, &Answer::Challenge([1; 32])).await.unwrap();
            let proof: Proof = receive(&mut b).await.unwrap();
            send(&mut b, &Answer::Welcome(proof)).await.unwrap();
        };
        let own = secret("a secret of a cluster");
        let (result, ()) = tokio::join!(greet(&mut a, Service::Peer, own.as_ref()), mirror);
        assert!(matches!(result, Err(HandshakeError::Proof)));
    }

    #[tokio::test]
    async fn another_version_and_a_service_that_is_not_there_are_refused_with_the_reason() {
        let (mut a, mut b) = tokio::io::duplex(4096);
        let hello = Hello { magic: MAGIC, version: 77, service: Service::Data, authenticate: false, nonce: [0; 32] };
        send(&mut a, &hello).await.unwrap();
        assert!(receive_client(&mut b, None, |_| true).await.unwrap_err().to_string().contains("77"));
        let (mut a, mut b) = tokio::io::duplex(4096);
        let (greeted, _) =
            tokio::join!(greet(&mut a, Service::MetaAdmin, None), receive_client(&mut b, None, |_| false));
        assert!(greeted.unwrap_err().to_string().contains("meta-admin"));
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_ever_printed() {
        assert!(Secret::new(b"  short \n").unwrap_err().to_string().contains("16"));
        assert!(!format!("{:?}", secret("a secret of a cluster")).contains("cluster"));
    }

    #[test]
    fn only_the_secret_itself_is_the_secret() {
        let secret = secret("a secret of a cluster").unwrap();
        assert!(secret.is(b"a secret of a cluster"));
        for other in ["", "a secret of a cluste", "a secret of a clusteR", "a secret of a cluster "] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
    }
}
