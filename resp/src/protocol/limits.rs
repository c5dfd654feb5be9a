//! How large a request may be.

use super::ProtocolError;

/// Largest array that a client may announce before it has authenticated.
const ARGUMENTS_BEFORE_AUTHENTICATION: u32 = 10;
/// Longest argument that a client may announce before it has authenticated, in bytes.
const BULK_BYTES_BEFORE_AUTHENTICATION: u32 = 16 * 1024;

/// Limits on what one client may send. A request beyond them ends its connection, since what follows cannot be told apart
/// from the rest of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one request, its name among them. Default 1,048,576.
    pub arguments_max: u32,
    /// Bytes of one argument. Default 16 MiB.
    pub bulk_bytes_max: u32,
    /// Bytes of one request on the wire; this is what a connection's buffer may hold. Default 64 MiB.
    pub request_bytes_max: u32,
    /// Bytes of an inline command with its line end. Default 64 KiB.
    pub inline_bytes_max: u32,
    /// Whether the client may send more than the few small arguments that authenticating takes. Default true.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            arguments_max: 1024 * 1024,
            bulk_bytes_max: 16 * 1024 * 1024,
            request_bytes_max: 64 * 1024 * 1024,
            inline_bytes_max: 64 * 1024,
            authenticated: true,
        }
    }
}

impl Limits {
    /// How many arguments follow the line that announces `count`. None at all, or fewer, is an empty request.
    pub(super) fn arguments(&self, count: i64) -> Result<u32, ProtocolError> {
        match u32::try_from(count.max(0)) {
            Ok(count) if count > self.arguments_max => Err(ProtocolError::InvalidCount),
            Ok(count) if !self.authenticated && count > ARGUMENTS_BEFORE_AUTHENTICATION => {
                Err(ProtocolError::UnauthenticatedCount)
            }
            Ok(count) => Ok(count),
            Err(_) => Err(ProtocolError::InvalidCount),
        }
    }

    /// The length of an argument that announces `bytes`.
    pub(super) fn bulk(&self, bytes: i64) -> Result<usize, ProtocolError> {
        match u32::try_from(bytes) {
            Ok(bytes) if bytes > self.bulk_bytes_max => Err(ProtocolError::InvalidBulkLength),
            Ok(bytes) if !self.authenticated && bytes > BULK_BYTES_BEFORE_AUTHENTICATION => {
                Err(ProtocolError::UnauthenticatedBulkLength)
            }
            Ok(bytes) => Ok(bytes as usize),
            Err(_) => Err(ProtocolError::InvalidBulkLength),
        }
    }
}
