//! What is said about each failure.

use std::collections::HashMap;

use super::*;

fn refused(code: Code, message: &str, details: ErrorDetails) -> Failure {
    Status::with_error_details(code, message, details).into()
}

fn reason(reason: &str, facts: &[(&str, &str)]) -> ErrorDetails {
    let facts: HashMap<String, String> =
        facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ErrorDetails::with_error_info(reason, "spandrel", facts)
}

#[track_caller]
fn check(failure: &Failure, lines: &[&str]) {
    assert_eq!(failure.message(false, false), lines.join("\n") + "\n");
    assert_eq!(failure.exit_code(), ExitCode::from(1));
}

#[test]
fn what_to_do_about_an_annotation_is_said() {
    let name = "projects/p/articles/a/annotations/x";
    let mut details = reason("RESOURCE_NOT_FOUND", &[]);
    details.set_resource_info("spandrel.v1.Annotation", name, "", "");
    check(
        &refused(Code::NotFound, &format!("{name} does not exist"), details),
        &[
            "error: projects/p/articles/a/annotations/x does not exist",
            "  reason  RESOURCE_NOT_FOUND",
            "  hint    see what is there with: spandrel annotation list p a",
        ],
    );
    let mut details = reason("ETAG_MISMATCH", &[("current_etag", "e2")]);
    details.set_resource_info("spandrel.v1.Annotation", name, "", "");
    check(
        &refused(Code::Aborted, &format!("{name} was changed: its etag is e2"), details),
        &[
            "error: projects/p/articles/a/annotations/x was changed: its etag is e2",
            "  reason  ETAG_MISMATCH",
            "  hint    see how it is now with: spandrel annotation show p a x",
        ],
    );
    let mut details = reason("HAS_CHILDREN", &[]);
    details.add_precondition_failure_violation("HAS_CHILDREN", name, "");
    check(
        &refused(Code::FailedPrecondition, &format!("{name} has 2 relations"), details),
        &[
            "error: projects/p/articles/a/annotations/x has 2 relations",
            "  reason  HAS_CHILDREN",
            "  hint    --force deletes the relations that use it, too",
        ],
    );
}

#[test]
fn what_to_do_about_a_layer_is_said() {
    let (of_project, of_article) = ("projects/p/layers/gold", "projects/p/articles/a/layers/gold");
    let precondition = |name: &str, subject: &str| {
        let mut details = reason(name, &[]);
        details.add_precondition_failure_violation(name, subject, "");
        details
    };
    let resource = |name: &str, resource: &str| {
        let mut details = reason(name, &[]);
        details.set_resource_info("", resource, "", "");
        details
    };
    let hint = |details: ErrorDetails, expected: &str| {
        let said = refused(Code::FailedPrecondition, "no", details).message(false, false);
        assert!(said.contains("\n  hint ") && said.ends_with(&format!("  {expected}\n")), "{said}");
    };
    hint(precondition("LAYER_LOCKED", of_article), "reopen it with: spandrel layer reopen p a gold");
    hint(precondition("HAS_CHILDREN", of_project), "--force deletes its annotations, too, in all articles");
    hint(
        precondition("HAS_CHILDREN", of_article),
        "--force adds the copies to what is there; see what that is with: spandrel layer list p --article a",
    );
    hint(
        resource("RESOURCE_NOT_FOUND", of_project),
        "declare it with: spandrel layer create p gold --kind human|model|gold; see what is there with: spandrel layer list p",
    );
    hint(
        resource("RESOURCE_NOT_FOUND", of_article),
        "see what is there with: spandrel layer list p --article a",
    );
    hint(resource("RESOURCE_EXISTS", of_project), "change it with: spandrel layer update p gold");
    hint(resource("ETAG_MISMATCH", of_project), "see how it is now with: spandrel layer show p gold");
    check(
        &refused(
            Code::FailedPrecondition,
            &format!("{of_article} is submitted; reopen it to change its annotations"),
            precondition("LAYER_LOCKED", of_article),
        ),
        &[
            "error: projects/p/articles/a/layers/gold is submitted; reopen it to change its annotations",
            "  reason  LAYER_LOCKED",
            "  hint    reopen it with: spandrel layer reopen p a gold",
        ],
    );
}

#[test]
fn a_refusal_says_the_message_the_field_the_reason_the_facts_and_what_to_do() {
    let positions = r#"[{"utf8":3,"utf16":3,"code_points":3},{"utf8":90,"utf16":80,"code_points":70}]"#;
    let mut details = reason("QUOTE_AMBIGUOUS", &[("positions", positions), ("count", "2")]);
    details.add_bad_request_violation("annotation.anchor.spans[0].quote", "the quote stands 2 times");
    check(
        &refused(
            Code::InvalidArgument,
            "annotation.anchor.spans[0].quote: the quote stands 2 times",
            details,
        ),
        &[
            "error: the quote stands 2 times",
            "  field      annotation.anchor.spans[0].quote",
            "  reason     QUOTE_AMBIGUOUS",
            "  positions  utf8 3, utf16 3, code_points 3",
            "             utf8 90, utf16 80, code_points 70",
            "  hint       say which one with --prefix, --suffix, or a range beside the quote",
        ],
    );
    let mut details = reason("RESOURCE_NOT_FOUND", &[]);
    details.set_resource_info("spandrel.v1.Project", "projects/demo", "", "");
    check(
        &refused(Code::NotFound, "projects/demo does not exist", details),
        &[
            "error: projects/demo does not exist",
            "  reason  RESOURCE_NOT_FOUND",
            "  hint    create it with: spandrel project create demo; see what is there with: spandrel project list",
        ],
    );
    check(
        &refused(
            Code::InvalidArgument,
            "differs",
            reason("QUOTE_MISMATCH", &[("matches_in_unit", "utf16"), ("limit", "10")]),
        ),
        &[
            "error: differs",
            "  reason           QUOTE_MISMATCH",
            "  limit            10",
            "  matches_in_unit  utf16",
            "  hint             the same numbers fit the quote with --utf16",
        ],
    );
    check(
        &Status::internal("transport \u{1b}[31merror").into(),
        &[
            "error: transport ␛[31merror",
            "  code  INTERNAL",
            "  hint  is that a Spandrel server? --server says which one is asked",
        ],
    );
}

#[test]
fn the_field_stands_once_and_a_message_keeps_its_subject() {
    let check = |code, message: &str, details, lines: &[&str]| {
        assert_eq!(refused(code, message, details).message(false, false), lines.join("\n") + "\n");
    };
    let mut details = reason("RESOURCE_EXISTS", &[("field", "article_id")]);
    details.set_resource_info("spandrel.v1.Article", "projects/p/articles/a", "", "");
    check(
        Code::AlreadyExists,
        "article_id: projects/p/articles/a exists",
        details,
        &[
            "error: projects/p/articles/a exists",
            "  field   article_id",
            "  reason  RESOURCE_EXISTS",
            "  hint    choose another id with --id",
        ],
    );
    let mut details = reason("FIELD_INVALID", &[]);
    details.add_bad_request_violation("annotation.label", "is missing; say what the spans are");
    check(
        Code::InvalidArgument,
        "annotation.label: is missing; say what the spans are",
        details,
        &[
            "error: annotation.label is missing; say what the spans are",
            "  field   annotation.label",
            "  reason  FIELD_INVALID",
        ],
    );
    let mut details = reason("QUOTE_NOT_FOUND", &[("count", "0"), ("count_without_context", "0")]);
    details.add_bad_request_violation("quote", "the quote does not stand in the text");
    check(
        Code::InvalidArgument,
        "quote: the quote does not stand in the text",
        details,
        &[
            "error: the quote does not stand in the text",
            "  field   quote",
            "  reason  QUOTE_NOT_FOUND",
            "  hint    it must stand there exactly so: accents, case, spaces and line ends count",
        ],
    );
}

#[test]
fn all_that_an_undo_conflicts_with_is_said() {
    let check = |message: &str, count: usize, names: &[&str], lines: &[&str]| {
        let mut details =
            reason("UNDO_CONFLICT", &[("revision", "12"), ("count", count.to_string().as_str())]);
        for name in names {
            details.add_precondition_failure_violation("UNDO_CONFLICT", *name, "was changed since");
        }
        let failure = refused(Code::Aborted, message, details);
        assert_eq!(failure.message(false, false), lines.join("\n") + "\n");
    };
    check(
        "revision 12 cannot be undone: projects/p/articles/a was changed since",
        1,
        &["projects/p/articles/a"],
        &[
            "error: revision 12 cannot be undone: projects/p/articles/a was changed since",
            "  reason  UNDO_CONFLICT",
            "  hint    see what was done since with: spandrel log p --after 12",
        ],
    );
    check(
        "revision 12 cannot be undone: projects/p was changed since, and so it is with 3 more",
        4,
        &["projects/p", "projects/p/articles/a"],
        &[
            "error: revision 12 cannot be undone: projects/p was changed since, and so it is with 3 more",
            "  conflict  projects/p was changed since",
            "            projects/p/articles/a was changed since",
            "            and 2 more",
            "  reason    UNDO_CONFLICT",
            "  hint      see what was done since with: spandrel log p --after 12",
        ],
    );
}

#[test]
fn a_refusal_in_json_is_a_status_with_its_details() {
    let mut details = reason("OFFSET_NOT_ON_BOUNDARY", &[("floor", "3"), ("ceiling", "7")]);
    details.add_bad_request_violation("annotation.anchor.spans[0].utf8.start", "inside");
    let line = refused(Code::InvalidArgument, "inside", details).message(true, false);
    assert_eq!(line.matches('\n').count(), 1);
    let value: Value = serde_json::from_str(&line).unwrap();
    let expected = json!({ "error": { "code": 3, "status": "INVALID_ARGUMENT", "message": "inside", "details": [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OFFSET_NOT_ON_BOUNDARY",
          "domain": "spandrel", "metadata": { "ceiling": "7", "floor": "3" } },
        { "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [
            { "field": "annotation.anchor.spans[0].utf8.start", "description": "inside" } ] },
    ] } });
    assert_eq!(value, expected);
}

#[test]
fn nobody_at_the_address_says_which_and_how_to_start_a_server() {
    let failure = Failure::Unreachable { authority: "127.0.0.1:9".into(), cause: "refused".into() };
    let message = failure.message(false, false);
    assert!(message.starts_with("error: cannot reach a server at 127.0.0.1:9: refused\n"), "{message}");
    assert!(message.contains("spandrel serve --listen 127.0.0.1:9"), "{message}");
    assert_eq!(failure.exit_code(), ExitCode::from(1));
}

#[test]
fn only_an_address_of_this_machine_is_one_to_listen_on() {
    let check = |authority: &str, address: Option<&str>| {
        assert_eq!(listen_address(authority).as_deref(), address, "{authority}");
    };
    check("127.0.0.1:7", Some("127.0.0.1:7"));
    check("[::1]:7", Some("[::1]:7"));
    check("localhost:7", Some("127.0.0.1:7"));
    check("annotate.example:7", None);
}

#[test]
fn a_refusal_of_one_of_several_files_names_it_and_keeps_its_details() {
    let mut details = reason("RESOURCE_EXISTS", &[]);
    details.set_resource_info("spandrel.v1.Article", "projects/p/articles/a", "", "");
    let failure = refused(Code::AlreadyExists, "projects/p/articles/a exists", details);
    assert!(!failure.is_about_all());
    assert_eq!(
        failure.about("x/a.txt").message(false, false),
        "error: x/a.txt: projects/p/articles/a exists\n  reason  RESOURCE_EXISTS\n  \
         hint    choose another id with --id\n"
    );
    assert!(Failure::from(Status::unavailable("gone")).is_about_all());
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!(failure.exit_code(), ExitCode::SUCCESS);
    assert_eq!(failure.message(false, false), "");
    let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
    assert_eq!(failure.exit_code(), ExitCode::from(1));
}

#[test]
fn wrong_usage_exits_with_2() {
    assert_eq!(Failure::Usage("x".into()).exit_code(), ExitCode::from(2));
}
