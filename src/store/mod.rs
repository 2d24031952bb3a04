//! What is kept and how: engines of sorted rows, the keyspace, packed rows and typed tables over them.

mod acknowledged;
pub mod annotation_index;
pub mod annotation_table;
pub mod article_table;
pub mod backup_file;
pub mod backup_records;
pub mod catalog;
pub mod committer;
#[cfg(test)]
mod conformance;
pub mod data_dir;
mod draft;
pub mod engine;
pub mod keys;
pub mod layer_table;
pub mod long_values;
pub mod memory;
pub mod project_table;
pub mod rebuild;
pub mod records;
mod rows_digest;
pub mod runs;
pub mod schema_records;
pub mod schema_table;
pub mod sled_backend;
pub mod sled_key;
mod sled_segments;
pub mod sort_key;
#[cfg(test)]
mod testing;
pub mod text_revision_table;
pub mod verify;
