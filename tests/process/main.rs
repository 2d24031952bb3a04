//! The real binary as a process: killed, told to stop, started twice, started where it cannot be, and checking what it
//! left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test ends where it did not get what it expected"
)]

#[path = "../support/mod.rs"]
mod support;

mod annotations;
mod backup;
mod changes;
mod command;
mod environment;
mod exchange;
mod formats;
mod layers;
mod plug;
mod restore;
mod revise;
mod schemas;
mod verify;
mod writers;
