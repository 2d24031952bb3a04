//! Page tokens that nobody gave out, and the arguments that they are bound to.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use spandrel::{
    app::{
        App,
        annotation_reads::AnnotationQuery,
        article_lists::ArticleQuery,
        pages::{self, Arguments},
        selection::Selection,
    },
    domain::{
        self, Problem,
        annotations::Label,
        filter::AnnotationFilter,
        ids::{ArticleName, LayerId, ProjectName},
        spans::SpanRequest,
        text::CodePointRange,
    },
};

use super::fixture;

/// A token is taken or refused as one, and pages that follow each other hold everything once.
pub fn check(data: &[u8]) {
    // Input that ends early asks nothing more.
    let _ = run(&mut Unstructured::new(data));
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let parts: Vec<Vec<u8>> = input.arbitrary()?;
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let (arguments, key) = (Arguments::of("List", &parts), input.arbitrary::<Vec<u8>>()?);
    assert_eq!(arguments.key(&arguments.token(&key)), Ok(Some(key)));
    let page_size = if input.ratio(1, 8)? { input.arbitrary()? } else { input.int_in_range(0..=7)? };
    let _ = pages::items(page_size);
    let list = *input.choose(&[List::Projects, List::Articles, List::Annotations])?;
    let query = query(input, page_size)?;
    let with_text = input.arbitrary()?;
    fixture::with(|fixture| {
        fixture::block_on(async {
            let ask =
                async |page_size, token| page(&fixture.app, list, &query, with_text, page_size, token).await;
            let token = token(input, &ask(1, String::new()).await)?;
            if let Err(error) = ask(page_size, token.clone()).await {
                assert!(is_refusal(&error.problem), "{token:?}: {error:?}");
            }
            if (1..=1_000).contains(&page_size) {
                follow(&ask, page_size).await;
            }
            Ok(())
        })
    })
}

/// What is listed.
#[derive(Debug, Clone, Copy)]
enum List {
    Projects,
    Articles,
    Annotations,
}

/// The items of a page, told apart, and the next page's token.
type Page = domain::Result<(Vec<String>, String)>;

async fn page(
    app: &App,
    list: List,
    query: &AnnotationQuery,
    with_text: bool,
    page_size: i32,
    page_token: String,
) -> Page {
    Ok(match list {
        List::Projects => {
            let page = app.list_projects(page_size, &page_token).await?;
            let projects = page.projects.iter().map(|project| project.value.id.to_string());
            (projects.collect(), page.next_page_token)
        }
        List::Articles => {
            let project = ProjectName::parse("", "projects/p").unwrap();
            let filter = Arc::default();
            let query = ArticleQuery { project, filter, page_size, page_token, with_text };
            let page = app.list_articles(&query).await?;
            let articles = page.articles.iter().map(|article| article.name.to_string());
            (articles.collect(), page.next_page_token)
        }
        List::Annotations => {
            let query = AnnotationQuery { page_size, page_token, ..query.clone() };
            let (page, _) = app.list_annotations(&query).await?;
            (page.annotations.iter().map(|bytes| format!("{bytes:?}")).collect(), page.next_page_token)
        }
    })
}

fn query(input: &mut Unstructured<'_>, page_size: i32) -> Result<AnnotationQuery> {
    let layer = *input.choose(&["", "gold", "default", "none"])?;
    let label = *input.choose(&["", "PER", "none"])?;
    let filter = *input.choose(&[
        "",
        "",
        "score >= 0.5 OR label = PER",
        "overlaps(*)",
        "NOT before(label = PER, 9)",
    ])?;
    let window = input.arbitrary::<Option<(u8, u8)>>()?.map(|(start, length)| SpanRequest {
        code_points: Some(CodePointRange {
            start: u32::from(start % 64),
            end: u32::from(start % 64) + u32::from(length % 16),
        }),
        ..SpanRequest::default()
    });
    Ok(AnnotationQuery {
        article: ArticleName::parse("", "projects/p/articles/a").unwrap(),
        selection: Arc::new(Selection {
            layer: (!layer.is_empty()).then(|| LayerId::parse("", layer).unwrap()),
            label: (!label.is_empty()).then(|| Label::parse("", label).unwrap()),
            filter: AnnotationFilter::parse("", filter).unwrap(),
        }),
        overlaps: window,
        text_revision: if input.ratio(1, 16)? { input.arbitrary()? } else { 0 },
        page_size,
        page_token: String::new(),
    })
}

/// A token of this list with another key, or of nothing.
fn token(input: &mut Unstructured<'_>, first: &Page) -> Result<String> {
    let given = first.as_ref().map(|(_, token)| token.clone()).unwrap_or_default();
    if given.is_empty() || input.ratio(1, 4)? {
        return if input.arbitrary()? {
            input.arbitrary()
        } else {
            Ok(URL_SAFE_NO_PAD.encode(input.arbitrary::<Vec<u8>>()?))
        };
    }
    let mut bytes = URL_SAFE_NO_PAD.decode(&given).unwrap();
    for _ in 0..input.int_in_range(0..=4)? {
        let behind_arguments = 9.min(bytes.len() - 1);
        let at = input.int_in_range(behind_arguments..=bytes.len() - 1)?;
        bytes[at] = if input.arbitrary()? { u8::MAX } else { input.arbitrary()? };
    }
    match input.int_in_range(0..=7)? {
        0 => bytes.extend(input.arbitrary::<Vec<u8>>()?),
        1 => bytes.truncate(input.choose_index(bytes.len())?),
        2 => {
            let at = input.choose_index(bytes.len())?;
            bytes[at] ^= input.arbitrary::<u8>()?;
        }
        _ => {}
    }
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn is_refusal(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::PageTokenInvalid(_)
            | Problem::FieldInvalid(_)
            | Problem::TextRevisionStale { .. }
            | Problem::SpanOutOfBounds { .. }
            | Problem::ResourceNotFound { .. }
    )
}

/// Follows the pages to the last, and expects what one page of all has.
async fn follow(ask: &impl AsyncFn(i32, String) -> Page, page_size: i32) {
    let Ok((all, rest)) = ask(1_000, String::new()).await else { return };
    assert_eq!(rest, "");
    let (mut followed, mut token) = (Vec::new(), String::new());
    loop {
        let (items, next) = ask(page_size, token).await.unwrap();
        assert!(items.len() <= usize::try_from(page_size).unwrap());
        followed.extend(items);
        token = next;
        if token.is_empty() {
            assert_eq!(followed, all);
            return;
        }
    }
}
