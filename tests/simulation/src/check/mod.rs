//! What must hold, checked after every step or at the end of a run.

pub(crate) mod committed;
pub(crate) mod configured;
pub(crate) mod healed;
pub(crate) mod linear;
pub(crate) mod serving;

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name of the check.
    pub check: &'static str,
    /// What was seen.
    pub seen: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.check, self.seen)
    }
}
