//! From an article to its rows.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use serde_json::{Map, Value, json};

use super::{
    super::exchange::{
        ArticleContents, LocalId, Output, ProjectContents, Writer, count_losses, count_project_losses,
        in_file_order, value_of,
    },
    ARTICLE, FACTS, RELATION, SEPARATOR, SPAN, STATES,
    columns::{COLUMNS, Column, header},
};
use crate::domain::{
    annotations::{Annotation, Argument, Mention, Target},
    articles::ArticleDetails,
    ids::AnnotationId,
    text::{Text, Unit},
};

/// Writes a row an annotation.
#[derive(Debug)]
pub(super) struct CsvWriter {
    unit: Unit,
    path: String,
}

/// A row, by what its columns say.
type Cells = HashMap<Column, String>;

/// What ends a row.
const ROW_END: &str = "\r\n";

impl CsvWriter {
    pub(super) fn new(unit: Unit) -> Self {
        Self { unit, path: String::new() }
    }
}

impl Writer for CsvWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        self.path = format!("{}.csv", project.id);
        count_project_losses(project, FACTS.carries, output);
        output.write(&self.path, [header().as_str(), ROW_END].concat().as_bytes())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let kept: HashSet<_> =
            count_losses(article, FACTS.carries, output).iter().map(|annotation| annotation.id).collect();
        let annotations = in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id));
        let annotations: Vec<_> = annotations.collect();
        let names = names(&annotations);
        let mut rows = String::new();
        let mut cells = self.of_article(article);
        for annotation in &annotations {
            self.add_annotation(annotation, &article.text, &names, &mut cells);
            add_row(&cells, &mut rows);
            cells = Cells::from([(Column::Article, article.id.to_string())]);
        }
        if annotations.is_empty() {
            add_row(&cells, &mut rows);
        }
        output.write(&self.path, rows.as_bytes())
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(&self.path)
    }
}

impl CsvWriter {
    fn of_article(&self, article: &ArticleContents) -> Cells {
        let ArticleDetails { title, language, source_uri, metadata } = &article.details;
        let metadata: Map<_, _> = metadata.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        Cells::from([
            (Column::Article, article.id.to_string()),
            (Column::Title, title.clone()),
            (Column::Language, language.clone()),
            (Column::SourceUri, source_uri.clone()),
            (Column::Metadata, object(metadata)),
            (Column::Unit, self.unit.to_string()),
            (Column::Text, article.text.as_str().to_owned()),
        ])
    }

    fn add_annotation(
        &self,
        annotation: &Annotation,
        text: &Text,
        names: &HashMap<AnnotationId, String>,
        cells: &mut Cells,
    ) {
        let Annotation {
            id,
            layer,
            label,
            target,
            attributes,
            note,
            score,
            state,
            derived_from,
            anchoring: _,
            text_revision: _,
            revision: _,
            create_time: _,
            update_time: _,
        } = annotation;
        let name = |id: &AnnotationId| names.get(id).cloned().unwrap_or_else(|| id.to_string());
        let kind = match target {
            Target::Spans(mention) => {
                self.add_spans(mention, text, cells);
                SPAN
            }
            Target::Relation(relation) => {
                let argument = |Argument { role, annotation }: &Argument| json!({"role": role, "annotation": name(annotation)});
                let arguments = relation.arguments.iter().map(argument).collect();
                cells.insert(Column::Arguments, Value::Array(arguments).to_string());
                RELATION
            }
            Target::Article => ARTICLE,
        };
        let state = STATES.iter().find(|(_, other)| other == state).map_or("", |(word, _)| word);
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), value_of(value)));
        let derived_from: Vec<_> = derived_from.iter().map(ToString::to_string).collect();
        cells.extend([
            (Column::Annotation, name(id)),
            (Column::Layer, layer.to_string()),
            (Column::Label, label.to_string()),
            (Column::Kind, kind.to_owned()),
            (Column::Attributes, object(attributes.collect())),
            (Column::Note, note.clone()),
            (Column::Score, score.map_or(String::new(), |score| score.to_string())),
            (Column::State, state.to_owned()),
            (Column::DerivedFrom, derived_from.join(SEPARATOR)),
        ]);
    }

    fn add_spans(&self, mention: &Mention, text: &Text, cells: &mut Cells) {
        let spans = mention.anchor.spans();
        let starts: Vec<_> = spans.iter().map(|span| span.start.in_unit(self.unit).to_string()).collect();
        let ends: Vec<_> = spans.iter().map(|span| span.end.in_unit(self.unit).to_string()).collect();
        let covered: Vec<_> = spans.iter().map(|span| text.slice(span)).collect();
        cells.insert(Column::Start, starts.join(SEPARATOR));
        cells.insert(Column::End, ends.join(SEPARATOR));
        cells.insert(Column::Quote, covered.join(" "));
    }
}

/// What annotations are called: what the file that they came from called them, unless another one is called that; or their
/// ids.
fn names(annotations: &[&Annotation]) -> HashMap<AnnotationId, String> {
    let mut taken = HashSet::with_capacity(annotations.len());
    let name = |annotation: &&Annotation| {
        let local = LocalId::of(annotation.id).map(|name| name.to_string());
        let local = local.filter(|name| taken.insert(name.clone()));
        (annotation.id, local.unwrap_or_else(|| annotation.id.to_string()))
    };
    annotations.iter().map(name).collect()
}

/// An object as JSON; nothing for an empty one.
fn object(object: Map<String, Value>) -> String {
    if object.is_empty() { String::new() } else { Value::Object(object).to_string() }
}

fn add_row(cells: &Cells, rows: &mut String) {
    for (place, (column, _)) in COLUMNS.iter().enumerate() {
        if place > 0 {
            rows.push(',');
        }
        let cell = cells.get(column).map_or("", String::as_str);
        if cell.contains([',', '"', '\r', '\n']) {
            rows.push('"');
            rows.push_str(&cell.replace('"', "\"\""));
            rows.push('"');
        } else {
            rows.push_str(cell);
        }
    }
    rows.push_str(ROW_END);
}
