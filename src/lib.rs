//! Spandrel: an annotation server. See ARCHITECTURE.md for the map.

pub mod app;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod domain;
pub mod formats;
pub mod grpc;
pub mod limits;
pub mod proto;
pub mod restore;
pub mod serve;
pub mod store;
pub mod telemetry;
pub mod verify;
