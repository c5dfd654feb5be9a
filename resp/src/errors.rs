//! The texts of errors that clients act upon, word for word as they know them. [`Reply::error`](crate::Reply::error) takes
//! them as they are.

/// Malformed options.
pub const SYNTAX: &str = "ERR syntax error";
/// An argument that is to be an integer is none, or exceeds 64 bits.
pub const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
/// An argument that is to be a number is none.
pub const NOT_A_FLOAT: &str = "ERR value is not a valid float";
/// The key holds a value of another type.
pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
/// The key does not exist, and the command needs it.
pub const NO_SUCH_KEY: &str = "ERR no such key";
/// A scan is continued with something that no scan returned.
pub const INVALID_CURSOR: &str = "ERR invalid cursor";

/// The connection has not authenticated.
pub const NO_AUTH: &str = "NOAUTH Authentication required.";
/// The name or the password is wrong.
pub const WRONG_PASS: &str = "WRONGPASS invalid username-password pair or user is disabled.";
/// `AUTH` with a password only, where none is set.
pub const NO_PASSWORD_SET: &str = "ERR AUTH <password> called without any password configured for the default user. \
     Are you sure your configuration is correct?";

/// The keys of a request lie in different slots.
pub const CROSS_SLOT: &str = "CROSSSLOT Keys in request don't hash to the same slot";
/// The slot is on its way to another node; clients ask again.
pub const TRY_AGAIN: &str = "TRYAGAIN Multiple keys request during rehashing of slot";
/// No node serves the slot now.
pub const SLOT_NOT_SERVED: &str = "CLUSTERDOWN Hash slot not served";
/// A database other than the first.
pub const SELECT_IN_CLUSTER: &str = "ERR SELECT is not allowed in cluster mode";
/// A database that is no number.
pub const INVALID_DATABASE: &str = NOT_AN_INTEGER;
