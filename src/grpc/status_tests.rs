use super::*;
use uuid::Uuid;

use crate::{
    domain::{
        ids::ProjectId,
        projects::{Project, ProjectDetails},
        revisions::{ProjectUid, Revision, Timestamp},
        schema::Rule,
        text::Unit,
    },
    limits::{CONFLICTS_LISTED_MAX, VIOLATIONS_LISTED_MAX},
};

const ARTICLE: &str = "projects/p/articles/a";

fn a_project(description: &str) -> Project {
    let details = ProjectDetails { description: description.to_owned(), ..ProjectDetails::default() };
    Project {
        id: ProjectId::parse("", "p").unwrap(),
        uid: ProjectUid(Uuid::nil()),
        details,
        revision: Revision(7),
        create_time: Timestamp(1),
        update_time: Timestamp(2),
    }
}

/// Every problem there is. `row` does not compile without a new one; nor does this without its place here.
fn problems(text: &str) -> Vec<Problem> {
    let own = || text.to_owned();
    let (unit, far) = (Unit::CodePoints, u32::MAX);
    let start = Position { utf8: far, utf16: far, code_points: far };
    let all = vec![
        Problem::FieldInvalid(own()),
        Problem::SpanRequired,
        Problem::OffsetNotOnBoundary { offset: 3, unit: Unit::Utf8, floor: 2, ceiling: 4 },
        Problem::SpanOutOfBounds { start: 4, end: 9, unit: Unit::Utf16, length: 7 },
        Problem::SpanEmpty,
        Problem::RangesDisagree {
            first: Unit::Utf8,
            first_start: 1,
            first_end: 2,
            second: unit,
            second_start: 5,
            second_end: 6,
            expected_start: 3,
            expected_end: 4,
        },
        Problem::QuoteMismatch { covered: own(), sent_unit: unit, matches_in_unit: Some(Unit::Utf16) },
        Problem::QuoteNotFound { without_context: 2 },
        Problem::QuoteAmbiguous { count: 40, starts: vec![start; 40] },
        Problem::PageTokenInvalid(own()),
        Problem::RequestIdReused,
        Problem::FeedReset(own(), ProjectUid(Uuid::nil()), Revision(7)),
        Problem::RevisionCompacted { asked: 3, earliest: Revision(9) },
        Problem::UndoConflict {
            revision: Revision(7),
            conflicts: vec![Conflict { name: own(), why: "was changed since" }; CONFLICTS_LISTED_MAX],
            count: 40,
        },
        Problem::LimitExceeded { what: "the text", actual: 9, limit: 8, unit: "bytes" },
        Problem::TextRevisionStale { sent: 1, latest: 2 },
        Problem::HasChildren { name: own(), children: "3 annotations".to_owned() },
        Problem::LayerLocked { name: own() },
        Problem::RecordInvalid(own()),
        Problem::SchemaViolated {
            broken: vec![
                Broken { subject: own(), rule: Rule::Overlap, description: own() };
                VIOLATIONS_LISTED_MAX
            ],
            count: 40,
        },
        Problem::EtagMismatch {
            name: own(),
            current_etag: "\"2-7\"".to_owned(),
            current: Box::new(Standing::Project(a_project(text))),
        },
        Problem::ResourceExists { name: own() },
        Problem::ResourceNotFound { name: own() },
        Problem::Overloaded,
        Problem::ShuttingDown,
        Problem::StorageUnavailable(own()),
        Problem::StorageCorrupt(own()),
    ];
    let mut reasons: Vec<_> = all.iter().map(|problem| row(problem).1).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), all.len(), "every problem once");
    let published = (1..).map_while(|number| ErrorReason::try_from(number).ok());
    let sent: Vec<_> = published.filter(|reason| *reason != ErrorReason::DeadlineExceeded).collect();
    assert_eq!(reasons, sent, "every published reason is the reason of a problem");
    all
}

fn problem(reason: ErrorReason) -> Problem {
    problems(ARTICLE).into_iter().find(|problem| row(problem).1 == reason).unwrap()
}

#[test]
fn every_refusal_says_its_reason_and_the_detail_of_its_code() {
    for problem in problems(ARTICLE) {
        let (code, reason, _) = row(&problem);
        let status = status(&Error::at("annotation.anchor", problem.clone()));
        assert_eq!(status.code(), code, "{problem:?}");
        assert!(status.message().starts_with("annotation.anchor: "), "{}", status.message());

        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.domain, "spandrel");
        assert_eq!(format!("ERROR_REASON_{}", info.reason), reason.as_str_name());

        let field = details.bad_request().map(|bad| bad.field_violations[0].field.as_str());
        assert_eq!(field.is_some(), code == Code::InvalidArgument, "{problem:?}");
        assert_eq!(field.or(info.metadata.get("field").map(String::as_str)), Some("annotation.anchor"));
        let has_precondition =
            code == Code::FailedPrecondition || matches!(problem, Problem::UndoConflict { .. });
        assert_eq!(details.precondition_failure().is_some(), has_precondition, "{problem:?}");
        let has_resource = matches!(code, Code::NotFound | Code::AlreadyExists)
            || matches!(problem, Problem::EtagMismatch { .. });
        assert_eq!(details.resource_info().is_some(), has_resource, "{problem:?}");
        assert_eq!(details.retry_info().is_some(), code == Code::Unavailable, "{problem:?}");
    }
}

#[test]
fn the_facts_are_what_a_client_needs_to_mend_its_request() {
    let check = |reason, facts: &[(&str, &str)]| {
        let status = status(&Error::at("span", problem(reason)));
        let details = status.get_error_details();
        let metadata = &details.error_info().unwrap().metadata;
        for (key, value) in facts {
            assert_eq!(metadata.get(*key).map(String::as_str), Some(*value), "{reason:?} {metadata:?}");
        }
    };
    check(ErrorReason::OffsetNotOnBoundary, &[("floor", "2"), ("ceiling", "4"), ("unit", "utf8")]);
    check(ErrorReason::SpanOutOfBounds, &[("length", "7"), ("unit", "utf16")]);
    check(ErrorReason::QuoteMismatch, &[("matches_in_unit", "utf16")]);
    check(ErrorReason::QuoteNotFound, &[("count", "0"), ("count_without_context", "2")]);
    check(ErrorReason::QuoteAmbiguous, &[("count", "40")]);
    check(ErrorReason::LimitExceeded, &[("limit", "8"), ("actual", "9"), ("unit", "bytes")]);
    check(ErrorReason::TextRevisionStale, &[("latest", "2"), ("sent", "1")]);
    check(ErrorReason::SchemaViolated, &[("rule", "OVERLAP"), ("count", "40")]);
    check(ErrorReason::EtagMismatch, &[("current_etag", "\"2-7\"")]);
    check(ErrorReason::FeedReset, &[("head_revision", "7"), ("project_uid", &Uuid::nil().to_string())]);
    check(ErrorReason::RevisionCompacted, &[("earliest_revision", "9")]);
    check(ErrorReason::UndoConflict, &[("revision", "7"), ("count", "40")]);
    check(ErrorReason::RangesDisagree, &[("expected_start", "3"), ("expected_end", "4")]);
}

#[test]
fn positions_are_json_and_at_most_sixteen() {
    let status = status(&problem(ErrorReason::QuoteAmbiguous).into());
    let details = status.get_error_details();
    let positions = &details.error_info().unwrap().metadata["positions"];
    let positions: serde_json::Value = serde_json::from_str(positions).unwrap();
    assert_eq!(positions.as_array().unwrap().len(), ERROR_POSITIONS_MAX);
    assert_eq!(positions[15]["code_points"], u32::MAX);
}

#[test]
fn what_is_missing_or_in_the_way_is_named_with_its_type() {
    for (name, expected) in [
        ("projects/p", "spandrel.v1.Project"),
        (ARTICLE, "spandrel.v1.Article"),
        ("projects/p/articles/a/annotations/x", "spandrel.v1.Annotation"),
        ("projects/articles/articles/projects", "spandrel.v1.Article"),
    ] {
        let status = status(&Problem::ResourceNotFound { name: name.to_owned() }.into());
        let details = status.get_error_details();
        let resource = details.resource_info().unwrap();
        assert_eq!((resource.resource_name.as_str(), resource.resource_type.as_str()), (name, expected));
    }
}

#[test]
fn a_status_fits_a_trailer_whatever_was_sent() {
    for text in ["\"", "é", "字", "😀", "\u{0}", "\\", "%", "a"] {
        let hostile = text.repeat(100_000);
        for problem in problems(&hostile) {
            let status = status(&Error::at(hostile.clone(), problem));
            let bytes = header_bytes(&status);
            assert!(bytes <= STATUS_BYTES_MAX, "{bytes} bytes of {text:?}: {}", status.message());
            assert!(status.message().ends_with('…'));
            assert!(status.get_error_details().error_info().is_some());
        }
    }
}

#[test]
fn short_texts_are_sent_whole() {
    let name = format!("projects/{0}/articles/{0}", "x".repeat(128));
    let status = status(&Problem::ResourceExists { name: name.clone() }.into());
    assert_eq!(status.message(), format!("{name} exists"));
}

#[test]
fn damage_is_described_to_the_log_alone() {
    let status = status(&Error::corrupt("row 17 of somebody else's project"));
    assert_eq!(status.code(), Code::DataLoss);
    assert!(!status.message().contains("17"), "{}", status.message());
    assert!(status.message().contains("log"));
}

#[test]
fn an_expired_deadline_says_what_was_allowed() {
    let status = deadline_exceeded(Duration::from_millis(250));
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(status.message().contains("250ms"), "{}", status.message());
    assert_eq!(status.get_error_details().error_info().unwrap().reason, "DEADLINE_EXCEEDED");
}
