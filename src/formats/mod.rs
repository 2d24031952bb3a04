//! Files that people keep, one file a format: from their bytes to what is meant, and back. Pure, like the domain.

pub mod brat_config;
pub mod brat_standoff;
mod colors;
pub mod label_studio_config;
mod losses;
pub mod schema_file;
mod tree;

pub use self::{
    losses::{Loss, Losses},
    tree::FileError,
};
