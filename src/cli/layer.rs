//! `spandrel layer`.

mod copy;
mod facts;
mod update;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    arguments,
    failure::Failure,
    output::Output,
    render::printable,
    table::{Table, thousands},
    wording,
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, ArticleLayerName, ArticleName, LayerId, LayerName, ProjectName},
    proto::v1,
};

/// The messages' names in the API.
const LAYER: &str = "spandrel.v1.Layer";
const ARTICLE_LAYER: &str = "spandrel.v1.ArticleLayer";
const PAGE_ITEMS: i32 = 500;

/// What to do with layers.
#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub(super) enum Layer {
    /// List a project's layers, or what an article has of each.
    ///
    /// A layer that annotations are on is there, whether it was declared or not.
    List(List),
    /// Show a layer with what all articles have of it, or what one article has.
    Show(Show),
    /// Declare a layer, whether annotations are on it already or not.
    Create(Create),
    /// Change what was declared of a layer: what the flags say, and nothing else.
    Update(update::Update),
    /// Delete a layer.
    ///
    /// With --force its annotations go first, article by article: what is deleted is deleted, even if it ends before all
    /// is; called again, it goes on. Nothing is deleted while an article has the layer submitted.
    Delete {
        #[command(flatten)]
        layer: InProject,
        /// Delete its annotations with it, in all articles.
        #[arg(long)]
        force: bool,
        /// Only if what was declared of it still has this etag.
        #[arg(long, default_value = "", hide_default_value = true)]
        etag: String,
    },
    /// Say that a layer of an article is done: nobody can change its annotations there until it is reopened.
    ///
    /// One without annotations can be submitted: there was nothing to mark.
    Submit {
        #[command(flatten)]
        layer: InArticle,
    },
    /// Let a layer of an article that was submitted be changed again.
    Reopen {
        #[command(flatten)]
        layer: InArticle,
    },
    /// Copy what an article has of a layer into another layer, in one commit: a model's suggestions become a draft.
    ///
    /// Rejected annotations are left out unless --only-state asks for them, and relations on something that is left out.
    Copy(copy::Copy),
}

/// A layer.
#[derive(Debug, Args)]
pub(super) struct InProject {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The layer's id: letters, digits and . _ ~ -.
    #[arg(value_parser = arguments::layer)]
    layer: LayerId,
}

/// A layer of an article.
#[derive(Debug, Args)]
pub(super) struct InArticle {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// The layer's id.
    #[arg(value_parser = arguments::layer)]
    layer: LayerId,
}

/// What `list` takes.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// What this article has: state, counts and labels.
    #[arg(long, value_parser = arguments::article)]
    article: Option<ArticleId>,
}

/// What `show` takes.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    layer: InProject,
    /// What this article has: state, counts and all labels.
    #[arg(long, value_parser = arguments::article)]
    article: Option<ArticleId>,
}

/// What `create` takes.
#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    layer: InProject,
    /// Who makes it.
    #[arg(long)]
    kind: Kind,
    #[command(flatten)]
    details: Details,
}

/// What is said of a layer beside its kind.
#[derive(Debug, Args)]
struct Details {
    /// Who or what annotates: a person's name, a model with its version.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    annotator: Option<String>,
    /// What people call it.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    display_name: Option<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: Option<String>,
    /// More about it; may be given again.
    #[arg(long, value_name = "KEY=VALUE", value_parser = arguments::metadata)]
    metadata: Vec<(String, String)>,
}

/// Who makes a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A person.
    Human,
    /// A model.
    Model,
    /// Whoever decides what holds.
    Gold,
}

impl From<Kind> for v1::LayerKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Human => Self::Human,
            Kind::Model => Self::Model,
            Kind::Gold => Self::Gold,
        }
    }
}

impl InProject {
    fn name(self) -> LayerName {
        self.project.layer(self.layer)
    }
}

impl InArticle {
    fn name(self) -> ArticleLayerName {
        self.project.article(self.article).layer(self.layer)
    }
}

impl Details {
    /// The layer with what the flags say.
    fn onto(self, layer: v1::Layer) -> v1::Layer {
        let Self { annotator, display_name, description, metadata } = self;
        v1::Layer {
            annotator: annotator.unwrap_or_default(),
            display_name: display_name.unwrap_or_default(),
            description: description.unwrap_or_default(),
            metadata: metadata.into_iter().collect(),
            ..layer
        }
    }
}

impl Layer {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(&Client::connect(server).await?, output).await,
            Self::Show(show) => show.run(&Client::connect(server).await?, output).await,
            Self::Create(create) => create.run(&Client::connect(server).await?, output).await,
            Self::Update(update) => update.run(server, output).await,
            Self::Delete { layer, force, etag } => {
                let name = layer.name().to_string();
                let request = v1::DeleteLayerRequest {
                    name: name.clone(),
                    etag,
                    force,
                    ..v1::DeleteLayerRequest::default()
                };
                Client::connect(server).await?.call(request).await?;
                if output.json {
                    return output.print_json("google.protobuf.Empty", &(), &[]);
                }
                output.print(&format!("deleted {name}\n"))
            }
            Self::Submit { layer } => {
                let name = layer.name().to_string();
                let request = v1::SubmitLayerRequest { name, ..v1::SubmitLayerRequest::default() };
                let layer = Client::connect(server).await?.call(request).await?;
                print_of_article(&layer, facts::submitted, output)
            }
            Self::Reopen { layer } => {
                let name = layer.name().to_string();
                let request = v1::ReopenLayerRequest { name, ..v1::ReopenLayerRequest::default() };
                let layer = Client::connect(server).await?.call(request).await?;
                print_of_article(&layer, facts::reopened, output)
            }
            Self::Copy(copy) => copy.run(server, output).await,
        }
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let Self { project, article } = self;
        match article {
            Some(article) => list_of_article(client, &project.article(article), output).await,
            None => list(client, &project, output).await,
        }
    }
}

async fn list(client: &Client, project: &ProjectName, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "LAYER",
        "KIND",
        " ANNOTATIONS",
        " SUGGESTED",
        " ACCEPTED",
        " REJECTED",
        " NEEDS REVIEW",
        "ANNOTATOR",
        "NAME",
    ]);
    let mut page_token = String::new();
    loop {
        let request =
            v1::ListLayersRequest { parent: project.to_string(), page_size: PAGE_ITEMS, page_token };
        let page = client.call(request).await?;
        if output.json {
            for layer in &page.layers {
                output.print_json(LAYER, layer, &[])?;
            }
        } else {
            output.print(&table.page(page.layers.iter().map(row)))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn row(layer: &v1::Layer) -> [String; 9] {
    let id = wording::id(&layer.name).to_owned();
    let kind = if facts::is_declared(layer) { wording::layer_kind(layer.kind()) } else { "(undeclared)" };
    let [annotations, suggested, accepted, rejected, needs_review] = numbers(layer.counts.as_ref());
    let (annotator, name) = (layer.annotator.clone(), layer.display_name.clone());
    [id, kind.to_owned(), annotations, suggested, accepted, rejected, needs_review, annotator, name]
}

/// Lists what an article has of each layer. Only a layer that is read by itself comes with its labels, so each is.
async fn list_of_article(client: &Client, article: &ArticleName, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new([
        "LAYER",
        "STATE",
        " ANNOTATIONS",
        " SUGGESTED",
        " ACCEPTED",
        " REJECTED",
        " NEEDS REVIEW",
        "LABELS",
    ]);
    let mut page_token = String::new();
    loop {
        let parent = article.to_string();
        let request = v1::ListArticleLayersRequest { parent, page_size: PAGE_ITEMS, page_token };
        let page = client.call(request).await?;
        let mut rows = Vec::new();
        for layer in page.article_layers {
            let layer = client.call(v1::GetArticleLayerRequest { name: layer.name }).await?;
            if output.json {
                output.print_json(ARTICLE_LAYER, &layer, &[])?;
            } else {
                rows.push(row_of_article(&layer));
            }
        }
        if !output.json {
            output.print(&table.page(rows))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn row_of_article(layer: &v1::ArticleLayer) -> [String; 8] {
    let id = wording::id(&layer.name).to_owned();
    let state = wording::layer_state(layer.state()).to_owned();
    let [annotations, suggested, accepted, rejected, needs_review] = numbers(layer.counts.as_ref());
    let labels = facts::labels(&layer.labels, wording::TEXT_COLUMNS_MAX);
    [id, state, annotations, suggested, accepted, rejected, needs_review, labels]
}

/// Annotations; suggested, accepted and rejected ones; those that need review.
fn numbers(counts: Option<&v1::LayerCounts>) -> [String; 5] {
    let counts = counts.copied().unwrap_or_default();
    let v1::LayerCounts { suggested, accepted, rejected, needs_review, .. } = counts;
    [facts::annotations(&counts), suggested, accepted, rejected, needs_review].map(thousands)
}

impl Show {
    async fn run(self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let Self { layer: InProject { project, layer }, article } = self;
        if let Some(article) = article {
            let name = project.article(article).layer(layer).to_string();
            let layer = client.call(v1::GetArticleLayerRequest { name }).await?;
            return print_of_article(&layer, facts::of_article, output);
        }
        let name = project.layer(layer).to_string();
        print(&client.call(v1::GetLayerRequest { name }).await?, "", output)
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output) -> Result<(), Failure> {
        let Self { layer: InProject { project, layer }, kind, details } = self;
        let kind = v1::LayerKind::from(kind).into();
        let request = v1::CreateLayerRequest {
            parent: project.to_string(),
            layer_id: layer.to_string(),
            layer: Some(details.onto(v1::Layer { kind, ..v1::Layer::default() })),
            ..v1::CreateLayerRequest::default()
        };
        print(&client.call(request).await?, "created ", output)
    }
}

fn print(layer: &v1::Layer, verb: &str, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return output.print_json(LAYER, layer, &[]);
    }
    output.print(&format!("{verb}{}\n{}", printable(&layer.name), facts::of_project(layer)))
}

fn print_of_article(
    layer: &v1::ArticleLayer,
    said: impl Fn(&v1::ArticleLayer) -> String,
    output: &mut Output,
) -> Result<(), Failure> {
    if output.json {
        return output.print_json(ARTICLE_LAYER, layer, &[]);
    }
    output.print(&said(layer))
}

#[cfg(test)]
mod tests;
