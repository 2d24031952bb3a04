//! Spandrel: an annotation server. See ARCHITECTURE.md for the map.

pub mod cli;
pub mod domain;
pub mod limits;
pub mod proto;
pub mod store;
