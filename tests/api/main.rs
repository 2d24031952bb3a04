//! The API, over the wire of the real server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "a test ends where it did not get what it expected, and a table may be long"
)]

#[path = "../support/mod.rs"]
mod support;

mod annotations;
mod articles;
mod changes;
mod commits;
mod exchange;
mod filters;
mod layer_changes;
mod layer_copies;
mod layer_locks;
mod layers;
mod lists;
mod projects;
mod refusals;
mod relations;
mod retries;
mod revise;
mod revise_undo;
mod revised_feed;
mod schemas;
mod troubles;
mod undo;
mod venezuela;
mod watch;
mod watch_ends;
