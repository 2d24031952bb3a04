//! Many who follow a project while many write to it, over the real server, which is killed on the way: all of them see
//! each change once, and end with what there is.
//!
//! `SPANDREL_FAULTS=long` writes much more, and kills more often. Each test prints its seed; `SPANDREL_FAULTS_SEED`
//! repeats it, as far as threads do the same twice.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::explicit_write,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    unreachable_pub,
    reason = "a test ends where it did not get what it expected, and has no readers but those of its source"
)]

#[path = "../support/mod.rs"]
mod support;

mod follower;
mod ledger;
mod memory;
mod replica;
mod restarts;
mod source;
mod stage;
mod stalled;
mod truth;
mod writer;
