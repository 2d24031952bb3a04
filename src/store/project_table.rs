//! The project itself, in its own partition. Its row is the partition's fence: once it is gone, nothing is decided.

use bytes::Bytes;
use prost::Message;

use super::{
    engine::{Draft, View},
    keys, long_values,
    records::{self, decode},
};
use crate::domain::{Problem, Result, ids::ProjectName, projects::Project};

/// The format of a data folder since which what is derived is as this version derives it.
const DERIVED_FORMAT: u32 = 4;

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

/// Writes the project for the first time. What is derived in it is as this version derives it.
///
/// # Errors
///
/// As every read.
pub fn create(draft: &mut Draft<'_>, project: &Project) -> Result<()> {
    let (key, value) = derived_row();
    draft.put(key, value);
    put(draft, project)
}

/// Whether what is derived in the project is as this version derives it.
///
/// # Errors
///
/// As every read.
pub fn is_derived(view: &dyn View) -> Result<bool> {
    Ok(view.get(keys::DERIVED_FORMAT)?.is_some_and(|format| format == derived_row().1))
}

/// The row that says so.
#[must_use]
pub fn derived_row() -> (Bytes, Bytes) {
    (Bytes::from_static(keys::DERIVED_FORMAT), Bytes::copy_from_slice(&DERIVED_FORMAT.to_be_bytes()))
}

/// Writes the project over what it was.
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
