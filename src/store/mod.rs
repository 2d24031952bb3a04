//! What is kept and how: engines of sorted rows, the keyspace, packed rows and typed tables over them.

pub mod annotation_index;
pub mod engine;
pub mod keys;
pub mod long_values;
pub mod runs;
pub mod sort_key;
#[cfg(test)]
mod testing;
