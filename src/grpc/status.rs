//! temp
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use crate::domain::{Error, Problem};
pub fn status(e: &Error) -> Status {
    let (c, r) = match &e.problem {
        Problem::ResourceNotFound{..} => (Code::NotFound, "RESOURCE_NOT_FOUND"),
        Problem::ResourceExists{..} => (Code::AlreadyExists, "RESOURCE_EXISTS"),
        Problem::EtagMismatch{..} => (Code::Aborted, "ETAG_MISMATCH"),
        Problem::HasChildren{..} => (Code::FailedPrecondition, "HAS_CHILDREN"),
        Problem::StorageCorrupt(_) => (Code::DataLoss, "STORAGE_CORRUPT"),
        _ => (Code::InvalidArgument, "OTHER"),
    };
    Status::with_error_details(c, e.to_string(), ErrorDetails::with_error_info(r, "spandrel", [("field".to_string(), e.field.clone())]))
}
