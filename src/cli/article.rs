//! `spandrel article`.

use clap::{Args, Subcommand};

use super::{
    add::Add,
    annotation::ANNOTATION,
    arguments,
    failure::Failure,
    output::Output,
    page::Page,
    render::{self, Layers, Marks, Options, Palette},
    revise::{Revise, Revisions},
    table::{Table, moment, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1,
};

/// The message's name in the API.
pub(super) const ARTICLE: &str = "spandrel.v1.Article";
const PAGE_ITEMS: i32 = 500;

/// What to do with articles.
#[derive(Debug, Subcommand)]
pub(super) enum Article {
    /// Add files as articles, byte for byte.
    Add(Add),
    /// List a project's articles.
    List {
        /// The project's id.
        #[arg(value_parser = arguments::project)]
        project: ProjectName,
        /// Only articles that pass this filter, such as 'language:"en" AND labels:"PER"'.
        #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
        filter: Option<String>,
    },
    /// Show an article's text with its spans, and below it relations and what else is said.
    ///
    /// A number beside a label, as in ORG₁, is what the lists below the text call the span by. ? is what nobody has
    /// looked at yet, ✗ what was rejected, ! what has to be looked at since the text was revised.
    Show(Show),
    /// Give an article another text. Its annotations go with their words; those that cannot ask for a review.
    Revise(Revise),
    /// List the texts that an article has and had, and what each made of the annotations.
    Revisions(Revisions),
    /// Delete an article.
    Delete {
        /// The project's id.
        #[arg(value_parser = arguments::project)]
        project: ProjectName,
        /// The article's id.
        #[arg(value_parser = arguments::article)]
        article: ArticleId,
        /// Delete its annotations with it.
        #[arg(long)]
        force: bool,
    },
}

/// What `article show` takes.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// Only annotations of this layer; may be given again.
    #[arg(long, value_parser = arguments::layer)]
    layer: Vec<LayerId>,
    /// Whether the bars of several layers stand among each other or each layer's for themselves, with ≠ beside the rows in
    /// which layers differ.
    #[arg(long, value_name = "HOW", default_value = "together")]
    layers: Layers,
    /// How spans are shown; bars on a terminal and where there are colours, brackets otherwise.
    #[arg(long, value_name = "HOW")]
    marks: Option<Marks>,
    /// Which text, with the annotations as they stood in it; otherwise the latest.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    text_revision: u32,
    /// Only the text: byte for byte, unless it goes to a terminal.
    #[arg(long, conflicts_with_all = ["layer", "layers", "marks"])]
    plain: bool,
}

impl Article {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(server, output).await,
            Self::List { project, filter } => {
                list(&Client::connect(server).await?, &project, filter, output).await
            }
            Self::Show(show) => show.run(server, output).await,
            Self::Revise(revise) => revise.run(server, output).await,
            Self::Revisions(revisions) => revisions.run(server, output).await,
            Self::Delete { project, article, force } => {
                let client = Client::connect(server).await?;
                let name = project.article(article).to_string();
                let request = v1::DeleteArticleRequest {
                    name: name.clone(),
                    force,
                    ..v1::DeleteArticleRequest::default()
                };
                client.call(request).await?;
                if output.json {
                    return output.print_json("google.protobuf.Empty", &(), &[]);
                }
                output.print(&format!("deleted {name}\n"))
            }
        }
    }
}

async fn list(
    client: &Client,
    project: &ProjectName,
    filter: Option<String>,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut table = Table::new(["ARTICLE", " CHARACTERS", "LANGUAGE", "UPDATED", "TITLE"]);
    let filter = filter.unwrap_or_default();
    let mut page_token = String::new();
    loop {
        let request = v1::ListArticlesRequest {
            parent: project.to_string(),
            page_size: PAGE_ITEMS,
            page_token,
            view: v1::ArticleView::Basic.into(),
            filter: filter.clone(),
        };
        let page = client.call(request).await?;
        if output.json {
            for article in &page.articles {
                output.print_json(ARTICLE, article, &["text"])?;
            }
        } else {
            output.print(&table.page(page.articles.into_iter().map(row)))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

fn row(article: v1::Article) -> [String; 5] {
    let id = article.name.rsplit('/').next().unwrap_or_default().to_owned();
    let length = article.length.unwrap_or_default().code_points;
    [id, thousands(length), article.language, moment(article.update_time), article.title]
}

impl Show {
    async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let Self { project, article, layer, layers, marks, text_revision, plain: is_plain } = self;
        if (layers, marks) == (Layers::SideBySide, Some(Marks::Brackets)) {
            let message = "layers stand side by side as bars: leave --marks out, or say --marks bars";
            return Err(Failure::Usage(message.to_owned()));
        }
        let client = Client::connect(server).await?;
        let name = project.article(article).to_string();
        let request = v1::GetArticleRequest { name, view: v1::ArticleView::Full.into(), text_revision };
        let article = client.call(request).await?;
        if is_plain && !output.json {
            let text = if output.is_terminal { plain(&article.text, output.width) } else { article.text };
            return output.print(&text);
        }
        let layer: Vec<String> = layer.iter().map(ToString::to_string).collect();
        let annotations = if is_plain { Vec::new() } else { annotations(&client, &article, &layer).await? };
        if output.json {
            output.print_json(ARTICLE, &article, &[])?;
            for annotation in &annotations {
                output.print_json(ANNOTATION, annotation, &[])?;
            }
            return Ok(());
        }
        let has_bars = output.is_terminal || output.color || layers == Layers::SideBySide;
        let marks = marks.unwrap_or(if has_bars { Marks::Bars } else { Marks::Brackets });
        let options = Options { marks, layers, color: output.color, width: output.width };
        output.print(&Page::new(&article, &annotations, &options).print(&layer))
    }
}

/// The annotations of the article in these layers, or in all if there are none, in the order of the text.
async fn annotations(
    client: &Client,
    article: &v1::Article,
    layers: &[String],
) -> Result<Vec<v1::Annotation>, Failure> {
    let is_of = |annotation: &v1::Annotation| layers.is_empty() || layers.contains(&annotation.layer);
    let mut request = v1::ListAnnotationsRequest {
        parent: article.name.clone(),
        // Of the very text that was read, or their ranges would be of another.
        text_revision: article.text_revision,
        // The server filters by one.
        layer: if let [layer] = layers { layer.clone() } else { String::new() },
        page_size: 1_000,
        ..v1::ListAnnotationsRequest::default()
    };
    let mut annotations = Vec::new();
    loop {
        let page = client.call(request.clone()).await?;
        annotations.extend(page.annotations.into_iter().filter(is_of));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(annotations);
        }
    }
}

/// The text alone, as a terminal may print it.
fn plain(text: &str, width: usize) -> String {
    let options = Options { marks: Marks::Brackets, layers: Layers::Together, color: false, width };
    render::text(text, &[], &Palette::default(), &options)
}
