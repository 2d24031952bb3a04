//! How every call ends: an answer, or a refusal turned into its status.

use std::future::Future;

use tonic::{Response, Status};

use super::status::status;
use crate::domain::Result;

/// What a service method returns.
pub(super) type Reply<T> = Result<Response<T>, Status>;

/// Answers with what `call` returns.
pub(super) async fn reply<T>(call: impl Future<Output = Result<T>>) -> Reply<T> {
    call.await.map(Response::new).map_err(|error| status(&error))
}
