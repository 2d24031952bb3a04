//! Why a command failed, as people and as programs read it.

use std::{collections::BTreeMap, fmt::Write as _, io, iter, net::SocketAddr, process::ExitCode};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt as _};

use super::render::printable;
use crate::client::ConnectError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments do not go together.
    Usage(String),
    /// Something on this side: a file, an answer that cannot be read.
    Local(String),
    /// Nobody answers at the address.
    Unreachable {
        /// The address, `host:port`.
        authority: String,
        /// What the system says.
        cause: String,
    },
    /// The server said no.
    Refused(Box<Status>),
    /// The answer could not be written.
    Output(io::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unreachable { authority: error.server().authority().to_owned(), cause: error.cause() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// The same failure, of one of several files.
    pub(super) fn about(self, file: &str) -> Self {
        match self {
            Self::Refused(status) => {
                let message = format!("{file}: {}", status.message());
                let details = status.details().to_vec().into();
                Self::Refused(Box::new(Status::with_details(status.code(), message, details)))
            }
            // What goes wrong on this side names its file.
            Self::Usage(_) | Self::Local(_) | Self::Unreachable { .. } | Self::Output(_) => self,
        }
    }

    /// Whether what comes after would fail in the same way: no server, no project, no permission.
    pub(super) fn is_about_all(&self) -> bool {
        match self {
            Self::Refused(status) => matches!(
                status.code(),
                Code::Unavailable
                    | Code::NotFound
                    | Code::PermissionDenied
                    | Code::Unauthenticated
                    | Code::Unimplemented
            ),
            Self::Unreachable { .. } | Self::Output(_) => true,
            Self::Usage(_) | Self::Local(_) => false,
        }
    }

    /// 0 for an answer that nobody read to its end, 1 when the server or the data said no, 2 for wrong usage.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Self::Local(_) | Self::Unreachable { .. } | Self::Refused(_) | Self::Output(_) => {
                ExitCode::from(1)
            }
        }
    }

    /// What to write to stderr, with a line break at its end; empty when there is nothing to say.
    pub(super) fn message(&self, as_json: bool, color: bool) -> String {
        let summary = match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return String::new(),
            Self::Usage(message) | Self::Local(message) => message.clone(),
            Self::Unreachable { authority, cause } => {
                format!("cannot reach a server at {authority}: {cause}")
            }
            Self::Refused(status) if status.message().is_empty() => status.code().description().to_owned(),
            Self::Refused(status) => without_field(status),
            Self::Output(error) => format!("cannot write the answer: {error}"),
        };
        if as_json {
            return format!("{}\n", json!({ "error": self.json(&summary) }));
        }
        let (bold, dim) = if color {
            (AnsiColor::Red.on_default().bold(), Style::new().dimmed())
        } else {
            (Style::new(), Style::new())
        };
        let mut message = format!("{bold}error:{bold:#} {}\n", printable(&summary));
        let details = self.details(&summary);
        let width = details.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in details {
            // Writing to a String does not fail.
            let _ = writeln!(message, "  {dim}{name:width$}{dim:#}  {}", printable(&value));
        }
        message
    }

    /// Names and values below the message, the hint last.
    fn details(&self, summary: &str) -> Vec<(String, String)> {
        let line = |name: &str, value: String| (name.to_owned(), value);
        match self {
            Self::Unreachable { authority, .. } => match listen_address(authority) {
                Some(address) => vec![
                    line("hint", format!("start one with: spandrel serve --listen {address}")),
                    line("", "or name another with --server or SPANDREL_SERVER".to_owned()),
                ],
                None => vec![line("hint", "name another with --server or SPANDREL_SERVER".to_owned())],
            },
            Self::Refused(status) => {
                let details = status.get_error_details();
                let mut lines = refusal(status, &details, summary);
                // What the message says already is not said again.
                lines.retain(|(name, value)| {
                    matches!(name.as_str(), "reason" | "field" | "conflict") || !says(summary, value)
                });
                lines.extend(hint(status, &details).map(|hint| line("hint", hint)));
                lines
            }
            Self::Usage(_) | Self::Local(_) | Self::Output(_) => Vec::new(),
        }
    }

    /// The error as AIP-193 writes a google.rpc.Status in JSON; without a code when no server said it.
    fn json(&self, summary: &str) -> Value {
        match self {
            Self::Refused(status) => {
                let code = status.code();
                let details = json_details(&status.get_error_details());
                let message = Some(status.message()).filter(|it| !it.is_empty()).unwrap_or(summary);
                json!({ "code": i32::from(code), "status": code_name(code), "message": message, "details": details })
            }
            Self::Unreachable { authority, .. } => json!({ "message": summary, "server": authority }),
            Self::Usage(_) | Self::Local(_) | Self::Output(_) => json!({ "message": summary }),
        }
    }
}

/// What `serve` could listen on to be reached at `authority`; none for a name, which may be another machine's.
fn listen_address(authority: &str) -> Option<String> {
    let here = authority.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    here.or_else(|| authority.parse::<SocketAddr>().ok().map(|address| address.to_string()))
}

/// The fields that are to blame, as the details name them: a refusal that is not about a malformed request has
/// its field among the facts.
fn fields(details: &ErrorDetails) -> Vec<&str> {
    let violations = details.bad_request().into_iter().flat_map(|it| &it.field_violations);
    let facts = details.error_info().and_then(|info| info.metadata.get("field"));
    let named = violations.map(|violation| &violation.field).chain(facts);
    named.map(String::as_str).filter(|field| !field.is_empty()).collect()
}

/// What the server says beside its message.
fn refusal(status: &Status, details: &ErrorDetails, summary: &str) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for violation in details.bad_request().into_iter().flat_map(|it| &it.field_violations) {
        let says_more = !summary.contains(&violation.description);
        let description = if says_more { format!(": {}", violation.description) } else { String::new() };
        if !violation.field.is_empty() {
            lines.push(("field".to_owned(), format!("{}{description}", violation.field)));
        }
    }
    match details.precondition_failure().map_or(&[][..], |it| &it.violations) {
        // The message is about it.
        [violation] => lines.push(("subject".to_owned(), violation.subject.clone())),
        [] => {}
        violations => lines.extend(conflicts(violations, details)),
    }
    if let Some(resource) = details.resource_info() {
        lines.push(("resource".to_owned(), resource.resource_name.clone()));
    }
    match details.error_info() {
        Some(info) => {
            let field = info.metadata.get("field").map(|field| ("field".to_owned(), field.clone()));
            lines.extend(field);
            lines.push(("reason".to_owned(), info.reason.clone()));
            // How often a quote stands there is what the message is about.
            let is_said = |name: &str| matches!(name, "field" | "count" | "count_without_context");
            let facts: BTreeMap<_, _> = info.metadata.iter().filter(|(name, _)| !is_said(name)).collect();
            for (name, value) in facts {
                match positions(value).filter(|_| name == "positions") {
                    Some(positions) => {
                        // The name stands before the first of them.
                        let names = iter::once(name.clone()).chain(iter::repeat(String::new()));
                        lines.extend(names.zip(positions));
                    }
                    None => lines.push((name.clone(), value.clone())),
                }
            }
        }
        None => lines.push(("code".to_owned(), code_name(status.code()).to_owned())),
    }
    if let Some(delay) = details.retry_info().and_then(|it| it.retry_delay) {
        lines.push(("retry after".to_owned(), format!("{:.1} s", delay.as_secs_f64())));
    }
    lines
}

/// What stands in the way, a line each; the name stands before the first of them.
fn conflicts(violations: &[PreconditionViolation], details: &ErrorDetails) -> Vec<(String, String)> {
    let mut listed: Vec<_> =
        violations.iter().map(|it| format!("{} {}", it.subject, it.description)).collect();
    let count = details.error_info().and_then(|info| info.metadata.get("count")?.parse::<usize>().ok());
    let more = count.unwrap_or(0).saturating_sub(listed.len());
    if more > 0 {
        listed.push(format!("and {more} more"));
    }
    let names = iter::once("conflict".to_owned()).chain(iter::repeat(String::new()));
    names.zip(listed).collect()
}

/// The message without the field before it, which has a line of its own.
fn without_field(status: &Status) -> String {
    let details = status.get_error_details();
    let mut message = status.message().to_owned();
    for field in fields(&details) {
        let prefix = format!("{field}: ");
        let Some((before, after)) = message.split_once(&prefix) else { continue };
        // "is missing" alone does not say what is.
        let lacks_subject = ["is ", "has ", "must "].iter().any(|verb| after.starts_with(verb));
        let subject = if lacks_subject { format!("{field} ") } else { String::new() };
        message = format!("{before}{subject}{after}");
    }
    message
}

/// Whether the value stands in the message as a word.
fn says(message: &str, value: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !value.is_empty()
        && message.match_indices(value).any(|(start, _)| {
            let before = message.get(..start).and_then(|before| before.chars().next_back());
            let after = message.get(start + value.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
}

/// A JSON array of positions, a line each: `utf8 97, utf16 95, code_points 95`.
fn positions(json: &str) -> Option<Vec<String>> {
    let positions: Vec<serde_json::Map<String, Value>> = serde_json::from_str(json).ok()?;
    let line = |position: &serde_json::Map<String, Value>| {
        let units: Vec<String> = position.iter().map(|(unit, offset)| format!("{unit} {offset}")).collect();
        units.join(", ")
    };
    Some(positions.iter().map(line).collect())
}

/// What to do about it, in the words of this command line.
fn hint(status: &Status, details: &ErrorDetails) -> Option<String> {
    let Some(info) = details.error_info() else {
        // Spandrel says a reason with each refusal; these come from a connection, or from another program.
        return matches!(
            status.code(),
            Code::Unavailable | Code::Internal | Code::Unknown | Code::Unimplemented
        )
        .then(|| "is that a Spandrel server? --server says which one is asked".to_owned());
    };
    let hint = match info.reason.as_str() {
        "HAS_CHILDREN" => {
            let held = details.precondition_failure().and_then(|it| it.violations.first());
            force_hint(held.map_or("", |it| it.subject.as_str()))
        }
        "LAYER_LOCKED" => {
            let subject = &details.precondition_failure()?.violations.first()?.subject;
            let ["projects", project, "articles", article, "layers", layer] =
                *subject.split('/').collect::<Vec<_>>()
            else {
                return None;
            };
            format!("reopen it with: spandrel layer reopen {project} {article} {layer}")
        }
        "QUOTE_AMBIGUOUS" => "say which one with --prefix, --suffix, or a range beside the quote".to_owned(),
        "QUOTE_MISMATCH" => {
            let flag = match info.metadata.get("matches_in_unit")?.as_str() {
                "utf8" => "--utf8",
                "utf16" => "--utf16",
                "code_points" => "--code-points",
                _ => return None,
            };
            format!("the same numbers fit the quote with {flag}")
        }
        "QUOTE_NOT_FOUND" => {
            "it must stand there exactly so: accents, case, spaces and line ends count".to_owned()
        }
        "LIMIT_EXCEEDED" if fields(details).contains(&"article.text") => {
            "the server's limit is that of spandrel serve --max-text".to_owned()
        }
        // What was sent has a field; what stands in the way of another schema has none.
        "SCHEMA_VIOLATED" if fields(details).is_empty() => {
            "spandrel schema set --force sets it all the same; what breaks it stays as it is until it is changed"
                .to_owned()
        }
        "SCHEMA_VIOLATED" => "see the rules with: spandrel schema show PROJECT".to_owned(),
        "RESOURCE_EXISTS" | "RESOURCE_NOT_FOUND" | "ETAG_MISMATCH" => {
            return resource_hint(&info.reason, &details.resource_info()?.resource_name);
        }
        "UNDO_CONFLICT" => {
            let subject = &details.precondition_failure()?.violations.first()?.subject;
            let project = subject.split('/').nth(1)?;
            let revision = info.metadata.get("revision")?;
            format!("see what was done since with: spandrel log {project} --after {revision}")
        }
        "FEED_RESET" | "REVISION_COMPACTED" if fields(details).contains(&"after_revision") => {
            "spandrel watch begins with what is left of the log with --earliest, with what there is with --snapshot"
                .to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// What --force would do to what is not empty.
fn force_hint(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        [.., "articles", _, "annotations", _] => "--force deletes the relations that use it, too".to_owned(),
        ["projects", project, "articles", article, "layers", _] => format!(
            "--force adds the copies to what is there; see what that is with: spandrel layer list {project} \
             --article {article}"
        ),
        ["projects", _, "layers", _] => "--force deletes its annotations, too, in all articles".to_owned(),
        _ => "--force deletes all that it holds".to_owned(),
    }
}

/// What to do about a resource that is there, is not, or is another than it was.
fn resource_hint(reason: &str, name: &str) -> Option<String> {
    let hint = match (reason, name.split('/').collect::<Vec<_>>().as_slice()) {
        ("RESOURCE_EXISTS", ["projects", _, "articles", ..]) => "choose another id with --id".to_owned(),
        ("RESOURCE_NOT_FOUND", ["projects", project]) => format!(
            "create it with: spandrel project create {project}; see what is there with: spandrel project list"
        ),
        ("RESOURCE_NOT_FOUND", ["projects", project, "articles", _]) => {
            format!("see what is there with: spandrel article list {project}")
        }
        ("RESOURCE_NOT_FOUND", ["projects", project, "articles", article, "annotations", _]) => {
            format!("see what is there with: spandrel annotation list {project} {article}")
        }
        ("RESOURCE_EXISTS", ["projects", project, "layers", layer]) => {
            format!("change it with: spandrel layer update {project} {layer}")
        }
        ("RESOURCE_NOT_FOUND", ["projects", project, "layers", layer]) => format!(
            "declare it with: spandrel layer create {project} {layer} --kind human|model|gold; see what is there with: \
             spandrel layer list {project}"
        ),
        ("RESOURCE_NOT_FOUND", ["projects", project, "articles", article, "layers", _]) => {
            format!("see what is there with: spandrel layer list {project} --article {article}")
        }
        ("ETAG_MISMATCH", ["projects", project, "layers", layer]) => {
            format!("see how it is now with: spandrel layer show {project} {layer}")
        }
        ("ETAG_MISMATCH", ["projects", project, "labelSchema"]) => {
            format!("somebody changed it meanwhile: see how it is now with: spandrel schema show {project}")
        }
        ("ETAG_MISMATCH", ["projects", project, "articles", article, "annotations", id]) => {
            format!("see how it is now with: spandrel annotation show {project} {article} {id}")
        }
        _ => return None,
    };
    Some(hint)
}

fn json_details(details: &ErrorDetails) -> Vec<Value> {
    let type_url = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
    let mut list = Vec::new();
    if let Some(info) = details.error_info() {
        let facts: BTreeMap<_, _> = info.metadata.iter().collect();
        list.push(json!({ "@type": type_url("ErrorInfo"), "reason": info.reason, "domain": info.domain,
                          "metadata": facts }));
    }
    if let Some(bad) = details.bad_request() {
        let violations: Vec<Value> = bad
            .field_violations
            .iter()
            .map(|it| json!({ "field": it.field, "description": it.description }))
            .collect();
        list.push(json!({ "@type": type_url("BadRequest"), "fieldViolations": violations }));
    }
    if let Some(failure) = details.precondition_failure() {
        let violations: Vec<Value> = failure
            .violations
            .iter()
            .map(|it| json!({ "type": it.r#type, "subject": it.subject, "description": it.description }))
            .collect();
        list.push(json!({ "@type": type_url("PreconditionFailure"), "violations": violations }));
    }
    if let Some(it) = details.resource_info() {
        list.push(json!({ "@type": type_url("ResourceInfo"), "resourceType": it.resource_type,
                          "resourceName": it.resource_name, "owner": it.owner, "description": it.description }));
    }
    if let Some(delay) = details.retry_info().and_then(|it| it.retry_delay) {
        list.push(
            json!({ "@type": type_url("RetryInfo"), "retryDelay": format!("{}s", delay.as_secs_f64()) }),
        );
    }
    list
}

/// The code's name in google.rpc.Code.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests;
