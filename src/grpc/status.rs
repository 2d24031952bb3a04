//! Which status a refusal becomes: the one table of codes, reasons and details.
//!
//! Every status bears a `google.rpc.ErrorInfo` of domain `spandrel`, and, as its code has it, a `BadRequest`,
//! `PreconditionFailure`, `ResourceInfo` or `RetryInfo`. With all of it, it stays within [`STATUS_BYTES_MAX`].

use std::{collections::HashMap, time::Duration};

use http::HeaderMap;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt, pb};

use super::convert;

use crate::{
    domain::{
        Error, Problem,
        errors::{Broken, Conflict, Standing},
        text::Position,
    },
    limits::{ERROR_POSITIONS_MAX, STATUS_BYTES_MAX},
    proto::v1::ErrorReason,
};

/// The domain of every reason.
pub const DOMAIN: &str = "spandrel";

/// What a status says beside its `ErrorInfo`.
enum Detail<'p> {
    /// `BadRequest`: the field's path, and what is wrong with it.
    Field,
    /// `PreconditionFailure`: what it is about; the field if it is empty.
    Precondition(&'p str),
    /// `PreconditionFailure`: all that is in conflict.
    Conflicts(&'p [Conflict]),
    /// `PreconditionFailure`: all that breaks the label schema; the field for what was sent.
    Broken(&'p [Broken]),
    /// `ResourceInfo`: the resource's name.
    Resource(&'p str),
    /// `RetryInfo`: how long to wait before the next try.
    Retry(Duration),
    /// Nothing.
    None,
}

/// The table.
fn row(problem: &Problem) -> (Code, ErrorReason, Detail<'_>) {
    use ErrorReason as Reason;
    match problem {
        Problem::FieldInvalid(_) => (Code::InvalidArgument, Reason::FieldInvalid, Detail::Field),
        Problem::RecordInvalid(_) => (Code::InvalidArgument, Reason::RecordInvalid, Detail::Field),
        Problem::SpanRequired => (Code::InvalidArgument, Reason::SpanRequired, Detail::Field),
        Problem::OffsetNotOnBoundary { .. } => {
            (Code::InvalidArgument, Reason::OffsetNotOnBoundary, Detail::Field)
        }
        Problem::SpanOutOfBounds { .. } => (Code::InvalidArgument, Reason::SpanOutOfBounds, Detail::Field),
        Problem::SpanEmpty => (Code::InvalidArgument, Reason::SpanEmpty, Detail::Field),
        Problem::RangesDisagree { .. } => (Code::InvalidArgument, Reason::RangesDisagree, Detail::Field),
        Problem::QuoteMismatch { .. } => (Code::InvalidArgument, Reason::QuoteMismatch, Detail::Field),
        Problem::QuoteNotFound { .. } => (Code::InvalidArgument, Reason::QuoteNotFound, Detail::Field),
        Problem::QuoteAmbiguous { .. } => (Code::InvalidArgument, Reason::QuoteAmbiguous, Detail::Field),
        Problem::PageTokenInvalid(_) => (Code::InvalidArgument, Reason::PageTokenInvalid, Detail::Field),
        Problem::LimitExceeded { .. } => (Code::InvalidArgument, Reason::LimitExceeded, Detail::Field),
        Problem::RequestIdReused => (Code::InvalidArgument, Reason::RequestIdReused, Detail::Field),
        Problem::FeedReset(..) => (Code::FailedPrecondition, Reason::FeedReset, Detail::Precondition("")),
        Problem::RevisionCompacted { .. } => {
            (Code::FailedPrecondition, Reason::RevisionCompacted, Detail::Precondition(""))
        }
        Problem::UndoConflict { conflicts, .. } => {
            (Code::Aborted, Reason::UndoConflict, Detail::Conflicts(conflicts))
        }
        Problem::TextRevisionStale { .. } => {
            (Code::FailedPrecondition, Reason::TextRevisionStale, Detail::Precondition(""))
        }
        Problem::HasChildren { name, .. } | Problem::DestinationInUse { name, .. } => {
            (Code::FailedPrecondition, Reason::HasChildren, Detail::Precondition(name))
        }
        Problem::LayerLocked { name } => {
            (Code::FailedPrecondition, Reason::LayerLocked, Detail::Precondition(name))
        }
        Problem::SchemaViolated { broken, .. } => {
            (Code::FailedPrecondition, Reason::SchemaViolated, Detail::Broken(broken))
        }
        Problem::EtagMismatch { name, .. } => (Code::Aborted, Reason::EtagMismatch, Detail::Resource(name)),
        Problem::ResourceExists { name } => {
            (Code::AlreadyExists, Reason::ResourceExists, Detail::Resource(name))
        }
        Problem::ResourceNotFound { name } => {
            (Code::NotFound, Reason::ResourceNotFound, Detail::Resource(name))
        }
        Problem::Overloaded => {
            (Code::Unavailable, Reason::Overloaded, Detail::Retry(Duration::from_millis(100)))
        }
        Problem::ShuttingDown => {
            (Code::Unavailable, Reason::ShuttingDown, Detail::Retry(Duration::from_secs(1)))
        }
        Problem::StorageUnavailable(_) => {
            (Code::Unavailable, Reason::StorageUnavailable, Detail::Retry(Duration::from_secs(5)))
        }
        Problem::StorageCorrupt(_) => (Code::DataLoss, Reason::StorageCorrupt, Detail::None),
    }
}

/// The reason of a problem, as it is published, without the prefix of its enum.
#[must_use]
pub fn reason(problem: &Problem) -> &'static str {
    let (_, reason, _) = row(problem);
    reason.as_str_name().trim_start_matches("ERROR_REASON_")
}

/// The facts of a problem that a client's program may use.
fn facts(problem: &Problem) -> Vec<(&'static str, String)> {
    match problem {
        Problem::OffsetNotOnBoundary { offset, unit, floor, ceiling } => vec![
            ("offset", offset.to_string()),
            ("unit", unit.to_string()),
            ("floor", floor.to_string()),
            ("ceiling", ceiling.to_string()),
        ],
        Problem::SpanOutOfBounds { unit, length, .. } => {
            vec![("unit", unit.to_string()), ("length", length.to_string())]
        }
        Problem::RangesDisagree { second, expected_start, expected_end, .. } => vec![
            ("unit", second.to_string()),
            ("expected_start", expected_start.to_string()),
            ("expected_end", expected_end.to_string()),
        ],
        Problem::QuoteMismatch { matches_in_unit, .. } => {
            matches_in_unit.iter().map(|unit| ("matches_in_unit", unit.to_string())).collect()
        }
        Problem::QuoteNotFound { without_context } => {
            vec![("count", "0".to_owned()), ("count_without_context", without_context.to_string())]
        }
        Problem::QuoteAmbiguous { count, starts } => {
            vec![("count", count.to_string()), ("positions", positions(starts))]
        }
        Problem::LimitExceeded { actual, limit, unit, .. } => {
            vec![("actual", actual.to_string()), ("limit", limit.to_string()), ("unit", (*unit).to_owned())]
        }
        Problem::TextRevisionStale { sent, latest } => {
            vec![("sent", sent.to_string()), ("latest", latest.to_string())]
        }
        Problem::FeedReset(_, uid, head) => {
            vec![("project_uid", uid.to_string()), ("head_revision", head.0.to_string())]
        }
        Problem::RevisionCompacted { earliest, .. } => {
            vec![("earliest_revision", earliest.0.to_string())]
        }
        Problem::UndoConflict { revision, count, .. } => {
            vec![("revision", revision.0.to_string()), ("count", count.to_string())]
        }
        Problem::SchemaViolated { broken, count } => {
            let rule = broken.first().map(|broken| ("rule", broken.rule.name().to_owned()));
            rule.into_iter().chain([("count", count.to_string())]).collect()
        }
        Problem::EtagMismatch { current_etag, .. } => vec![("current_etag", current_etag.clone())],
        Problem::FieldInvalid(_)
        | Problem::RecordInvalid(_)
        | Problem::SpanRequired
        | Problem::SpanEmpty
        | Problem::PageTokenInvalid(_)
        | Problem::RequestIdReused
        | Problem::HasChildren { .. }
        | Problem::DestinationInUse { .. }
        | Problem::LayerLocked { .. }
        | Problem::ResourceExists { .. }
        | Problem::ResourceNotFound { .. }
        | Problem::Overloaded
        | Problem::ShuttingDown
        | Problem::StorageUnavailable(_)
        | Problem::StorageCorrupt(_) => Vec::new(),
    }
}

/// A JSON array of `{"utf8":n,"utf16":n,"code_points":n}`, at most [`ERROR_POSITIONS_MAX`].
fn positions(starts: &[Position]) -> String {
    let starts: Vec<_> = starts
        .iter()
        .take(ERROR_POSITIONS_MAX)
        .map(|Position { utf8, utf16, code_points }| {
            format!(r#"{{"utf8":{utf8},"utf16":{utf16},"code_points":{code_points}}}"#)
        })
        .collect();
    format!("[{}]", starts.join(","))
}

/// The status of a refusal. What the storage could not do goes to the log, too, and of damage the client learns
/// only that there is some.
#[must_use]
pub fn status(error: &Error) -> Status {
    let (code, reason, detail) = row(&error.problem);
    if matches!(error.problem, Problem::StorageUnavailable(_) | Problem::StorageCorrupt(_)) {
        tracing::error!(reason = name(reason), "{error}");
    }
    let description = if matches!(error.problem, Problem::StorageCorrupt(_)) {
        "stored data is damaged; the server's log says where".to_owned()
    } else {
        error.problem.to_string()
    };
    let refusal =
        Refusal { code, reason, detail, field: &error.field, description, facts: facts(&error.problem) };
    let status = refusal.into_status();
    if let Problem::EtagMismatch { current, .. } = &error.problem {
        with_current(status, current)
    } else {
        status
    }
}

/// The same status with the resource as it is now among its details, unless that is too long.
fn with_current(status: Status, current: &Standing) -> Status {
    // Most schemas are too long, and some much.
    if matches!(current, Standing::LabelSchema(_, _, schema) if schema.schema.definition().bytes() > STATUS_BYTES_MAX)
    {
        return status;
    }
    let (name, value) = convert::standing(current);
    let Ok(mut richer) = pb::Status::decode(status.details()) else { return status };
    richer.details.push(prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value });
    let richer = Status::with_details(status.code(), status.message(), richer.encode_to_vec().into());
    if header_bytes(&richer) <= STATUS_BYTES_MAX { richer } else { status }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        status(&error)
    }
}

/// The status of a call that took longer than `allowed`.
#[must_use]
pub fn deadline_exceeded(allowed: Duration) -> Status {
    Refusal {
        code: Code::DeadlineExceeded,
        reason: ErrorReason::DeadlineExceeded,
        detail: Detail::None,
        field: "",
        description: format!(
            "the call took longer than the {allowed:?} it was allowed; what it wrote may have been kept"
        ),
        facts: vec![("allowed_ms", allowed.as_millis().to_string())],
    }
    .into_status()
}

/// What a status is made from.
struct Refusal<'p> {
    code: Code,
    reason: ErrorReason,
    detail: Detail<'p>,
    field: &'p str,
    description: String,
    facts: Vec<(&'static str, String)>,
}

impl Refusal<'_> {
    /// How long each text of a status may be at first; halved while the whole is too large.
    const TEXT_BYTES_MAX: usize = 1_024;
    /// Texts this short fit whatever they are: percent-encoded in one header and Base64 in the other.
    const TEXT_BYTES_MIN: usize = 128;

    fn into_status(self) -> Status {
        let mut text_bytes = Self::TEXT_BYTES_MAX;
        loop {
            let status = self.with_texts_of(text_bytes);
            if text_bytes <= Self::TEXT_BYTES_MIN || header_bytes(&status) <= STATUS_BYTES_MAX {
                return status;
            }
            text_bytes /= 2;
        }
    }

    fn with_texts_of(&self, text_bytes: usize) -> Status {
        let reason = name(self.reason);
        let field = clipped(self.field, text_bytes);
        let description = clipped(&self.description, text_bytes);
        let message = match self.field {
            "" => description.clone(),
            field => clipped(&format!("{field}: {}", self.description), text_bytes),
        };
        let mut metadata: HashMap<String, String> =
            self.facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        if !field.is_empty() && !matches!(self.detail, Detail::Field) {
            metadata.insert("field".to_owned(), field.clone());
        }
        let mut details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
        match self.detail {
            Detail::Field => {
                let reason = reason.to_owned();
                details.set_bad_request(vec![FieldViolation {
                    field,
                    description,
                    reason,
                    localized_message: None,
                }]);
            }
            Detail::Precondition(subject) => {
                let subject = if subject.is_empty() { field } else { clipped(subject, text_bytes) };
                details.add_precondition_failure_violation(reason, subject, description);
            }
            Detail::Conflicts(conflicts) => {
                let all = conflicts.iter().map(|Conflict { name, why }| (name.as_str(), *why));
                violations(&mut details, reason, all, text_bytes);
            }
            Detail::Broken(broken) => {
                let subject = |own: &'_ Broken| {
                    if own.subject.is_empty() { field.clone() } else { own.subject.clone() }
                };
                let subjects: Vec<_> = broken.iter().map(subject).collect();
                let descriptions = broken.iter().map(|broken| broken.description.as_str());
                let all = subjects.iter().map(String::as_str).zip(descriptions);
                violations(&mut details, reason, all, text_bytes);
            }
            Detail::Resource(resource) => {
                let resource_name = clipped(resource, text_bytes);
                details.set_resource_info(resource_type(resource), resource_name, "", description);
            }
            Detail::Retry(delay) => {
                details.set_retry_info(Some(delay));
            }
            Detail::None => {}
        }
        Status::with_error_details(self.code, message, details)
    }
}

/// Adds the violations that there is room for, each with what it is about and what is wrong; the first one is clipped rather
/// than left out.
fn violations<'p>(
    details: &mut ErrorDetails,
    reason: &str,
    all: impl Iterator<Item = (&'p str, &'p str)>,
    text_bytes: usize,
) {
    let (mut room, mut clip) = (text_bytes, text_bytes);
    for (subject, description) in all {
        let bytes = subject.len() + description.len();
        if clip == 0 && bytes > room {
            break;
        }
        (room, clip) = (room.saturating_sub(bytes), 0);
        let (subject, description) = (clipped(subject, text_bytes), clipped(description, text_bytes));
        details.add_precondition_failure_violation(reason, subject, description);
    }
}

/// A reason as it is sent.
fn name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The message that a resource's name belongs to.
fn resource_type(name: &str) -> &'static str {
    match name.split('/').step_by(2).last() {
        Some("layers") if name.contains("/articles/") => "spandrel.v1.ArticleLayer",
        Some("layers") => "spandrel.v1.Layer",
        Some("articles") => "spandrel.v1.Article",
        Some("annotations") => "spandrel.v1.Annotation",
        _ => "spandrel.v1.Project",
    }
}

/// `text`, cut to `bytes` bytes and a mark that something is missing.
pub(super) fn clipped(text: &str, bytes: usize) -> String {
    match text.get(..text.floor_char_boundary(bytes)) {
        Some(start) if start.len() < text.len() => format!("{start}…"),
        _ => text.to_owned(),
    }
}

/// What a status takes in the trailers.
fn header_bytes(status: &Status) -> usize {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        return usize::MAX;
    }
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
