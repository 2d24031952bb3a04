//! Articles: texts that come back byte for byte, what is said of them, batches, positions, and their end.

use std::{collections::BTreeMap, slice};

use sha2::{Digest, Sha256};
use spandrel::{limits, proto::v1};
use uuid::{Uuid, Version};

use crate::support::{
    Client, Server, annotation, boundaries, by_quote, by_utf8, check_refused, fact, mask, spans,
};

const P: &str = "projects/p";
const A: &str = "projects/p/articles/a";
const MIB: usize = 1_024 * 1_024;

/// Texts that somebody who means well would change.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "no newline at the end",
    "a newline at the end\n",
    "\r\nCRLF\r\nand LF\nand CR\rand none",
    "\u{feff}a byte order mark\u{feff}",
    "a NUL\0inside\0",
    "  trailing blanks\t \u{a0}\u{3000}",
    "é in one code point, e\u{301} in two; Å Å",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 𝒳𐐷",
    "שָׁלוֹם, عَلَيْكُم and \u{202e}backwards",
    "日本語のテキスト。ｶﾞ が",
    "noncharacters \u{ffff}\u{fdd0}\u{10ffff} and controls \u{1}\u{7f}\u{85}",
    "C:\\path \"quoted\" <b>&amp;</b> {{x}} %s ${y}",
];

fn with_text(text: &str) -> v1::Article {
    v1::Article { text: text.to_owned(), ..Default::default() }
}

fn create(id: &str, article: v1::Article) -> v1::CreateArticleRequest {
    v1::CreateArticleRequest {
        parent: P.to_owned(),
        article_id: id.to_owned(),
        article: Some(article),
        validate_only: false,
        request_id: String::new(),
    }
}

fn get(name: &str) -> v1::GetArticleRequest {
    v1::GetArticleRequest { name: name.to_owned(), view: 0, text_revision: 0 }
}

fn update(article: v1::Article, paths: &[&str]) -> v1::UpdateArticleRequest {
    v1::UpdateArticleRequest { article: Some(article), update_mask: Some(mask(paths)), ..Default::default() }
}

fn replace(article: v1::Article) -> v1::UpdateArticleRequest {
    v1::UpdateArticleRequest { article: Some(article), ..Default::default() }
}

fn delete(name: &str) -> v1::DeleteArticleRequest {
    v1::DeleteArticleRequest { name: name.to_owned(), ..Default::default() }
}

fn batch(requests: Vec<v1::CreateArticleRequest>) -> v1::BatchCreateArticlesRequest {
    v1::BatchCreateArticlesRequest {
        parent: P.to_owned(),
        requests,
        validate_only: false,
        request_id: String::new(),
    }
}

fn described(text: &str) -> v1::Article {
    v1::Article {
        title: "Ein Titel “mit” Zeichen".to_owned(),
        text: text.to_owned(),
        language: "de-AT".to_owned(),
        source_uri: "https://example.org/ä?b=c#d".to_owned(),
        metadata: BTreeMap::from([("section".to_owned(), "news".to_owned())]),
        ..Default::default()
    }
}

async fn server_with_project() -> (Server, Client) {
    let server = Server::start();
    let mut client = server.client().await;
    client.create_project("p").await;
    (server, client)
}

/// All articles of the project, page by page.
async fn listed(client: &Client, page_size: i32, view: v1::ArticleView) -> Vec<v1::Article> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListArticlesRequest {
            parent: P.to_owned(),
            page_size,
            page_token,
            view: view.into(),
            ..Default::default()
        };
        let page = client.send(request).await.unwrap();
        all.extend(page.articles);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

#[track_caller]
fn check_text(article: &v1::Article, text: &str) {
    assert!(article.text == text, "{} has another text", article.name);
    check_identity(article, text);
}

#[track_caller]
fn check_identity(article: &v1::Article, text: &str) {
    assert_eq!(article.text_sha256, hex::encode(Sha256::digest(text)));
    let count = |count: usize| u32::try_from(count).unwrap();
    let length = v1::TextLength {
        utf8: count(text.len()),
        utf16: count(text.encode_utf16().count()),
        code_points: count(text.chars().count()),
    };
    assert_eq!((article.length, article.text_revision), (Some(length), 1));
}

#[tokio::test]
async fn texts_are_kept_byte_for_byte() {
    let (mut server, client) = server_with_project().await;
    for (index, text) in TEXTS.iter().enumerate() {
        let created = client.send(create(&index.to_string(), with_text(text))).await.unwrap();
        check_text(&created, text);
        assert_eq!(client.send(get(&created.name)).await.unwrap(), created);
    }
    server.kill();
    server.start_again();
    let client = server.client().await;
    for (index, text) in TEXTS.iter().enumerate() {
        check_text(&client.send(get(&format!("{P}/articles/{index}"))).await.unwrap(), text);
    }
}

#[tokio::test]
async fn the_longest_text_is_kept_and_one_byte_more_is_refused() {
    let (mut server, client) = server_with_project().await;
    // Neither the rows that a text is kept in nor the checkpoints of its offsets fall on its characters.
    let mut longest = "日本語と😀, é\0".repeat(2 * MIB / 25);
    longest.push_str(&"x".repeat(2 * MIB - longest.len()));
    let created = client.send(create("longest", with_text(&longest))).await.unwrap();
    check_text(&created, &longest);

    let too_long = longest.clone() + "x";
    let details = check_refused(
        client.send(create("longer", with_text(&too_long))).await,
        "LIMIT_EXCEEDED",
        "article.text",
    );
    assert_eq!(fact(&details, "limit"), (2 * MIB).to_string());
    check_refused(client.send(get("projects/p/articles/longer")).await, "RESOURCE_NOT_FOUND", "");

    server.kill();
    server.start_again();
    let client = server.client().await;
    check_text(&client.send(get(&created.name)).await.unwrap(), &longest);
}

/// A long text is written before its article is. What was acknowledged is there after the plug is pulled, and a
/// text whose article was refused is nowhere.
#[tokio::test]
async fn a_long_text_survives_the_plug_and_a_refused_one_leaves_nothing() {
    let (mut server, client) = server_with_project().await;
    let long = |word: &str| format!("{}, the end of {word}", format!("{word} 😀 ").repeat(40_000));
    let (text, other) = (long("first"), long("second"));
    assert!(text.len() > limits::TEXT_STAGED_ABOVE_BYTES);
    client.send(create("a", with_text(&text))).await.unwrap();
    check_refused(client.send(create("a", with_text(&other))).await, "RESOURCE_EXISTS", "article_id");
    check_text(&client.send(get(A)).await.unwrap(), &text);

    server.kill();
    server.start_again();
    let mut client = server.client().await;
    check_text(&client.send(get(A)).await.unwrap(), &text);
    let end = client.annotate(A, "END", by_quote("the end of first")).await.unwrap();
    assert_eq!(spans(&end)[0].utf8.unwrap().end, u32::try_from(text.len()).unwrap());
    check_refused(
        client.annotate(A, "END", by_quote("second")).await,
        "QUOTE_NOT_FOUND",
        "annotation.anchor.spans[0].quote",
    );
    let created = client.send(create("b", with_text(&other))).await.unwrap();
    check_text(&created, &other);
}

#[tokio::test]
async fn an_article_has_the_id_that_it_is_given_or_a_new_one() {
    let (_server, client) = server_with_project().await;
    let named = |name: &str| v1::Article { name: name.to_owned(), ..with_text("x") };
    for (id, name, expected) in [
        ("by-id", "", "by-id"),
        ("", "projects/p/articles/by-name", "by-name"),
        ("both", "projects/p/articles/both", "both"),
    ] {
        let created = client.send(create(id, named(name))).await.unwrap();
        assert_eq!(created.name, format!("{P}/articles/{expected}"));
    }
    let created = client.send(create("", named(""))).await.unwrap();
    let id = Uuid::try_parse(created.name.rsplit('/').next().unwrap()).unwrap();
    assert_eq!(id.get_version(), Some(Version::SortRand));

    for (id, name, field) in [
        ("a", "projects/p/articles/b", "article.name"),
        ("", "projects/q/articles/b", "article.name"),
        ("", "b", "article.name"),
        ("/", "", "article_id"),
    ] {
        check_refused(client.send(create(id, named(name))).await, "FIELD_INVALID", field);
    }
    check_refused(client.send(create("by-id", named(""))).await, "RESOURCE_EXISTS", "article_id");
    let nowhere = v1::CreateArticleRequest { parent: "projects/q".to_owned(), ..create("a", with_text("x")) };
    check_refused(client.send(nowhere).await, "RESOURCE_NOT_FOUND", "");
    let without = v1::CreateArticleRequest { article: None, ..create("a", with_text("x")) };
    check_refused(client.send(without).await, "FIELD_INVALID", "article");
    assert_eq!(listed(&client, 0, v1::ArticleView::Basic).await.len(), 4);
}

#[tokio::test]
async fn details_stay_within_their_limits() {
    let (_server, client) = server_with_project().await;
    let title = |bytes| v1::Article { title: "x".repeat(bytes), ..Default::default() };
    let source = |bytes| v1::Article { source_uri: "x".repeat(bytes), ..Default::default() };
    let language = |tag: &str| v1::Article { language: tag.to_owned(), ..Default::default() };
    let metadata = |entries: usize, key: usize, value: usize| v1::Article {
        metadata: (0..entries).map(|entry| (format!("{entry:0key$}"), "v".repeat(value))).collect(),
        ..Default::default()
    };
    let no_key =
        v1::Article { metadata: BTreeMap::from([(String::new(), String::new())]), ..Default::default() };
    let fitting = [
        title(1_024),
        source(2_048),
        language("en"),
        language("zh-Hant-TW"),
        language("de-1996"),
        metadata(64, 2, 254),
        metadata(1, 128, 2_048),
    ];
    for (index, article) in fitting.into_iter().enumerate() {
        let created = client.send(create(&index.to_string(), article.clone())).await.unwrap();
        let stored = client.send(get(&created.name)).await.unwrap();
        assert_eq!(
            (stored.title, stored.source_uri, stored.language, stored.metadata),
            (article.title, article.source_uri, article.language, article.metadata)
        );
    }
    for (article, reason, field) in [
        (title(1_025), "LIMIT_EXCEEDED", "article.title"),
        (source(2_049), "LIMIT_EXCEEDED", "article.source_uri"),
        (language("en_US"), "FIELD_INVALID", "article.language"),
        (language("e n"), "FIELD_INVALID", "article.language"),
        (language("en-"), "FIELD_INVALID", "article.language"),
        (language(&"a-".repeat(30)), "LIMIT_EXCEEDED", "article.language"),
        (metadata(65, 2, 1), "LIMIT_EXCEEDED", "article.metadata"),
        (metadata(64, 2, 255), "LIMIT_EXCEEDED", "article.metadata"),
        (metadata(1, 129, 1), "LIMIT_EXCEEDED", "article.metadata"),
        (metadata(1, 1, 2_049), "LIMIT_EXCEEDED", "article.metadata"),
        (no_key, "FIELD_INVALID", "article.metadata"),
    ] {
        check_refused(client.send(create("refused", article)).await, reason, field);
    }
    check_refused(client.send(get("projects/p/articles/refused")).await, "RESOURCE_NOT_FOUND", "");
}

#[tokio::test]
async fn a_view_says_whether_the_text_comes_along() {
    use v1::ArticleView::{Basic, Full, Unspecified};

    let (_server, client) = server_with_project().await;
    let full = client.send(create("a", described("the text"))).await.unwrap();
    let basic = v1::Article { text: String::new(), ..full.clone() };
    for (view, got, in_list) in [(Unspecified, &full, &basic), (Basic, &basic, &basic), (Full, &full, &full)]
    {
        let view_number = view.into();
        let request = v1::GetArticleRequest { name: A.to_owned(), view: view_number, text_revision: 0 };
        assert_eq!(client.send(request).await.unwrap(), *got, "GetArticle with {view:?}");
        assert_eq!(listed(&client, 0, view).await, slice::from_ref(in_list), "ListArticles with {view:?}");
        let request = v1::BatchGetArticlesRequest {
            parent: P.to_owned(),
            names: vec![A.to_owned()],
            view: view_number,
        };
        let answer = client.send(request).await.unwrap();
        assert_eq!(answer.articles, slice::from_ref(in_list), "BatchGetArticles with {view:?}");
    }
    let request = v1::GetArticleRequest { name: A.to_owned(), view: 7, text_revision: 0 };
    check_refused(client.send(request).await, "FIELD_INVALID", "view");
}

#[tokio::test]
async fn articles_are_listed_in_the_order_of_their_creation() {
    let (_server, client) = server_with_project().await;
    let ids = ["m", "a", "z", "B", "0"];
    for id in ids {
        client.send(create(id, with_text(id))).await.unwrap();
    }
    let in_batch = ["y", "b"].map(|id| create(id, with_text(id)));
    client.send(batch(in_batch.to_vec())).await.unwrap();
    let names = |ids: &[&str]| ids.iter().map(|id| format!("{P}/articles/{id}")).collect::<Vec<_>>();
    let listed_names = async |page_size| {
        let listed = listed(&client, page_size, v1::ArticleView::Basic).await;
        listed.into_iter().map(|article| article.name).collect::<Vec<_>>()
    };
    for page_size in (0..=8).chain([1_001, i32::MAX]) {
        assert_eq!(listed_names(page_size).await, names(&["m", "a", "z", "B", "0", "y", "b"]));
    }
    client.send(delete("projects/p/articles/z")).await.unwrap();
    client.send(delete("projects/p/articles/m")).await.unwrap();
    client.send(create("m", with_text("m"))).await.unwrap();
    for page_size in 0..=7 {
        assert_eq!(listed_names(page_size).await, names(&["a", "B", "0", "y", "b", "m"]));
    }

    let page = |page_size, page_token: &str| v1::ListArticlesRequest {
        parent: P.to_owned(),
        page_size,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let first = client.send(page(2, "")).await.unwrap();
    assert_eq!(
        first.revision,
        client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
    );
    check_refused(client.send(page(-1, "")).await, "FIELD_INVALID", "page_size");
    check_refused(client.send(page(2, "x")).await, "PAGE_TOKEN_INVALID", "page_token");
    let other_view =
        v1::ListArticlesRequest { view: v1::ArticleView::Full.into(), ..page(2, &first.next_page_token) };
    check_refused(client.send(other_view).await, "PAGE_TOKEN_INVALID", "page_token");
    let other_size = client.send(page(3, &first.next_page_token)).await.unwrap();
    assert_eq!(other_size.articles.len(), 3, "the page size may change between pages");
}

#[tokio::test]
async fn a_page_with_texts_ends_early_so_that_a_client_can_read_it() {
    let (_server, client) = server_with_project().await;
    let texts: Vec<_> = (0..4).map(|index| index.to_string().repeat(MIB)).collect();
    for (index, text) in texts.iter().enumerate() {
        client.send(create(&index.to_string(), with_text(text))).await.unwrap();
    }
    let full = v1::ArticleView::Full.into();
    let request = v1::ListArticlesRequest { parent: P.to_owned(), view: full, ..Default::default() };
    let first = client.send(request).await.unwrap();
    assert!(first.articles.len() < 4 && !first.next_page_token.is_empty());
    let all = listed(&client, 0, v1::ArticleView::Full).await;
    assert!(all.iter().map(|article| &article.text).eq(&texts));
    let names = |count| (0..count).map(|index| format!("{P}/articles/{index}")).collect::<Vec<_>>();
    let get = |count, view| v1::BatchGetArticlesRequest { parent: P.to_owned(), names: names(count), view };
    let two = client.send(get(2, full)).await.unwrap();
    assert!(two.articles.iter().map(|article| &article.text).eq(&texts[..2]));
    check_refused(client.send(get(4, full)).await, "LIMIT_EXCEEDED", "names");
    assert_eq!(client.send(get(4, 0)).await.unwrap().articles.len(), 4);
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let (_server, client) = server_with_project().await;
    let created = client.send(create("a", described("the text"))).await.unwrap();
    let new = v1::Article {
        name: A.to_owned(),
        title: "New".to_owned(),
        language: "fr".to_owned(),
        ..Default::default()
    };
    let updated = client.send(update(new.clone(), &["title"])).await.unwrap();
    let expected = v1::Article {
        title: "New".to_owned(),
        text: String::new(),
        revision: updated.revision,
        update_time: updated.update_time,
        etag: updated.etag.clone(),
        ..created.clone()
    };
    assert_eq!(updated, expected, "and the text, which did not change, is left out");
    assert!(updated.revision > created.revision && updated.etag != created.etag);
    let read = client.send(get(A)).await.unwrap();
    assert_eq!(read, v1::Article { text: "the text".to_owned(), ..updated.clone() });
    let cleared = client.send(update(new.clone(), &["metadata", "source_uri"])).await.unwrap();
    assert_eq!(
        (cleared.metadata.len(), cleared.source_uri.as_str(), cleared.language.as_str()),
        (0, "", "de-AT")
    );

    for (paths, field) in [
        (vec!["text"], "update_mask.paths[0]"),
        (vec!["title", "length"], "update_mask.paths[1]"),
        (vec!["name"], "update_mask.paths[0]"),
        (vec!["text_sha256"], "update_mask.paths[0]"),
        (vec!["metadata.section"], "update_mask.paths[0]"),
        (vec!["*"], "update_mask.paths[0]"),
        (vec!["title", "title"], "update_mask.paths[1]"),
        (vec![], "update_mask"),
    ] {
        check_refused(client.send(update(new.clone(), &paths)).await, "FIELD_INVALID", field);
    }
    let too_long = v1::Article { title: "x".repeat(1_025), ..new };
    check_refused(client.send(update(too_long, &["title"])).await, "LIMIT_EXCEEDED", "article.title");
    assert_eq!(client.send(get(A)).await.unwrap().etag, cleared.etag);
}

#[tokio::test]
async fn an_update_without_a_mask_replaces_everything_but_the_text() {
    let (_server, client) = server_with_project().await;
    let created = client.send(create("a", described("the text"))).await.unwrap();
    let new = |text: &str, etag: &str| v1::Article {
        name: A.to_owned(),
        text: text.to_owned(),
        etag: etag.to_owned(),
        ..Default::default()
    };
    check_refused(client.send(replace(new("", ""))).await, "FIELD_INVALID", "article.etag");
    let refused = client.send(replace(new("another text", &created.etag))).await;
    check_refused(refused, "FIELD_INVALID", "article.text");
    assert_eq!(client.send(get(A)).await.unwrap(), created);

    let replaced = client.send(replace(new("", &created.etag))).await.unwrap();
    assert_eq!((replaced.title.as_str(), replaced.language.as_str(), replaced.metadata.len()), ("", "", 0));
    let details =
        check_refused(client.send(replace(new("", &created.etag))).await, "ETAG_MISMATCH", "article.etag");
    assert_eq!(fact(&details, "current_etag"), replaced.etag);
    let again = client.send(replace(new("the text", &replaced.etag))).await.unwrap();
    let read = client.send(get(A)).await.unwrap();
    assert_eq!(
        (read.text.as_str(), read.etag),
        ("the text", again.etag),
        "the text as it is may be sent back"
    );
}

#[tokio::test]
async fn an_update_creates_what_is_missing_when_it_may() {
    let (_server, client) = server_with_project().await;
    let request = update(v1::Article { name: A.to_owned(), ..described("the text") }, &["title"]);
    check_refused(client.send(request.clone()).await, "RESOURCE_NOT_FOUND", "article.name");
    let created =
        client.send(v1::UpdateArticleRequest { allow_missing: true, ..request.clone() }).await.unwrap();
    check_text(&client.send(get(A)).await.unwrap(), "the text");
    assert_eq!(created.language, "de-AT", "a new article has all that was sent");
    let other = v1::Article { name: A.to_owned(), title: "Other".to_owned(), ..Default::default() };
    let request = v1::UpdateArticleRequest { article: Some(other), allow_missing: true, ..request };
    let updated = client.send(request).await.unwrap();
    assert_eq!((updated.title.as_str(), updated.language.as_str()), ("Other", "de-AT"));
}

#[tokio::test]
async fn what_is_only_validated_is_answered_and_not_done() {
    let (_server, client) = server_with_project().await;
    let request = create("a", described("the text"));
    let checked =
        client.send(v1::CreateArticleRequest { validate_only: true, ..request.clone() }).await.unwrap();
    check_text(&checked, "the text");
    check_refused(client.send(get(A)).await, "RESOURCE_NOT_FOUND", "");
    let created = client.send(request).await.unwrap();
    let times = |article: &v1::Article| (article.create_time, article.update_time);
    let (create_time, update_time) = times(&created);
    assert_eq!(v1::Article { create_time, update_time, ..checked }, created);

    let request = update(v1::Article { name: A.to_owned(), ..Default::default() }, &["title"]);
    let checked =
        client.send(v1::UpdateArticleRequest { validate_only: true, ..request.clone() }).await.unwrap();
    assert_eq!(client.send(get(A)).await.unwrap(), created);
    let updated = client.send(request).await.unwrap();
    assert_eq!(v1::Article { update_time: updated.update_time, ..checked }, updated);

    client.send(v1::DeleteArticleRequest { validate_only: true, ..delete(A) }).await.unwrap();
    let checked =
        v1::BatchCreateArticlesRequest { validate_only: true, ..batch(vec![create("b", with_text("x"))]) };
    assert_eq!(client.send(checked).await.unwrap().articles[0].name, "projects/p/articles/b");
    assert_eq!(listed(&client, 0, v1::ArticleView::Basic).await, [updated]);
}

#[tokio::test]
async fn a_batch_creates_all_or_none_and_names_the_element() {
    let (_server, client) = server_with_project().await;
    let good =
        || vec![create("1", described("eins")), create("", with_text("zwei")), create("3", with_text(""))];
    let answer = client.send(batch(good())).await.unwrap();
    for (article, text) in answer.articles.iter().zip(["eins", "zwei", ""]) {
        check_identity(article, text);
        assert_eq!(
            (article.text.as_str(), article.revision),
            ("", answer.revision),
            "without texts, in one commit"
        );
        check_text(&client.send(get(&article.name)).await.unwrap(), text);
    }
    assert_eq!(listed(&client, 0, v1::ArticleView::Basic).await, answer.articles);

    let with = |broken: v1::CreateArticleRequest| {
        vec![create("4", with_text("vier")), create("5", with_text("")), broken]
    };
    let title = v1::Article { title: "x".repeat(1_025), ..Default::default() };
    let large = "x".repeat(2 * MIB - 100);
    let elsewhere =
        v1::CreateArticleRequest { parent: "projects/q".to_owned(), ..create("6", with_text("")) };
    let checked = v1::CreateArticleRequest { validate_only: true, ..create("6", with_text("")) };
    let empty = v1::CreateArticleRequest { article: None, ..create("6", with_text("")) };
    for (requests, reason, field) in [
        (with(create("1", with_text(""))), "RESOURCE_EXISTS", "requests[2].article_id"),
        (with(create("4", with_text(""))), "RESOURCE_EXISTS", "requests[2].article_id"),
        (with(create("6", title)), "LIMIT_EXCEEDED", "requests[2].article.title"),
        (
            with(create("6", with_text(&(large.clone() + &"x".repeat(101))))),
            "LIMIT_EXCEEDED",
            "requests[2].article.text",
        ),
        (with(create("-", with_text(""))), "FIELD_INVALID", "requests[2].article_id"),
        (with(elsewhere), "FIELD_INVALID", "requests[2].parent"),
        (with(checked), "FIELD_INVALID", "requests[2].validate_only"),
        (with(empty), "FIELD_INVALID", "requests[2].article"),
        (vec![create("6", with_text(&large)), create("7", with_text(&large))], "LIMIT_EXCEEDED", "requests"),
        (vec![create("", with_text("")); 501], "LIMIT_EXCEEDED", "requests"),
        (vec![], "FIELD_INVALID", "requests"),
    ] {
        check_refused(client.send(batch(requests)).await, reason, field);
    }
    assert_eq!(listed(&client, 0, v1::ArticleView::Basic).await, answer.articles);

    let most = client.send(batch(vec![create("", with_text("x")); 500])).await.unwrap();
    assert_eq!(most.articles.len(), 500);
    assert_eq!(listed(&client, 1_000, v1::ArticleView::Basic).await.len(), 503);
}

#[tokio::test]
async fn a_batch_reads_in_the_order_that_was_asked_for() {
    let (_server, mut client) = server_with_project().await;
    for id in ["a", "b", "c"] {
        client.send(create(id, with_text(id))).await.unwrap();
    }
    client.create_project("q").await;
    client.create_article("projects/q", "a", "of another project").await;
    let get = |ids: &[&str]| v1::BatchGetArticlesRequest {
        parent: P.to_owned(),
        names: ids.iter().map(|id| format!("{P}/articles/{id}")).collect(),
        view: v1::ArticleView::Full.into(),
    };
    let answer = client.send(get(&["c", "a", "c", "b"])).await.unwrap();
    let texts: Vec<_> = answer.articles.iter().map(|article| article.text.as_str()).collect();
    assert_eq!(texts, ["c", "a", "c", "b"]);
    assert_eq!(
        answer.revision,
        client.send(v1::GetProjectRequest { name: P.to_owned() }).await.unwrap().revision
    );

    check_refused(client.send(get(&["a", "x"])).await, "RESOURCE_NOT_FOUND", "names[1]");
    check_refused(client.send(get(&["a", "b/c"])).await, "FIELD_INVALID", "names[1]");
    check_refused(client.send(get(&[])).await, "FIELD_INVALID", "names");
    check_refused(client.send(get(&["a"; 1_001])).await, "LIMIT_EXCEEDED", "names");
    let elsewhere =
        v1::BatchGetArticlesRequest { names: vec!["projects/q/articles/a".to_owned()], ..get(&[]) };
    check_refused(client.send(elsewhere).await, "FIELD_INVALID", "names[0]");
}

#[tokio::test]
async fn positions_are_converted_in_every_unit() {
    use v1::OffsetUnit::{CodePoints, Unspecified, Utf8, Utf16};

    // Over several checkpoints of the text's offsets.
    let text = TEXTS.concat().repeat(20);
    let server = Server::start();
    let client = server.client_with_article(&text).await;
    let positions = boundaries(&text);
    let convert = |unit: v1::OffsetUnit, offsets: Vec<u32>| v1::ConvertOffsetsRequest {
        name: A.to_owned(),
        text_revision: 0,
        unit: unit.into(),
        offsets,
    };
    let in_unit = |unit, position: &v1::TextLength| match unit {
        Utf8 => position.utf8,
        Utf16 => position.utf16,
        CodePoints | Unspecified => position.code_points,
    };
    for unit in [Utf8, Utf16, CodePoints] {
        for chunk in positions.chunks(limits::CONVERT_OFFSETS_MAX) {
            let offsets = chunk.iter().rev().map(|position| in_unit(unit, position)).collect();
            let answer = client.send(convert(unit, offsets)).await.unwrap();
            assert!(answer.positions.iter().eq(chunk.iter().rev()), "{unit:?}");
        }
    }
    let length = positions.last().unwrap();
    let inside = u32::try_from(text.find('日').unwrap()).unwrap();
    let details = check_refused(
        client.send(convert(Utf8, vec![0, inside + 1])).await,
        "OFFSET_NOT_ON_BOUNDARY",
        "offsets[1]",
    );
    assert_eq!(
        (fact(&details, "floor"), fact(&details, "ceiling")),
        (inside.to_string(), (inside + 3).to_string())
    );
    let pair = u32::try_from(text[..text.find('👍').unwrap()].encode_utf16().count()).unwrap();
    let details = check_refused(
        client.send(convert(Utf16, vec![pair + 1])).await,
        "OFFSET_NOT_ON_BOUNDARY",
        "offsets[0]",
    );
    assert_eq!(
        (fact(&details, "floor"), fact(&details, "ceiling")),
        (pair.to_string(), (pair + 2).to_string())
    );
    for unit in [Utf8, Utf16, CodePoints] {
        let end = in_unit(unit, length);
        let details = check_refused(
            client.send(convert(unit, vec![end, 0, end + 1])).await,
            "SPAN_OUT_OF_BOUNDS",
            "offsets[2]",
        );
        assert_eq!(fact(&details, "length"), end.to_string());
    }
    check_refused(client.send(convert(Unspecified, vec![0])).await, "FIELD_INVALID", "unit");
    check_refused(client.send(convert(Utf8, vec![])).await, "FIELD_INVALID", "offsets");
    check_refused(client.send(convert(Utf8, vec![0; 10_001])).await, "LIMIT_EXCEEDED", "offsets");
    let at = |text_revision| v1::ConvertOffsetsRequest { text_revision, ..convert(Utf8, vec![0]) };
    client.send(at(1)).await.unwrap();
    check_refused(client.send(at(2)).await, "RESOURCE_NOT_FOUND", "text_revision");
}

#[tokio::test]
async fn a_delete_takes_nothing_with_it_that_it_was_not_told_to() {
    let (_server, mut client) = server_with_project().await;
    check_refused(client.send(delete(A)).await, "RESOURCE_NOT_FOUND", "name");
    client.send(v1::DeleteArticleRequest { allow_missing: true, ..delete(A) }).await.unwrap();

    let first = client.create_article(P, "a", "text").await;
    let renamed = v1::Article { name: A.to_owned(), title: "New".to_owned(), ..Default::default() };
    let second = client.send(update(renamed, &["title"])).await.unwrap();
    let with_etag = |etag: &str| v1::DeleteArticleRequest { etag: etag.to_owned(), ..delete(A) };
    let details = check_refused(client.send(with_etag(&first.etag)).await, "ETAG_MISMATCH", "etag");
    assert_eq!(fact(&details, "current_etag"), second.etag);

    let child = client.annotate(A, "X", by_utf8(0, 4)).await.unwrap();
    check_refused(client.send(with_etag(&second.etag)).await, "HAS_CHILDREN", "");
    let remove = v1::DeleteAnnotationRequest { name: child.name, ..Default::default() };
    client.send(remove).await.unwrap();
    client.send(v1::DeleteArticleRequest { validate_only: true, ..with_etag(&second.etag) }).await.unwrap();
    client.send(with_etag(&second.etag)).await.unwrap();
    check_refused(client.send(get(A)).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(delete(A)).await, "RESOURCE_NOT_FOUND", "name");
    assert_eq!(listed(&client, 0, v1::ArticleView::Basic).await, []);
}

/// The text is the same, and so are the ids; still nothing of the old article's annotations is there.
#[tokio::test]
async fn an_article_that_is_created_again_is_another_one() {
    let (mut server, mut client) = server_with_project().await;
    let text = "the same text";
    let old = client.create_article(P, "a", text).await;
    let ids: Vec<_> = (0..100).map(|index| format!("00000000-0000-7000-8000-{index:012}")).collect();
    let create = |label: &str| v1::BatchCreateAnnotationsRequest {
        parent: A.to_owned(),
        requests: ids
            .iter()
            .map(|id| v1::CreateAnnotationRequest {
                annotation_id: id.clone(),
                annotation: Some(annotation(label, vec![by_utf8(4, 8)])),
                ..Default::default()
            })
            .collect(),
        validate_only: false,
        request_id: String::new(),
    };
    let list = |overlaps| v1::ListAnnotationsRequest { parent: A.to_owned(), overlaps, ..Default::default() };
    let olds = client.send(create("OLD")).await.unwrap().annotations;
    assert_eq!(client.list_all(list(None)).await, olds);
    client.send(v1::DeleteArticleRequest { force: true, ..delete(A) }).await.unwrap();
    check_refused(client.get(&olds[7].name).await, "RESOURCE_NOT_FOUND", "");
    check_refused(client.send(list(None)).await, "RESOURCE_NOT_FOUND", "");

    let new = client.create_article(P, "a", text).await;
    assert!(new.etag != old.etag && new.revision > old.revision);
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.start_again();
            client = server.client().await;
        }
        check_refused(client.get(&olds[7].name).await, "RESOURCE_NOT_FOUND", "");
        assert_eq!(client.list_all(list(None)).await, []);
        assert_eq!(client.list_all(list(Some(by_utf8(0, 13)))).await, []);
    }
    let news = client.send(create("NEW")).await.unwrap().annotations;
    assert_eq!(client.list_all(list(None)).await, news);
    assert_eq!(client.get(&olds[7].name).await.unwrap(), news[7]);
    let stale = v1::UpdateArticleRequest { article: Some(old), ..Default::default() };
    check_refused(client.send(stale).await, "ETAG_MISMATCH", "article.etag");
}
