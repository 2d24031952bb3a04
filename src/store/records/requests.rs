//! What a commit came from.

use bytes::Bytes;

use crate::{
    domain::{
        Error, Result,
        requests::{Method, Request, RequestId},
        revisions::Revision,
    },
    proto::stored,
    store::engine::Origin,
};

/// Encodes what a retry is known by.
#[must_use]
pub fn request(request: &Request) -> stored::RequestRecord {
    let Request { id, method, body } = request;
    stored::RequestRecord {
        id: Bytes::copy_from_slice(id.as_bytes()),
        method: method.number().into(),
        body_hash: Bytes::copy_from_slice(body),
    }
}

/// Reads what a commit came from.
///
/// # Errors
///
/// STORAGE_CORRUPT.
pub fn read_origin(request: Option<stored::RequestRecord>, undone_revision: u64) -> Result<Origin> {
    let read = |stored::RequestRecord { id, method, body_hash }| {
        let id = id.as_ref().try_into().ok().and_then(RequestId::from_bytes);
        let id = id.ok_or_else(|| Error::corrupt("a request's id is no UUID"))?;
        let method = Method::of_number(method);
        let method = method.ok_or_else(|| Error::corrupt("a request's method is none that there is"))?;
        let body = body_hash.as_ref().try_into();
        let body = body.map_err(|_| Error::corrupt("the hash of a request is not 16 bytes"))?;
        Ok::<_, Error>(Request { id, method, body })
    };
    let request = request.map(read).transpose()?;
    Ok(Origin { request, undone: Some(Revision(undone_revision)).filter(|revision| revision.0 > 0) })
}
