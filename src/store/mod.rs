//! What is kept and how: engines of sorted rows, the keyspace, packed rows and typed tables over them.

pub mod committer;
#[cfg(test)]
mod conformance;
pub mod data_dir;
pub mod engine;
pub mod keys;
pub mod long_values;
pub mod memory;
pub mod sled_backend;
