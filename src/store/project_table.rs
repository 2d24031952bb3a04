//! The project itself, in its own partition. Its row is the partition's fence: once it is gone, nothing is decided.

use bytes::Bytes;
use prost::Message;

use super::{
    engine::{Draft, View},
    keys, long_values,
    records::{self, decode},
};
use crate::domain::{Problem, Result, ids::ProjectName, projects::Project};

/// Reads the project, if it is not deleted.
///
/// # Errors
///
/// As every read.
pub fn get(view: &dyn View) -> Result<Option<Project>> {
    let record = long_values::get(view, &Bytes::from_static(keys::PROJECT))?;
    record.map(|bytes| records::read_project(decode(&bytes)?)).transpose()
}

/// Checks that the project is not deleted.
///
/// # Errors
///
/// RESOURCE_NOT_FOUND.
pub fn require(view: &dyn View, name: &ProjectName) -> Result<()> {
    match view.get(keys::PROJECT)? {
        Some(_) => Ok(()),
        None => Err(Problem::ResourceNotFound { name: name.to_string() }.into()),
    }
}

/// Writes the project.
///
/// # Errors
///
/// As every read.
pub fn put(draft: &mut Draft<'_>, project: &Project) -> Result<()> {
    long_values::put(draft, &Bytes::from_static(keys::PROJECT), &records::project(project).encode_to_vec())
}

/// Deletes the project and so fences its partition.
///
/// # Errors
///
/// As every read.
pub fn delete(draft: &mut Draft<'_>) -> Result<()> {
    long_values::delete(draft, &Bytes::from_static(keys::PROJECT))
}
