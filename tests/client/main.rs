//! The client against a server that cuts it off wherever it can be cut off.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends where it did not get what it expected"
)]

mod calls;
mod fake;
mod watch;
mod wire;
