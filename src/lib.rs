//! Spandrel: an annotation server. See ARCHITECTURE.md for the map.

pub mod app;
pub mod clock;
pub mod domain;
pub mod grpc;
pub mod limits;
pub mod proto;
pub mod store;
