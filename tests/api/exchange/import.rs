//! Imports.

use spandrel::proto::v1::{self, annotation::Target};

use super::{EVERYTHING, Imported, P, annotations, import, native, server, stream};
use crate::support::{check_refused, mask};

fn counts(imported: &Imported) -> [u64; 5] {
    let v1::ExchangeSummary { records, failed, articles, annotations, present, .. } = imported.summary;
    [records, failed, articles, annotations, present]
}

#[tokio::test]
async fn everything_that_a_file_says_is_there_afterwards_and_after_a_kill() {
    let (mut server, _) = server().await;
    let imported = import(&server, native(), &[("letters.jsonl", EVERYTHING)]).await.unwrap();
    assert_eq!((imported.problems.as_slice(), counts(&imported)), (&[][..], [5, 0, 1, 4, 0]));
    let end = u64::try_from(EVERYTHING.len()).unwrap();
    let last = imported.progress.last().unwrap();
    assert_eq!((last.records, last.path.as_str(), last.durable_offset), (5, "letters.jsonl", end));
    server.kill();
    server.start_again();
    let client = server.client().await;
    let name = format!("{P}/articles/ada");
    let article = client.send(v1::GetArticleRequest { name, view: 0, text_revision: 0 }).await.unwrap();
    assert_eq!((article.title.as_str(), article.language.as_str()), ("Ada", "en"));
    assert_eq!((article.source_uri.as_str(), article.metadata["year"].as_str()), ("letters/ada.txt", "1843"));
    let annotations = annotations(&client, "ada").await;
    let labels: Vec<_> = annotations.iter().map(|it| (it.label.as_str(), it.layer.as_str())).collect();
    assert_eq!(labels, [("letter", "default"), ("PER", "alice"), ("PER", "alice"), ("meets", "alice")]);
    let ada = &annotations[1];
    assert_eq!((ada.note.as_str(), ada.score, ada.state()), ("a countess", Some(0.5), v1::State::Suggested));
    assert_eq!(ada.attributes.len(), 2);
    let Some(Target::Anchor(anchor)) = &ada.target else { panic!("{ada:?}") };
    assert_eq!(anchor.spans[0].code_points, Some(v1::Range { start: 2, end: 5 }));
    let Some(Target::Relation(relation)) = &annotations[3].target else { panic!("{annotations:?}") };
    assert_eq!(relation.arguments[0].annotation, ada.name);
}

#[tokio::test]
async fn what_is_there_already_is_known_and_stays_as_it_is() {
    let (server, client) = server().await;
    let first = import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    let before = annotations(&client, "ada").await;
    let again = import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    assert_eq!((again.problems.as_slice(), counts(&again)), (&[][..], [5, 0, 1, 4, 5]));
    assert_eq!((first.summary.failed, annotations(&client, "ada").await), (0, before.clone()));
    // Another import brings others, on the same text.
    let other = v1::ImportOptions { import_id: "second".to_owned(), ..native() };
    let third = import(&server, other, &[("a.jsonl", EVERYTHING)]).await.unwrap();
    assert_eq!(counts(&third), [5, 0, 1, 4, 1]);
    assert_eq!(annotations(&client, "ada").await.len(), 2 * before.len());
}

#[tokio::test]
async fn what_was_changed_since_is_not_put_back() {
    let (server, client) = server().await;
    import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    let mut changed = annotations(&client, "ada").await.remove(1);
    changed.label = "LOC".to_owned();
    let update_mask = Some(mask(&["label"]));
    let update = v1::UpdateAnnotationRequest { annotation: Some(changed), update_mask, ..Default::default() };
    client.send(update).await.unwrap();
    let again = import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    assert_eq!(counts(&again), [4, 1, 1, 3, 4]);
    assert!(again.problems[0].starts_with("a.jsonl:2 RESOURCE_EXISTS T1"), "{:?}", again.problems);
    assert_eq!(annotations(&client, "ada").await[1].label, "LOC");
    let other = EVERYTHING.replace("Ada met", "Eve met").replace("\"quote\":\"Ada\"", "\"quote\":\"Eve\"");
    let refused = import(&server, native(), &[("a.jsonl", &other)]).await.unwrap();
    assert_eq!(counts(&refused), [0, 5, 0, 0, 0]);
    assert!(refused.problems[0].contains("text: the article ada is there with another text"));
}

#[tokio::test]
async fn one_wrong_annotation_does_not_stop_the_others() {
    let (server, client) = server().await;
    let wrong = EVERYTHING.replace("\"quote\":\"Bob\"", "\"quote\":\"Bib\"");
    let imported = import(&server, native(), &[("a.jsonl", &wrong)]).await.unwrap();
    assert_eq!(counts(&imported), [3, 2, 1, 2, 0]);
    assert!(imported.problems[0].starts_with("a.jsonl:3 QUOTE_MISMATCH T2"), "{:?}", imported.problems);
    assert!(imported.problems[1].starts_with("a.jsonl:4 FIELD_INVALID R1"), "{:?}", imported.problems);
    assert_eq!(annotations(&client, "ada").await.len(), 2);
    let stop = v1::ImportOptions { stop_on_error: true, ..native() };
    let more = format!("{wrong}{{\"article\":{{\"id\":\"later\",\"text\":\"x\"}}}}\n");
    let stopped = import(&server, stop, &[("a.jsonl", &more)]).await.unwrap();
    assert_eq!(stopped.problems.len(), 1);
}

#[tokio::test]
async fn the_label_schema_refuses_alone_what_breaks_it() {
    let (server, client) = server().await;
    let schema = r#"{"labelSchema":{"mode":"closed","labels":[{"label":"PER","span_rules":{"overlap":"none"}},{"label":"letter"}]}}"#;
    let many: String = (0..700)
        .map(|n| {
            let label = if n % 100 == 7 { "ORG" } else { "PER" };
            format!("{{\"annotation\":{{\"label\":\"{label}\",\"anchor\":{{\"spans\":[{{\"utf8\":{{\"start\":{n},\"end\":{}}}}}]}}}}}}\n", n + 1)
        })
        .collect();
    let text = "x".repeat(700);
    let file = format!("{schema}\n{{\"article\":{{\"id\":\"a\",\"text\":\"{text}\"}}}}\n{many}");
    let check = v1::ImportOptions { validate_only: true, ..native() };
    let checked = import(&server, check, &[("a.jsonl", &file.replace(schema, ""))]).await.unwrap();
    assert_eq!(checked.problems.len(), 0);
    let imported = import(&server, native(), &[("a.jsonl", &file)]).await.unwrap();
    assert_eq!(imported.problems.len(), 7, "{:?}", imported.problems);
    assert!(imported.problems[0].starts_with("a.jsonl:10 SCHEMA_VIOLATED"), "{:?}", imported.problems);
    assert_eq!(counts(&imported), [695, 7, 1, 693, 0]);
    assert_eq!(annotations(&client, "a").await.len(), 693);
    // What overlaps what is there is refused, too; and checked the same way, writing nothing.
    let overlapping = r#"{"article":{"id":"a","text":"TEXT"}}
{"annotation":{"id":"N1","label":"PER","anchor":{"spans":[{"utf8":{"start":0,"end":2}}]}}}
"#
    .replace("TEXT", &text);
    for validate_only in [true, false] {
        let options = v1::ImportOptions { validate_only, ..native() };
        let refused = import(&server, options, &[("b.jsonl", &overlapping)]).await.unwrap();
        assert!(refused.problems[0].starts_with("b.jsonl:2 SCHEMA_VIOLATED N1"), "{:?}", refused.problems);
        assert_eq!(counts(&refused), [1, 1, 1, 0, 1]);
    }
    assert_eq!(annotations(&client, "a").await.len(), 693);
}

#[tokio::test]
async fn a_check_writes_nothing() {
    let (server, client) = server().await;
    let options = v1::ImportOptions { validate_only: true, ..native() };
    let wrong = EVERYTHING.replace("\"quote\":\"Bob\"", "\"quote\":\"Bib\"");
    let checked = import(&server, options, &[("a.jsonl", &wrong)]).await.unwrap();
    assert_eq!((checked.problems.len(), counts(&checked)), (2, [3, 2, 1, 2, 0]));
    let project = client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap();
    let articles = v1::ListArticlesRequest { parent: P.to_owned(), ..Default::default() };
    assert_eq!((project.revision, client.send(articles).await.unwrap().articles.len()), (1, 0));
}

#[tokio::test]
async fn a_file_that_is_cut_off_is_told_and_what_came_whole_is_kept() {
    let (server, client) = server().await;
    let two = format!("{EVERYTHING}{{\"article\":{{\"id\":\"bob\",\"text\":\"Bob\"}}}}\n");
    let cut = &two.as_bytes()[..two.len() - 10];
    // Cut off on its way.
    let mut requests =
        vec![v1::ImportRequest { payload: Some(v1::import_request::Payload::Options(native())) }];
    requests.extend(stream::chunks("a.jsonl", cut, false));
    let imported = stream::send(&server, requests).await.unwrap();
    assert!(
        imported.problems.iter().any(|problem| problem.contains("is cut off")),
        "{:?}",
        imported.problems
    );
    assert_eq!(annotations(&client, "ada").await.len(), 4);
    // Cut off before it was sent.
    let imported =
        import(&server, native(), &[("a.jsonl", std::str::from_utf8(cut).unwrap())]).await.unwrap();
    assert!(imported.problems[0].starts_with("a.jsonl:6 RECORD_INVALID"), "{:?}", imported.problems);
    assert_eq!(counts(&imported), [5, 1, 1, 4, 5]);
}

#[tokio::test]
async fn an_import_goes_on_where_it_was_durable() {
    let (server, _) = server().await;
    let article = |n: usize| {
        format!(
            "{{\"article\":{{\"id\":\"a{n}\",\"text\":\"Ada\"}}}}\n{{\"annotation\":{{\"label\":\"PER\",\"anchor\":{{\"spans\":[{{\"utf8\":{{\"start\":0,\"end\":3}}}}]}}}}}}\n"
        )
    };
    let (before, after): (String, String) = ((0..3).map(article).collect(), (3..6).map(article).collect());
    let first = import(&server, native(), &[("a.jsonl", &before)]).await.unwrap();
    let offset = first.progress.last().unwrap().durable_offset;
    assert_eq!(offset, u64::try_from(before.len()).unwrap());
    let rest =
        v1::FileChunk { path: "a.jsonl".to_owned(), offset, data: after.clone().into_bytes(), last: true };
    let requests = [v1::import_request::Payload::Options(native()), v1::import_request::Payload::Chunk(rest)];
    let requests = requests.map(|payload| v1::ImportRequest { payload: Some(payload) });
    let second = stream::send(&server, requests.into()).await.unwrap();
    assert_eq!(counts(&second), [6, 0, 3, 3, 0]);
    let whole = import(&server, native(), &[("a.jsonl", &(before + &after))]).await.unwrap();
    assert_eq!(counts(&whole), [12, 0, 6, 6, 12]);
}

#[tokio::test]
async fn wrong_options_and_chunks_are_refused() {
    let (server, _) = server().await;
    let check = |options: v1::ImportOptions, field: &'static str| {
        let server = &server;
        async move {
            let refused = import(server, options, &[]).await.unwrap_err();
            check_refused(Err::<(), _>(refused), "FIELD_INVALID", field);
        }
    };
    check(v1::ImportOptions { format: "docx".to_owned(), ..native() }, "options.format").await;
    check(v1::ImportOptions { layer: "a/b".to_owned(), ..native() }, "options.layer").await;
    check(v1::ImportOptions { unit: 9, ..native() }, "options.unit").await;
    check(v1::ImportOptions { unit: 1, unit_from_quotes: true, ..native() }, "options.unit_from_quotes")
        .await;
    check(v1::ImportOptions { parent: "p".to_owned(), ..native() }, "options.parent").await;
    let missing = v1::ImportOptions { parent: "projects/q".to_owned(), ..native() };
    assert_eq!(import(&server, missing, &[]).await.unwrap_err().code(), tonic::Code::NotFound);
    let chunk = |path: &str, offset, last| {
        let data = b"{}".to_vec();
        let chunk = v1::FileChunk { path: path.to_owned(), offset, data, last };
        v1::ImportRequest { payload: Some(v1::import_request::Payload::Chunk(chunk)) }
    };
    let options = v1::ImportRequest { payload: Some(v1::import_request::Payload::Options(native())) };
    for (chunks, field) in [
        (vec![chunk("a", 0, false), chunk("a", 3, true)], "chunk.offset"),
        (vec![chunk("a", 0, false), chunk("b", 0, true)], "chunk.path"),
        (vec![chunk("", 0, true)], "chunk.path"),
        (vec![options.clone()], "options"),
        (vec![v1::ImportRequest { payload: None }], "chunk"),
    ] {
        let requests = std::iter::once(options.clone()).chain(chunks).collect();
        let refused = stream::send(&server, requests).await.unwrap_err();
        check_refused(Err::<(), _>(refused), "FIELD_INVALID", field);
    }
    let refused = stream::send(&server, vec![chunk("a", 0, true)]).await.unwrap_err();
    check_refused(Err::<(), _>(refused), "FIELD_INVALID", "options");
}

/// A file counts its text as the first one, whatever number it has here.
#[tokio::test]
async fn annotations_stand_in_the_text_that_the_article_has_by_now() {
    let (server, client) = server().await;
    let text = |text: &str| format!("{{\"article\":{{\"id\":\"a\",\"text\":\"{text}\"}}}}\n");
    import(&server, native(), &[("a.jsonl", &text("Ada"))]).await.unwrap();
    let name = format!("{P}/articles/a");
    let revise = v1::ReviseArticleRequest { name, text: "Ada met".to_owned(), ..Default::default() };
    client.send(revise).await.unwrap();
    let line = r#"{"annotation":{"label":"VERB","anchor":{"spans":[{"quote":"met"}]}}}"#;
    let file = text("Ada met") + line;
    for _ in 0..2 {
        let imported = import(&server, native(), &[("b.jsonl", &file)]).await.unwrap();
        assert_eq!((imported.problems.as_slice(), imported.summary.annotations), (&[][..], 1));
    }
    let annotations = annotations(&client, "a").await;
    assert_eq!((annotations.len(), annotations[0].text_revision), (1, 2));
}

/// The second one came while the first one was being written, and what it says was refused for being there.
#[tokio::test]
async fn an_article_that_comes_twice_is_there_once() {
    let (server, client) = server().await;
    let file = EVERYTHING.repeat(20);
    let imported = import(&server, native(), &[("a.jsonl", &file)]).await.unwrap();
    assert_eq!((imported.problems.as_slice(), counts(&imported)), (&[][..], [100, 0, 20, 80, 95]));
    assert_eq!(annotations(&client, "ada").await.len(), 4);
}
