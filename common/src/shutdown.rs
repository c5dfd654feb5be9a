//! Orderly end of a process.
