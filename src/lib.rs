//! Spandrel: an annotation server. See ARCHITECTURE.md for the map.

pub mod config;
pub mod domain;
pub mod grpc;
pub mod limits;
pub mod proto;
pub mod store;
pub mod telemetry;
