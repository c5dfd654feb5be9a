//! Any bytes as a client's stream: see `tests/check/mod.rs` for what is asserted of them.
#![no_main]

#[path = "../../tests/check/mod.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|stream: &[u8]| {
    check::any_stream(stream);
});
