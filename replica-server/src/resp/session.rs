//! What a connection is and may do.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use resp::command::{Flag, Spec};
use resp::protocol::Limits;
use resp::{Reply, Version, errors};

use super::clients::Identity;
use super::parameters::Parameters;

/// A connection's state.
pub(super) struct Session {
    pub(super) me: Arc<Identity>,
    pub(super) version: Version,
    /// It has said the password, or there is none.
    pub(super) authenticated: bool,
    /// It is closed once what it asked for before is answered.
    pub(super) ends: bool,
    /// The slot that it wrote to last, for WAIT.
    pub(super) wrote: Option<u16>,
}

impl Session {
    pub(super) fn new(me: Arc<Identity>, parameters: &Parameters) -> Self {
        let authenticated = !parameters.asks_password();
        Self { me, version: Version::default(), authenticated, ends: false, wrote: None }
    }

    /// What it may send.
    pub(super) fn limits(&self) -> Limits {
        Limits { authenticated: self.authenticated, ..Limits::default() }
    }

    /// Whether it may use the command.
    ///
    /// # Errors
    /// The answer.
    pub(super) fn permits(&self, spec: &Spec) -> Result<(), Reply> {
        if self.authenticated || spec.is(Flag::NoAuth) { Ok(()) } else { Err(Reply::error(errors::NO_AUTH)) }
    }

    /// Checks a name and a password. There is one user.
    ///
    /// # Errors
    /// The answer.
    pub(super) fn authenticate(&mut self, name: &[u8], password: &[u8], parameters: &Parameters) -> Result<(), Reply> {
        let known = name == b"default" && (!parameters.asks_password() || parameters.is_password(password));
        if !known {
            return Err(Reply::error(errors::WRONG_PASS));
        }
        self.authenticated = true;
        Ok(())
    }

    /// Speaks another version from now on.
    pub(super) fn speak(&mut self, version: Version) {
        self.version = version;
        self.me.resp3.store(version == Version::Resp3, Ordering::Relaxed);
    }

    /// Back to what it was at first.
    pub(super) fn reset(&mut self, parameters: &Parameters) {
        self.speak(Version::default());
        self.authenticated = !parameters.asks_password();
        self.me.readonly.store(false, Ordering::Relaxed);
        self.me.names.lock().name.clear();
    }
}
