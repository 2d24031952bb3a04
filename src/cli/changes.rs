//! Commits as people read them: a line a change, under each other.
//!
//! ```text
//!     7  2026-11-25T16:49:49Z  +  annotation move/0190163d…ad91  PER         Zoë Müller
//!     8  2026-11-25T16:50:02Z  ~  annotation move/0190163d…ad91  PER → ORG   Zoë Müller
//!     9  2026-11-25T16:51:40Z  ~  annotation move/0190163d…ad91  ORG         Zoë Müller  state suggested → accepted
//!    10  2026-11-25T16:51:58Z  +  layer move/gold                            submitted
//!    11  2026-11-25T16:52:03Z  −  article move                               move.txt  with its annotations
//! ```

mod annotations;
mod layers;

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};

use super::{
    render::{self, columns_of, printable, shortened},
    table::{counted, moment, thousands},
    wording::{self, TEXT_COLUMNS_MAX},
};
use crate::proto::v1::{self, resource::Kind};

/// The message's name in the API.
pub(super) const CHANGES: &str = "spandrel.v1.Changes";
/// What changes leave out of their articles.
pub(super) const NOT_SENT: &[&str] = &["article.text"];

/// Columns of a revision before the columns beside it have to move.
const REVISION_COLUMNS_MIN: usize = 5;
/// Writes lines; none has narrower columns than those before it.
#[derive(Debug)]
pub(super) struct Lines {
    color: bool,
    revision: usize,
    what: usize,
    label: usize,
}

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Nothing: it is there.
    There,
    Created,
    Changed,
    Deleted,
}

/// What a resource says, or what of it was changed.
#[derive(Debug, Default)]
struct Said {
    label: String,
    labelled: String,
    text: String,
    aside: Vec<String>,
}

/// What the annotations of a commit stand on, by their names.
type Quotes<'c> = HashMap<&'c str, String>;

/// What a line says of a resource.
#[derive(Debug)]
struct Row {
    mark: Mark,
    what: String,
    /// The label that has the colour.
    label: String,
    /// The label as it is shown.
    labelled: String,
    /// What is quoted or titled.
    text: String,
    aside: Vec<String>,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::There => "=",
            Self::Created => "+",
            Self::Changed => "~",
            Self::Deleted => "−",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::There => Style::new(),
            Self::Created => AnsiColor::Green.on_default(),
            Self::Changed => AnsiColor::Yellow.on_default(),
            Self::Deleted => AnsiColor::Red.on_default(),
        }
    }
}

impl Lines {
    /// No lines yet.
    pub(super) fn new(color: bool) -> Self {
        Self { color, revision: REVISION_COLUMNS_MIN, what: 0, label: 0 }
    }

    /// A commit.
    pub(super) fn commit(&mut self, commit: &v1::Changes) -> String {
        let v1::Changes {
            revision,
            commit_time,
            actor: _,
            request_id: _,
            changes,
            continued: _,
            undone_revision,
        } = commit;
        self.changes(*revision, *commit_time, changes, *undone_revision)
    }

    /// What a commit did that undid another, if it did.
    pub(super) fn changes(
        &mut self,
        revision: u64,
        time: Option<prost_types::Timestamp>,
        changes: &[v1::Change],
        undone: u64,
    ) -> String {
        let quotes = quotes(changes);
        let rows = changes.iter().map(|change| {
            let mut row = changed(change, &quotes);
            if undone != 0 {
                row.aside.push(format!("undoes {}", thousands(undone)));
            }
            (thousands(revision), moment(time), row)
        });
        self.lines(rows.collect())
    }

    /// What there is.
    pub(super) fn snapshot(&mut self, snapshot: &v1::Snapshot) -> String {
        let rows = snapshot.resources.iter().filter_map(|resource| {
            let kind = resource.kind.as_ref()?;
            let (name, revision, time) = match kind {
                Kind::Project(it) => (&it.name, it.revision, it.update_time),
                Kind::Article(it) => (&it.name, it.revision, it.update_time),
                Kind::Annotation(it) => (&it.name, it.revision, it.update_time),
                Kind::LabelSchema(it) => (&it.name, it.revision, it.update_time),
                Kind::Layer(it) => (&it.name, it.revision, it.update_time),
                Kind::ArticleLayer(it) => (&it.name, it.revision, it.submit_time),
            };
            let Said { label, labelled, text, aside } = standing(kind, &HashMap::new());
            let row = Row { mark: Mark::There, what: what(name), label, labelled, text, aside };
            Some((thousands(revision), moment(time), row))
        });
        self.lines(rows.collect())
    }

    fn lines(&mut self, rows: Vec<(String, String, Row)>) -> String {
        for (revision, _, row) in &rows {
            self.revision = self.revision.max(revision.len());
            self.what = self.what.max(columns_of(&row.what));
            self.label = self.label.max(columns_of(&row.labelled));
        }
        rows.into_iter().map(|(revision, time, row)| self.line(&revision, &time, &row)).collect()
    }

    fn line(&self, revision: &str, time: &str, row: &Row) -> String {
        let Row { mark, what, label, labelled, text, aside } = row;
        let styled = |style: Style, text: &str| {
            if self.color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
        };
        let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(columns_of(text)));
        let dim = Style::new().dimmed();
        let cells = [
            pad(revision, self.revision) + revision,
            styled(dim, time),
            styled(mark.style(), mark.sign()),
            what.clone() + &pad(what, self.what),
            styled(render::label(label), labelled) + &pad(labelled, self.label),
            text.clone(),
            styled(dim, &aside.join("  ")),
        ];
        let mut line = cells.join("  ");
        line.truncate(line.trim_end().len());
        line + "\n"
    }
}

/// What the annotations that were created or changed stand on: relations of the same commit are about them.
fn quotes(changes: &[v1::Change]) -> Quotes<'_> {
    let mut quotes = HashMap::new();
    for change in changes {
        let kind = change.after.as_ref().or(change.before.as_ref()).and_then(|it| it.kind.as_ref());
        if let Some(Kind::Annotation(annotation)) = kind {
            let quote = wording::quoted(annotation, wording::LABEL_COLUMNS_MAX);
            if !quote.is_empty() {
                quotes.insert(change.name.as_str(), quote);
            }
        }
    }
    quotes
}

/// What a change did.
fn changed(change: &v1::Change, quotes: &Quotes<'_>) -> Row {
    let v1::Change { name, before, after, cascaded } = change;
    let before = before.as_ref().and_then(|resource| resource.kind.as_ref());
    let after = after.as_ref().and_then(|resource| resource.kind.as_ref());
    let mark = match (before, after) {
        (None, _) => Mark::Created,
        (Some(_), Some(_)) => Mark::Changed,
        (Some(_), None) => Mark::Deleted,
    };
    let said = match (before, after) {
        (Some(Kind::Annotation(before)), Some(Kind::Annotation(after))) => {
            annotations::changed(before, after, quotes)
        }
        (Some(Kind::Article(before)), Some(Kind::Article(after))) => untitled(article(before, after)),
        (Some(Kind::Project(before)), Some(Kind::Project(after))) => untitled(project(before, after)),
        (Some(Kind::Layer(before)), Some(Kind::Layer(after))) => layers::changed(before, after),
        (before, Some(Kind::ArticleLayer(after))) => untitled(layers::moved(before.is_some(), after)),
        (Some(Kind::ArticleLayer(_)), None) => untitled(layers::NEVER_SUBMITTED.to_owned()),
        (_, Some(kind)) | (Some(kind), None) => standing(kind, quotes),
        (None, None) => Said::default(),
    };
    let Said { label, labelled, text, mut aside } = said;
    if *cascaded {
        let of_article = name.contains("/annotations/") || name.contains("/layers/");
        let with = match (of_article, after) {
            (false, _) => "with its annotations",
            (true, Some(_)) => "with its article",
            (true, None) => "with what it used",
        };
        aside.push(with.to_owned());
    }
    Row { mark, what: what(name), label, labelled, text, aside }
}

/// What a resource is: its kind, and what tells it from others of its project.
fn what(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["projects", _] => "project".to_owned(),
        ["projects", _, "labelSchema"] => "label schema".to_owned(),
        ["projects", _, "layers", layer] => format!("layer {}", printable(layer)),
        ["projects", _, "articles", article] => format!("article {}", printable(article)),
        ["projects", _, "articles", article, "layers", layer] => {
            printable(&format!("layer {article}/{layer}"))
        }
        ["projects", _, "articles", article, "annotations", id] => {
            format!("annotation {}/{}", printable(article), wording::short_id(id))
        }
        _ => printable(name),
    }
}

fn untitled(text: String) -> Said {
    Said { text, ..Said::default() }
}

/// A resource that is created, there, or deleted.
fn standing(kind: &Kind, quotes: &Quotes<'_>) -> Said {
    match kind {
        Kind::Project(project) => untitled(shortened(&project.display_name, TEXT_COLUMNS_MAX)),
        Kind::Article(article) => untitled(shortened(&article.title, TEXT_COLUMNS_MAX)),
        Kind::LabelSchema(schema) => untitled(counted(schema.labels.len(), "label")),
        Kind::Layer(layer) => layers::standing(layer),
        Kind::ArticleLayer(layer) => untitled(wording::layer_state(layer.state()).to_owned()),
        Kind::Annotation(annotation) => annotations::standing(annotation, quotes),
    }
}

/// An article that was changed: its titles if they are others, and which of its fields are.
fn article(before: &v1::Article, after: &v1::Article) -> String {
    let title = renamed(&before.title, &after.title);
    let fields = [
        ("text", before.text_revision != after.text_revision),
        ("language", before.language != after.language),
        ("source URI", before.source_uri != after.source_uri),
        ("metadata", before.metadata != after.metadata),
    ];
    with_fields(title, &fields)
}

/// A project that was changed, likewise.
fn project(before: &v1::Project, after: &v1::Project) -> String {
    let name = renamed(&before.display_name, &after.display_name);
    let fields = [
        ("description", before.description != after.description),
        ("metadata", before.metadata != after.metadata),
    ];
    with_fields(name, &fields)
}

fn renamed(before: &str, after: &str) -> String {
    let (old, new) = (shortened(before, TEXT_COLUMNS_MAX), shortened(after, TEXT_COLUMNS_MAX));
    if before == after { new } else { format!("{old} → {new}").trim().to_owned() }
}

fn with_fields(title: String, fields: &[(&str, bool)]) -> String {
    let fields: Vec<_> = fields.iter().filter(|(_, changed)| *changed).map(|(field, _)| *field).collect();
    match (title.is_empty(), fields.is_empty()) {
        (_, true) => title,
        (true, false) => format!("other {}", fields.join(", ")),
        (false, false) => format!("{title}  other {}", fields.join(", ")),
    }
}

#[cfg(test)]
mod tests;
