//! `spandrel annotation`.

mod update;

use std::collections::HashMap;

use clap::{Args, Subcommand};

use super::{
    arguments, attribute,
    failure::Failure,
    output::Output,
    render::printable,
    table::{Table, moment, thousands},
    target_arguments::Reference,
    wording,
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, ArticleName, LayerId, ProjectName},
    limits::COMMIT_WRITES_MAX,
    proto::v1::{self, State, annotation::Target, write::Op},
};

/// The message's name in the API.
pub(super) const ANNOTATION: &str = "spandrel.v1.Annotation";
const PAGE_ITEMS: i32 = 1_000;
/// Arguments of a relation that are read to say what they stand on.
const ARGUMENTS_READ_MAX: usize = 32;

/// What to do with annotations.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(super) enum Annotation {
    /// List an article's annotations: of the whole article, in the order of the text, relations, and what lost its place.
    List(List),
    /// Show an annotation with all that is known of it.
    Show {
        #[command(flatten)]
        article: InArticle,
        /// The annotation: its UUID or its full name.
        #[arg(value_name = "ID")]
        annotation: Reference,
    },
    /// Change an annotation: what the flags say, and nothing else.
    Update(update::Update),
    /// Say that annotations hold: all of them or, if one is not there, none.
    Accept {
        #[command(flatten)]
        these: These,
    },
    /// Say that annotations do not hold: all of them or, if one is not there, none.
    Reject {
        #[command(flatten)]
        these: These,
        /// Why; it becomes the note.
        #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
        reason: Option<String>,
    },
    /// Delete annotations: all of them or, if one is not there, none.
    Delete {
        #[command(flatten)]
        these: These,
        /// Delete the relations that use them, too.
        #[arg(long)]
        force: bool,
    },
}

/// An article.
#[derive(Debug, Args)]
pub(super) struct InArticle {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
}

/// Some annotations of an article.
#[derive(Debug, Args)]
pub(super) struct These {
    #[command(flatten)]
    article: InArticle,
    /// The annotations: their UUIDs or full names.
    #[arg(value_name = "ID", required = true)]
    annotations: Vec<Reference>,
}

/// What `list` takes.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    article: InArticle,
    /// Only annotations of this layer.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// Only annotations with this label.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    label: Option<String>,
    /// Only annotations that pass this filter, such as 'score < 0.5 AND overlaps(layer = gold)'.
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,
}

impl InArticle {
    fn name(self) -> ArticleName {
        self.project.article(self.article)
    }
}

impl Annotation {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(&Client::connect(server).await?, output).await,
            Self::Show { article, annotation } => {
                let name = annotation.name(&article.name());
                show(&Client::connect(server).await?, name, output).await
            }
            Self::Update(update) => update.run(server, output).await,
            Self::Accept { these } => review(server, these, State::Accepted, None, output).await,
            Self::Reject { these, reason } => review(server, these, State::Rejected, reason, output).await,
            Self::Delete { these, force } => delete(server, these, force, output).await,
        }
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let Self { article, layer, label, filter } = self;
        let mut request = v1::ListAnnotationsRequest {
            parent: article.name().to_string(),
            page_size: PAGE_ITEMS,
            layer: layer.map_or_else(String::new, |layer| layer.to_string()),
            label: label.unwrap_or_default(),
            filter: filter.unwrap_or_default(),
            ..v1::ListAnnotationsRequest::default()
        };
        let mut table = Table::new(["ANNOTATION", "LABEL", "STATE", "ABOUT", "MORE"]);
        // Relations come after what they are between.
        let mut quotes = HashMap::new();
        loop {
            let page = client.call(request.clone()).await?;
            if output.json {
                for annotation in &page.annotations {
                    output.print_json(ANNOTATION, annotation, &[])?;
                }
            } else {
                for annotation in &page.annotations {
                    quotes.insert(annotation.name.clone(), quoted(annotation));
                }
                output.print(&table.page(page.annotations.iter().map(|it| row(it, &quotes))))?;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(());
            }
        }
    }
}

fn row(annotation: &v1::Annotation, quotes: &HashMap<String, String>) -> [String; 5] {
    let mark = wording::standing(annotation).mark();
    let label = wording::labelled(annotation) + mark;
    let about = wording::about(annotation, |name| called(name, quotes), wording::TEXT_COLUMNS_MAX);
    let said = wording::review(annotation).len();
    let details = wording::details(annotation).split_off(said).join("  ");
    let state = wording::state(annotation.state()).to_owned();
    [wording::id(&annotation.name).to_owned(), label, state, about, details]
}

/// What an annotation stands on; a relation's label, since it stands on nothing.
fn quoted(annotation: &v1::Annotation) -> String {
    match &annotation.target {
        Some(Target::Anchor(_)) | None => wording::quoted(annotation, wording::LABEL_COLUMNS_MAX),
        Some(Target::Relation(_) | Target::Article(_)) => wording::labelled(annotation),
    }
}

/// What an annotation is called where another is about it; its id when that was not read.
fn called(name: &str, quotes: &HashMap<String, String>) -> String {
    quotes.get(name).cloned().unwrap_or_else(|| wording::short_id(name))
}

async fn show(client: &Client, name: String, output: &mut Output) -> Result<(), Failure> {
    let annotation = client.call(v1::GetAnnotationRequest { name }).await?;
    if output.json {
        return output.print_json(ANNOTATION, &annotation, &[]);
    }
    let mut quotes = HashMap::new();
    if let Some(Target::Relation(relation)) = &annotation.target {
        for argument in relation.arguments.iter().take(ARGUMENTS_READ_MAX) {
            let name = argument.annotation.clone();
            // One that was deleted meanwhile is shown by its id.
            if let Ok(argument) = client.call(v1::GetAnnotationRequest { name: name.clone() }).await {
                let quote = wording::about(&argument, wording::short_id, wording::TEXT_COLUMNS_MAX);
                quotes.insert(name, format!("{} {quote}", wording::labelled(&argument)));
            }
        }
    }
    let called = |name: &str| match quotes.get(name) {
        Some(quote) => format!("{}  {quote}", wording::id(name)),
        None => wording::id(name).to_owned(),
    };
    output.print(&facts(&annotation, called))
}

/// Sets the state of annotations, and the note where there is a reason.
async fn review(
    server: &Server,
    these: These,
    state: State,
    reason: Option<String>,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut paths = vec!["state".to_owned()];
    paths.extend(reason.is_some().then(|| "note".to_owned()));
    let note = reason.unwrap_or_default();
    let update = |name: String| {
        let annotation =
            v1::Annotation { name, state: state.into(), note: note.clone(), ..v1::Annotation::default() };
        Op::Update(v1::UpdateAnnotationRequest {
            annotation: Some(annotation),
            update_mask: Some(prost_types::FieldMask { paths: paths.clone() }),
            ..v1::UpdateAnnotationRequest::default()
        })
    };
    let annotations = commit(server, these, update).await?;
    for annotation in &annotations {
        if output.json {
            output.print_json(ANNOTATION, annotation, &[])?;
        } else {
            let about = wording::about(annotation, wording::short_id, wording::RELATION_COLUMNS_MAX);
            let id = printable(wording::id(&annotation.name));
            let line = format!("{} {id}  {}  {about}", wording::state(state), wording::labelled(annotation));
            output.print(&format!("{}\n", line.trim_end()))?;
        }
    }
    Ok(())
}

async fn delete(server: &Server, these: These, force: bool, output: &mut Output) -> Result<(), Failure> {
    let delete = |name: String| {
        Op::Delete(v1::DeleteAnnotationRequest { name, force, ..v1::DeleteAnnotationRequest::default() })
    };
    for annotation in commit(server, these, delete).await? {
        if output.json {
            output.print_json("google.protobuf.Empty", &(), &[])?;
        } else {
            output.print(&format!("deleted {}\n", printable(&annotation.name)))?;
        }
    }
    Ok(())
}

/// Does the same with each of these in one commit.
async fn commit(
    server: &Server,
    these: These,
    op: impl Fn(String) -> Op,
) -> Result<Vec<v1::Annotation>, Failure> {
    let These { article, annotations } = these;
    if annotations.len() > COMMIT_WRITES_MAX {
        let most = thousands(u64::try_from(COMMIT_WRITES_MAX).unwrap_or(u64::MAX));
        return Err(Failure::Usage(format!("at most {most} annotations are changed at once")));
    }
    let article = article.name();
    let parent = article.parent().to_string();
    let writes = annotations.into_iter().map(|it| v1::Write { op: Some(op(it.name(&article))) }).collect();
    let client = Client::connect(server).await?;
    let request = v1::CommitAnnotationsRequest { parent, writes, ..v1::CommitAnnotationsRequest::default() };
    Ok(client.call(request).await?.annotations)
}

/// What was done to the annotation, and what was sent of it, a line each.
pub(super) fn done(annotation: &v1::Annotation, verb: &str) -> String {
    let is_said = annotation.state() != State::Accepted;
    let state = wording::state(annotation.state()).to_owned();
    lines(annotation, verb, wording::short_id, is_said.then_some(("state", state)), Vec::new())
}

/// All that is known of the annotation, a line each; `called` says how others are called.
fn facts(annotation: &v1::Annotation, called: impl Fn(&str) -> String) -> String {
    let state = wording::state(annotation.state()).to_owned();
    lines(annotation, "", called, Some(("state", state)), history(annotation))
}

/// The annotation, a line a fact, without what is empty.
fn lines(
    annotation: &v1::Annotation,
    verb: &str,
    called: impl Fn(&str) -> String,
    state: Option<(&str, String)>,
    history: Vec<(&str, String)>,
) -> String {
    let id = printable(wording::id(&annotation.name));
    let (label, layer) = (printable(&annotation.label), printable(&annotation.layer));
    let head = format!("{verb}{id}  {label}  in layer {layer}");
    let mut facts: Vec<(&str, String)> = Vec::new();
    let range = |range: Option<v1::Range>| {
        range.map_or_else(String::new, |range| format!("{}..{}", range.start, range.end))
    };
    match &annotation.target {
        Some(Target::Anchor(_)) | None => {}
        Some(Target::Article(_)) => facts.push(("about", "the whole article".to_owned())),
        Some(Target::Relation(relation)) => {
            for argument in &relation.arguments {
                let called = called(&argument.annotation);
                facts.push(("argument", format!("{}  {called}", argument.role).trim_start().to_owned()));
            }
        }
    }
    for span in wording::spans(annotation) {
        facts.push(("quote", span.quote.clone()));
        facts.push(("code points", range(span.code_points)));
        facts.push(("utf16", range(span.utf16)));
        facts.push(("utf8", range(span.utf8)));
    }
    facts.extend(state);
    facts.extend(annotation.anchoring.map(|it| ("anchoring", anchoring(&it))));
    facts.extend(annotation.score.map(|score| ("score", score.to_string())));
    facts.extend(
        annotation.attributes.iter().map(|(name, value)| ("attribute", attribute::shown(name, value))),
    );
    facts.push(("note", annotation.note.clone()));
    facts.extend(annotation.derived_from.iter().map(|from| ("from", from.clone())));
    facts.extend(history);
    let lines = facts.iter().filter(|(_, value)| !value.trim().is_empty());
    let lines: Vec<_> = lines.map(|(name, value)| format!("  {name:11}  {}\n", printable(value))).collect();
    format!("{}\n{}", head.trim_end(), lines.concat())
}

/// When it was made and changed.
fn history(annotation: &v1::Annotation) -> Vec<(&'static str, String)> {
    vec![
        ("text", format!("revision {}", thousands(annotation.text_revision))),
        ("creator", annotation.creator.clone()),
        ("revision", thousands(annotation.revision)),
        ("created", moment(annotation.create_time)),
        ("updated", moment(annotation.update_time)),
        ("etag", annotation.etag.clone()),
    ]
}

fn anchoring(anchoring: &v1::Anchoring) -> String {
    let v1::Anchoring { result: _, similarity, from_text_revision, needs_review } = anchoring;
    let result = wording::anchoring(anchoring.result());
    let (same, from) = (wording::decimals(*similarity), thousands(*from_text_revision));
    let review = if *needs_review { ", needs review" } else { "" };
    format!("{result} from text revision {from}, similarity {same}{review}")
}

#[cfg(test)]
mod tests;
