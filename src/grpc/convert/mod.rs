//! Between the API's messages and what the application takes and gives. Requests are destructured whole, so that a new
//! field does not compile until somebody decides about it.

pub mod annotations;
pub mod articles;
pub mod attributes;
pub mod backups;
pub mod changes;
pub mod contents;
pub mod exchange;
pub mod label_schemas;
pub mod layers;
pub mod projects;
pub mod rendering;
pub mod revisions;
pub mod spans;

use prost::Message;
use twox_hash::XxHash3_128;

use crate::{
    domain::{
        Error, Result,
        errors::Standing,
        requests::{Method, Request, RequestId},
        revisions::Timestamp,
    },
    store::engine::{At, Attempt, Mode},
};

/// What `validate_only` and `request_id` say; `rest` is the request without the id.
fn attempt(method: Method, validate_only: bool, request_id: &str, rest: &impl Message) -> Result<Attempt> {
    let mode = if validate_only { Mode::Check } else { Mode::Apply };
    let id = RequestId::parse("request_id", request_id)?;
    let body = || XxHash3_128::oneshot(&rest.encode_to_vec()).to_be_bytes();
    Ok(Attempt { mode, request: id.map(|id| Request { id, method, body: body() }) })
}

/// A resource as it stands: its message's full name, and its encoding.
#[must_use]
pub fn standing(standing: &Standing) -> (&'static str, Vec<u8>) {
    match standing {
        Standing::Project(project) => {
            let project = At { value: project.clone(), revision: project.revision };
            ("spandrel.v1.Project", projects::project(project).encode_to_vec())
        }
        Standing::LabelSchema(project, uid, schema) => {
            let schema = label_schemas::label_schema(project, *uid, schema);
            ("spandrel.v1.LabelSchema", schema.encode_to_vec())
        }
        Standing::Layer(name, uid, layer) => {
            ("spandrel.v1.Layer", layers::declared(name, *uid, layer).encode_to_vec())
        }
        Standing::Article(name, uid, article) => {
            ("spandrel.v1.Article", changes::article(name.clone(), *uid, article).encode_to_vec())
        }
        Standing::Annotation(article, uid, annotation) => {
            ("spandrel.v1.Annotation", rendering::rendered(article, *uid, annotation).into())
        }
    }
}

/// A time in the API's form.
fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    const MICROS: i64 = 1_000_000;
    let nanos = i32::try_from(time.0.rem_euclid(MICROS) * 1_000).unwrap_or_default();
    prost_types::Timestamp { seconds: time.0.div_euclid(MICROS), nanos }
}

/// The id of a resource to be created: the request's own id field, or the name inside the resource; both must agree.
fn id_or_name<I: PartialEq>(
    id: (&str, &str),
    name: (&str, &str),
    parse_id: impl Fn(&str, &str) -> Result<I>,
    id_of_name: impl Fn(&str, &str) -> Result<I>,
) -> Result<Option<I>> {
    let ((id_field, id), (name_field, name)) = (id, name);
    let by_id = if id.is_empty() { None } else { Some(parse_id(id_field, id)?) };
    let by_name = if name.is_empty() { None } else { Some(id_of_name(name_field, name)?) };
    match (by_id, by_name) {
        (Some(by_id), Some(by_name)) if by_id != by_name => Err(Error::field(
            name_field,
            format!("is {name:?}, which is not what {id_field} {id:?} says; send one of them"),
        )),
        (by_id, by_name) => Ok(by_id.or(by_name)),
    }
}

/// Checks that a part of a batch does not ask to be checked or tried again alone.
fn not_alone(validate_only: bool, request_id: &str) -> Result<()> {
    for (field, is_set) in [("validate_only", validate_only), ("request_id", !request_id.is_empty())] {
        if is_set {
            return Err(Error::field(field, "is for the whole request; set it there"));
        }
    }
    Ok(())
}

/// Checks that a batch has at least one element and at most `limit`.
fn check_batch(field: &str, what: &'static str, elements: usize, limit: usize) -> Result<()> {
    if elements == 0 {
        return Err(Error::field(field, format!("is empty; send 1 to {limit}")));
    }
    if elements > limit {
        return Err(crate::domain::details::too_many(field, what, elements, limit, "elements"));
    }
    Ok(())
}

/// A part of a request that must be there.
fn required<T>(field: &str, part: Option<T>) -> Result<T> {
    part.ok_or_else(|| Error::field(field, "is missing"))
}
