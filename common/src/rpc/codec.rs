//! The one place that knows how values become bytes on a connection: bincode 2 behind two helpers and a frame codec.
//!
//! A frame is `length(4, BE) | bincode`. The length is checked before anything is allocated, and a buffer grows only
//! with bytes that really arrive. What is durable (log, records, `.replica-info`) is encoded elsewhere, by hand.

use std::marker::PhantomData;

use bincode::config::{Configuration, Limit, standard};
use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bytes::{Buf, BufMut, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tarpc::{ClientMessage, Response, ServerError};
use tokio_util::codec::{Decoder, Encoder};

/// Longest frame, without its length, in bytes. Larger data is sent in pieces of 1 MiB.
pub const FRAME_BYTES_MAX: usize = 8 << 20;

const LENGTH_BYTES: usize = 4;
/// A buffer is enlarged by no more than this before the bytes are there.
const GROW_BYTES_MAX: usize = 256 << 10;
/// Up to this size a frame may not ask for more than [`SMALL_CLAIM`] of memory.
const SMALL_FRAME: usize = 64 << 10;
const SMALL_CLAIM: usize = 1 << 20;
/// bincode counts small integers by their full width, so a full frame may claim a multiple of its size.
const LARGE_CLAIM: usize = 16 * FRAME_BYTES_MAX;

/// Why bytes could not be made or understood.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The frame would be, or claims to be, over [`FRAME_BYTES_MAX`].
    #[error("a message is larger than {FRAME_BYTES_MAX} bytes; send less at once")]
    TooLarge,
    /// The value cannot be encoded.
    #[error("a message cannot be encoded: {0}")]
    Encode(String),
    /// The bytes are no value of the type expected.
    #[error("a message cannot be understood ({0}); are both sides of the same version?")]
    Decode(String),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Encodes a value.
///
/// # Errors
/// [`CodecError::TooLarge`] past [`FRAME_BYTES_MAX`], else [`CodecError::Encode`].
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = BytesMut::new();
    encode_into(value, &mut bytes)?;
    Ok(bytes.into())
}

/// Decodes a value that must fill the bytes exactly.
///
/// # Errors
/// [`CodecError::TooLarge`] or [`CodecError::Decode`].
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > FRAME_BYTES_MAX {
        return Err(CodecError::TooLarge);
    }
    let small: Configuration<_, _, Limit<SMALL_CLAIM>> = standard().with_limit();
    let large: Configuration<_, _, Limit<LARGE_CLAIM>> = standard().with_limit();
    let decoded = if bytes.len() <= SMALL_FRAME {
        bincode::serde::decode_from_slice(bytes, small)
    } else {
        bincode::serde::decode_from_slice(bytes, large)
    };
    match decoded {
        Ok((value, used)) if used == bytes.len() => Ok(value),
        Ok(_) => Err(CodecError::Decode("bytes are left over".to_owned())),
        Err(error) => Err(CodecError::Decode(error.to_string())),
    }
}

fn encode_into<T: Serialize>(value: &T, bytes: &mut BytesMut) -> Result<(), CodecError> {
    let left = FRAME_BYTES_MAX;
    let mut writer = Bounded { bytes, left, full: false };
    match bincode::serde::encode_into_writer(value, &mut writer, standard()) {
        Ok(()) => Ok(()),
        Err(_) if writer.full => Err(CodecError::TooLarge),
        Err(error) => Err(CodecError::Encode(error.to_string())),
    }
}

/// Writes until the frame limit is reached, so that a monster is not first built and then refused.
struct Bounded<'a> {
    bytes: &'a mut BytesMut,
    left: usize,
    full: bool,
}

impl Writer for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.full = true;
            return Err(EncodeError::Other("frame limit"));
        };
        self.left = left;
        self.bytes.put_slice(bytes);
        Ok(())
    }
}

/// What may be sent in a frame.
pub trait Outgoing: Serialize + Sized {
    /// What to send in its place if it is too large for a frame; `None`: sending it fails.
    fn in_place_of_oversized(&self) -> Option<Self>;
}

impl<T: Serialize> Outgoing for ClientMessage<T> {
    fn in_place_of_oversized(&self) -> Option<Self> {
        None
    }
}

impl<T: Serialize> Outgoing for Response<T> {
    // An error in the sink would end the connection and every other call on it.
    fn in_place_of_oversized(&self) -> Option<Self> {
        let error = ServerError::new(std::io::ErrorKind::InvalidData, CodecError::TooLarge.to_string());
        Some(Self { request_id: self.request_id, message: Err(error) })
    }
}

/// Frames of a connection that receives `In`.
#[derive(Debug)]
pub struct FrameCodec<In> {
    receives: PhantomData<fn() -> In>,
}

impl<In> FrameCodec<In> {
    /// A codec at the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { receives: PhantomData }
    }
}

impl<In> Default for FrameCodec<In> {
    fn default() -> Self {
        Self::new()
    }
}

impl<In: DeserializeOwned> Decoder for FrameCodec<In> {
    type Item = In;
    type Error = CodecError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<In>, CodecError> {
        let Some(header) = source.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header) as usize;
        if length > FRAME_BYTES_MAX {
            return Err(CodecError::TooLarge);
        }
        let missing = (LENGTH_BYTES + length).saturating_sub(source.len());
        if missing > 0 {
            source.reserve(missing.min(GROW_BYTES_MAX));
            return Ok(None);
        }
        source.advance(LENGTH_BYTES);
        decode(&source.split_to(length)).map(Some)
    }
}

impl<In, Out: Outgoing> Encoder<Out> for FrameCodec<In> {
    type Error = CodecError;

    fn encode(&mut self, item: Out, target: &mut BytesMut) -> Result<(), CodecError> {
        match encode_frame(&item, target) {
            Err(CodecError::TooLarge) => {
                let other = item.in_place_of_oversized().ok_or(CodecError::TooLarge)?;
                encode_frame(&other, target)
            }
            other => other,
        }
    }
}

/// Appends a frame; on an error `target` is as it was.
fn encode_frame<T: Serialize>(item: &T, target: &mut BytesMut) -> Result<(), CodecError> {
    let start = target.len();
    target.put_u32(0);
    if let Err(error) = encode_into(item, target) {
        target.truncate(start);
        return Err(error);
    }
    let length = u32::try_from(target.len() - start - LENGTH_BYTES).map_err(|_| CodecError::TooLarge)?;
    if let Some(header) = target.get_mut(start..start + LENGTH_BYTES) {
        header.copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::data::{DataOp, DataRequest};
    use crate::types::Gpid;

    fn put(size: usize) -> DataRequest {
        let op = DataOp::Put { key: Bytes::from_static(b"k"), payload: vec![7; size].into(), ttl_ms: Some(1) };
        DataRequest { gpid: Gpid::new(1, 3), op }
    }

    #[test]
    fn a_value_survives_encoding() {
        assert_eq!(decode::<DataRequest>(&encode(&put(100)).unwrap()).unwrap(), put(100));
        assert_eq!(decode::<DataRequest>(&encode(&put(1 << 20)).unwrap()).unwrap(), put(1 << 20));
    }

    #[test]
    fn a_value_past_the_frame_limit_is_refused_and_leaves_the_buffer_as_it_was() {
        assert!(matches!(encode(&put(FRAME_BYTES_MAX)), Err(CodecError::TooLarge)));
        let mut buffer = BytesMut::from(&b"before"[..]);
        assert!(matches!(encode_frame(&put(FRAME_BYTES_MAX), &mut buffer), Err(CodecError::TooLarge)));
        assert_eq!(buffer, b"before"[..]);
    }

    #[test]
    fn an_oversized_response_becomes_an_error_for_its_own_call_only() {
        let mut buffer = BytesMut::new();
        let response = Response { request_id: 9, message: Ok(put(FRAME_BYTES_MAX)) };
        FrameCodec::<()>::new().encode(response, &mut buffer).unwrap();
        let seen = FrameCodec::<Response<DataRequest>>::new().decode(&mut buffer).unwrap().unwrap();
        assert_eq!(seen.request_id, 9);
        assert_eq!(seen.message.unwrap_err().detail, CodecError::TooLarge.to_string());
    }

    #[test]
    fn a_huge_length_is_refused_before_anything_is_allocated() {
        let mut bytes = BytesMut::from(&[0xff, 0xff, 0xff, 0xff][..]);
        assert!(matches!(FrameCodec::<u64>::new().decode(&mut bytes), Err(CodecError::TooLarge)));
        let mut bytes = BytesMut::from(&(FRAME_BYTES_MAX as u32).to_be_bytes()[..]);
        assert!(FrameCodec::<u64>::new().decode(&mut bytes).unwrap().is_none());
        assert!(bytes.capacity() < 2 * GROW_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes: Vec<u8>) {
            let _ = decode::<Vec<DataRequest>>(&bytes);
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = FrameCodec::<ClientMessage<Vec<DataRequest>>>::new().decode(&mut buffer) {}
        }

        #[test]
        fn frames_come_through_however_they_are_cut(sizes in proptest::collection::vec(0_usize..2000, 1..8), cut in 1_usize..500) {
            let mut sent = BytesMut::new();
            for size in &sizes {
                encode_frame(&put(*size), &mut sent).unwrap();
            }
            let (mut codec, mut buffer, mut seen) = (FrameCodec::<DataRequest>::new(), BytesMut::new(), Vec::new());
            for piece in sent.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(item) = codec.decode(&mut buffer).unwrap() {
                    seen.push(item);
                }
            }
            prop_assert_eq!(seen, sizes.iter().map(|s| put(*s)).collect::<Vec<_>>());
        }
    }
}
