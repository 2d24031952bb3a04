//! `spandrel article`.

use clap::{Args, Subcommand};

use super::{
    add::Add,
    arguments,
    failure::Failure,
    output::Output,
    render::{self, Marks, Mention, Options, printable},
    table::{Table, counted, moment, thousands},
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1::{self, annotation::Target},
};

/// The message's name in the API.
pub(super) const ARTICLE: &str = "spandrel.v1.Article";
const ANNOTATION: &str = "spandrel.v1.Annotation";
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
    },
    /// Show an article's text with its spans.
    Show(Show),
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
    /// Only annotations of this layer.
    #[arg(long, value_parser = arguments::layer)]
    layer: Option<LayerId>,
    /// How spans are shown; bars on a terminal and where there are colours, brackets otherwise.
    #[arg(long, value_name = "HOW")]
    marks: Option<Marks>,
    /// Only the text: byte for byte, unless it goes to a terminal.
    #[arg(long, conflicts_with_all = ["layer", "marks"])]
    plain: bool,
}

impl Article {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(server, output).await,
            Self::List { project } => list(&Client::connect(server).await?, &project, output).await,
            Self::Show(show) => show.run(server, output).await,
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

async fn list(client: &Client, project: &ProjectName, output: &mut Output) -> Result<(), Failure> {
    let mut table = Table::new(["ARTICLE", " CHARACTERS", "LANGUAGE", "UPDATED", "TITLE"]);
    let mut page_token = String::new();
    loop {
        let request = v1::ListArticlesRequest {
            parent: project.to_string(),
            page_size: PAGE_ITEMS,
            page_token,
            view: v1::ArticleView::Basic.into(),
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
        let client = Client::connect(server).await?;
        let name = self.project.article(self.article).to_string();
        let request = v1::GetArticleRequest { name: name.clone(), view: v1::ArticleView::Full.into() };
        let article = client.call(request).await?;
        if self.plain && !output.json {
            let text = if output.is_terminal { plain(&article.text, output.width) } else { article.text };
            return output.print(&text);
        }
        let layer = self.layer.map_or_else(String::new, |layer| layer.to_string());
        let annotations =
            if self.plain { Vec::new() } else { annotations(&client, name, layer.clone()).await? };
        if output.json {
            output.print_json(ARTICLE, &article, &[])?;
            for annotation in &annotations {
                output.print_json(ANNOTATION, annotation, &[])?;
            }
            return Ok(());
        }
        let has_bars = output.is_terminal || output.color;
        let marks = self.marks.unwrap_or(if has_bars { Marks::Bars } else { Marks::Brackets });
        let options = Options { marks, color: output.color, width: output.width };
        output.print(&page(&article, &annotations, &layer, &options))
    }
}

/// All annotations of the article, in the order of the text.
async fn annotations(client: &Client, parent: String, layer: String) -> Result<Vec<v1::Annotation>, Failure> {
    let mut request = v1::ListAnnotationsRequest {
        parent,
        layer,
        page_size: 1_000,
        ..v1::ListAnnotationsRequest::default()
    };
    let mut annotations = Vec::new();
    loop {
        let page = client.call(request.clone()).await?;
        annotations.extend(page.annotations);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(annotations);
        }
    }
}

/// The text alone, as a terminal may print it.
fn plain(text: &str, width: usize) -> String {
    render::text(text, &[], &Options { marks: Marks::Brackets, color: false, width })
}

/// The article's heading, its text with its spans (of one layer, unless that is empty), and its labels.
fn page(article: &v1::Article, annotations: &[v1::Annotation], layer: &str, options: &Options) -> String {
    let mentions: Vec<Mention> = annotations.iter().map(mention).collect();
    let text = render::text(&article.text, &mentions, options);
    let text = if text.is_empty() { "(the text is empty)\n".to_owned() } else { text };
    let legend = render::legend(&mentions, options);
    let gap = if legend.is_empty() { "" } else { "\n" };
    let within = if layer.is_empty() { String::new() } else { format!(" in layer {layer}") };
    let count = counted(annotations.len(), "annotation") + &within;
    format!("{}\n{text}{gap}{legend}", heading(article, &count, options))
}

fn heading(article: &v1::Article, annotations: &str, options: &Options) -> String {
    let (bold, dim) = if options.color {
        (anstyle::Style::new().bold(), anstyle::Style::new().dimmed())
    } else {
        (anstyle::Style::new(), anstyle::Style::new())
    };
    let v1::TextLength { utf8, utf16, code_points } = article.length.unwrap_or_default();
    let length = format!(
        "{} characters, {} utf16, {} utf8",
        thousands(code_points),
        thousands(utf16),
        thousands(utf8)
    );
    let counts = format!(
        "text revision {}, revision {}, {annotations}",
        article.text_revision,
        thousands(article.revision)
    );
    let about = [
        printable(&article.language),
        printable(&article.source_uri),
        format!("updated {}", moment(article.update_time)),
    ];
    let about: Vec<String> = about.into_iter().filter(|it| !it.is_empty()).collect();
    let title = printable(&article.title);
    let title = if title.is_empty() { title } else { format!("{bold}{title}{bold:#}\n") };
    let below = [printable(&article.name), format!("{length}; {counts}"), about.join("; ")];
    let below = below.map(|line| format!("{dim}{line}{dim:#}\n"));
    format!("{title}{}", below.concat())
}

fn mention(annotation: &v1::Annotation) -> Mention {
    let spans = match &annotation.target {
        Some(Target::Anchor(anchor)) => anchor.spans.as_slice(),
        Some(Target::Relation(_) | Target::Article(_)) | None => &[],
    };
    let byte = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    let ranges = spans.iter().filter_map(|span| span.utf8).map(|it| byte(it.start)..byte(it.end)).collect();
    Mention { label: annotation.label.clone(), layer: annotation.layer.clone(), ranges }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_article_is_shown_with_its_heading_its_spans_and_its_labels() {
        let article = v1::Article {
            name: "projects/p/articles/a".into(),
            title: "Tokyo\u{1b}".into(),
            text: "😀 Huawei".into(),
            language: "en".into(),
            text_revision: 1,
            length: Some(v1::TextLength { utf8: 11, utf16: 9, code_points: 8 }),
            revision: 1_234,
            update_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 5 }),
            ..v1::Article::default()
        };
        let span = v1::Span { utf8: Some(v1::Range { start: 5, end: 11 }), ..v1::Span::default() };
        let annotation = v1::Annotation {
            label: "ORG".into(),
            layer: "default".into(),
            target: Some(Target::Anchor(v1::Anchor { spans: vec![span] })),
            ..v1::Annotation::default()
        };
        let options = Options { marks: Marks::Brackets, color: false, width: 80 };
        assert_eq!(
            page(&article, &[annotation], "gold", &options),
            "Tokyo␛\nprojects/p/articles/a\n8 characters, 9 utf16, 11 utf8; text revision 1, revision 1,234, \
             1 annotation in layer gold\nen; updated 2023-11-14T22:13:20Z\n\n😀 [Huawei](ORG)\n\n ORG  1\n"
        );
    }
}
