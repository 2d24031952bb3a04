//! Commits as people read them: a line a change, under each other.
//!
//! ```text
//!     7  2026-11-25T16:49:49Z  +  annotation move/0190163d…ad91  PER         Zoë Müller
//!     8  2026-11-25T16:50:02Z  ~  annotation move/0190163d…ad91  PER → ORG   Zoë Müller
//!     9  2026-11-25T16:51:40Z  −  article move                               move.txt  with its annotations
//! ```

use anstyle::{AnsiColor, Style};

use super::{
    render::{self, columns_of, printable, shortened},
    table::{counted, moment, thousands},
};
use crate::{
    domain::ids::LayerId,
    proto::v1::{self, annotation::Target, resource::Kind},
};

/// The message's name in the API.
pub(super) const CHANGES: &str = "spandrel.v1.Changes";
/// What changes leave out of their articles.
pub(super) const NOT_SENT: &[&str] = &["article.text"];

/// Columns of a label.
const LABEL_COLUMNS_MAX: usize = 24;
/// Columns of a quote or a title.
const TEXT_COLUMNS_MAX: usize = 48;
/// Columns of a revision before the columns beside it have to move.
const REVISION_COLUMNS_MIN: usize = 5;
/// Digits that are left of an annotation's id: those of its time, and some that are random, since many are made in one
/// minute.
const ID_START: usize = 8;
const ID_END: usize = 4;

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
        let rows = changes.iter().map(|change| {
            let mut row = changed(change);
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
            };
            let (label, labelled, text) = standing(kind);
            let row = Row { mark: Mark::There, what: what(name), label, labelled, text, aside: Vec::new() };
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

/// What a change did.
fn changed(change: &v1::Change) -> Row {
    let v1::Change { name, before, after, cascaded } = change;
    let before = before.as_ref().and_then(|resource| resource.kind.as_ref());
    let after = after.as_ref().and_then(|resource| resource.kind.as_ref());
    let mark = match (before, after) {
        (None, _) => Mark::Created,
        (Some(_), Some(_)) => Mark::Changed,
        (Some(_), None) => Mark::Deleted,
    };
    let (label, labelled, text) = match (before, after) {
        (Some(Kind::Annotation(before)), Some(Kind::Annotation(after))) => annotation(before, after),
        (Some(Kind::Article(before)), Some(Kind::Article(after))) => untitled(article(before, after)),
        (Some(Kind::Project(before)), Some(Kind::Project(after))) => untitled(project(before, after)),
        (_, Some(kind)) | (Some(kind), None) => standing(kind),
        (None, None) => untitled(String::new()),
    };
    let mut aside = Vec::new();
    if *cascaded {
        let with = if name.contains("/annotations/") { "with its article" } else { "with its annotations" };
        aside.push(with.to_owned());
    }
    Row { mark, what: what(name), label, labelled, text, aside }
}

/// What a resource is: its kind, and what tells it from others of its project.
fn what(name: &str) -> String {
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["projects", _] => "project".to_owned(),
        ["projects", _, "labelSchema"] => "label schema".to_owned(),
        ["projects", _, "articles", article] => format!("article {}", printable(article)),
        ["projects", _, "articles", article, "annotations", id] => {
            let (start, end) = (id.get(..ID_START), id.get(id.len().saturating_sub(ID_END)..));
            let id = match (start, end) {
                (Some(start), Some(end)) if id.len() > ID_START + ID_END => format!("{start}…{end}"),
                _ => (*id).to_owned(),
            };
            printable(&format!("annotation {article}/{id}"))
        }
        _ => printable(name),
    }
}

fn untitled(text: String) -> (String, String, String) {
    (String::new(), String::new(), text)
}

/// A resource that is created, there, or deleted.
fn standing(kind: &Kind) -> (String, String, String) {
    match kind {
        Kind::Project(project) => untitled(shortened(&project.display_name, TEXT_COLUMNS_MAX)),
        Kind::Article(article) => untitled(shortened(&article.title, TEXT_COLUMNS_MAX)),
        Kind::LabelSchema(schema) => untitled(counted(schema.labels.len(), "label")),
        Kind::Annotation(annotation) => {
            let labelled = shortened(&annotation.label, LABEL_COLUMNS_MAX) + &layer(annotation);
            (annotation.label.clone(), labelled, quoted(annotation))
        }
    }
}

/// The layer, unless it is the one that needs no name.
fn layer(annotation: &v1::Annotation) -> String {
    match annotation.layer.as_str() {
        LayerId::DEFAULT => String::new(),
        layer => format!("@{}", shortened(layer, LABEL_COLUMNS_MAX)),
    }
}

/// What an annotation stands on, or where if that is not told.
fn quoted(annotation: &v1::Annotation) -> String {
    let spans = spans(annotation);
    if spans.iter().all(|span| span.quote.is_empty()) {
        return ranges(annotation);
    }
    let quotes: Vec<_> = spans.iter().map(|span| span.quote.as_str()).collect();
    shortened(&quotes.join(" … "), TEXT_COLUMNS_MAX)
}

fn spans(annotation: &v1::Annotation) -> &[v1::Span] {
    match &annotation.target {
        Some(Target::Anchor(anchor)) => &anchor.spans,
        Some(Target::Relation(_) | Target::Article(_)) | None => &[],
    }
}

/// `code points 3..9`; nothing for what stands on no span.
fn ranges(annotation: &v1::Annotation) -> String {
    let ranges = spans(annotation).iter().filter_map(|span| span.code_points);
    let ranges: Vec<_> = ranges.map(|range| format!("{}..{}", range.start, range.end)).collect();
    if ranges.is_empty() { String::new() } else { format!("code points {}", ranges.join(", ")) }
}

/// An annotation that was changed: its labels and its places where they are others.
fn annotation(before: &v1::Annotation, after: &v1::Annotation) -> (String, String, String) {
    let mut label = shortened(&after.label, LABEL_COLUMNS_MAX);
    if before.label != after.label {
        label = format!("{} → {label}", shortened(&before.label, LABEL_COLUMNS_MAX));
    }
    let moved = ranges(before) != ranges(after);
    let mut text = quoted(after);
    if moved && text != ranges(after) {
        let to = ranges(after);
        text = format!("{text}  {} → {}", ranges(before), to.trim_start_matches("code points "));
    } else if moved {
        text = format!("{} → {}", ranges(before), text.trim_start_matches("code points "));
    }
    (after.label.clone(), label + &layer(after), text)
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
