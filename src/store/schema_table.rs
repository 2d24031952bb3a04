//! A project's label schema, and a small row that says which one it is.

use bytes::Bytes;
use prost::Message;

use super::{
    engine::{Draft, View},
    keys, long_values,
    records::decode,
    schema_records,
};
use crate::domain::{Error, Result, revisions::Revision, schema::ProjectSchema};

/// The project's schema, unless it was never set.
///
/// # Errors
///
/// As every read.
pub fn get(view: &dyn View) -> Result<Option<ProjectSchema>> {
    let record = long_values::get(view, &Bytes::from_static(keys::LABEL_SCHEMA))?;
    record.map(|bytes| schema_records::read_label_schema(decode(&bytes)?)).transpose()
}

/// The revision that last changed the schema; 0 if it was never set. Reads one short row.
///
/// # Errors
///
/// As every read.
pub fn revision(view: &dyn View) -> Result<Revision> {
    let Some(stored) = view.get(keys::LABEL_SCHEMA_REVISION)? else { return Ok(Revision(0)) };
    let bytes = stored.as_ref().try_into();
    let bytes = bytes.map_err(|_| Error::corrupt("the revision of the label schema is not 8 bytes"))?;
    Ok(Revision(u64::from_be_bytes(bytes)))
}

/// Writes the schema, or says that there is none.
///
/// # Errors
///
/// As every read.
pub fn put(draft: &mut Draft<'_>, schema: Option<&ProjectSchema>) -> Result<()> {
    let key = Bytes::from_static(keys::LABEL_SCHEMA);
    let Some(schema) = schema else {
        draft.delete(keys::LABEL_SCHEMA_REVISION);
        return long_values::delete(draft, &key);
    };
    let revision = schema.revision.0.to_be_bytes();
    draft.put(keys::LABEL_SCHEMA_REVISION, Bytes::copy_from_slice(&revision));
    long_values::put(draft, &key, &schema_records::label_schema(schema).encode_to_vec())
}
