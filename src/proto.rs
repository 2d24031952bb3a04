//! Generated from `proto/`.

#![allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    reason = "generated code"
)]

/// The API.
pub mod v1 {
    tonic::include_proto!("spandrel.v1");
}

/// What is stored.
pub mod stored {
    include!(concat!(env!("OUT_DIR"), "/spandrel.storage.v1.rs"));
}

/// The API's descriptors, for reflection and for JSON.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/spandrel.v1.descriptors"));
