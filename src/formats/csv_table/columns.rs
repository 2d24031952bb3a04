//! Which column says what.

use std::collections::BTreeMap;

use super::rows::{Row, delimiter};

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Column {
    Article,
    Title,
    Language,
    SourceUri,
    Metadata,
    Unit,
    Text,
    Annotation,
    Layer,
    Label,
    Kind,
    Start,
    End,
    Quote,
    Arguments,
    Attributes,
    Note,
    Score,
    State,
    DerivedFrom,
}

/// All columns in order, with what they are called here first, and then by others.
pub(super) const COLUMNS: [(Column, &[&str]); 20] = [
    (Column::Article, &["article", "article_id", "document_id", "doc_id", "document", "doc"]),
    (Column::Title, &["title"]),
    (Column::Language, &["language"]),
    (Column::SourceUri, &["source_uri"]),
    (Column::Metadata, &["metadata"]),
    (Column::Unit, &["unit"]),
    (Column::Text, &["text", "content", "data", "column_data"]),
    (Column::Annotation, &["annotation", "annotation_id"]),
    (Column::Layer, &["layer"]),
    (Column::Label, &["label", "column_label", "labels", "category", "tag"]),
    (Column::Kind, &["kind"]),
    (Column::Start, &["start", "start_offset", "begin", "start_char"]),
    (Column::End, &["end", "end_offset", "stop", "end_char"]),
    (Column::Quote, &["quote", "covered_text", "mention"]),
    (Column::Arguments, &["arguments"]),
    (Column::Attributes, &["attributes"]),
    (Column::Note, &["note"]),
    (Column::Score, &["score"]),
    (Column::State, &["state"]),
    (Column::DerivedFrom, &["derived_from"]),
];

/// What may be an article's id or an annotation's.
const ID: &str = "id";

/// The header that is written.
pub(super) fn header() -> String {
    let names: Vec<_> = COLUMNS.iter().filter_map(|(_, names)| names.first().copied()).collect();
    names.join(",")
}

/// What the columns of a table say.
#[derive(Debug)]
pub(super) struct Header {
    /// How many there are.
    pub(super) count: usize,
    places: BTreeMap<Column, usize>,
    /// Columns that nothing is known of, by name.
    pub(super) others: Vec<(usize, String)>,
}

impl Header {
    /// What the first row says.
    pub(super) fn of(row: &Row) -> Self {
        Self::of_names(&(0..row.len()).map(|place| row.cell(place)).collect::<Vec<_>>())
    }

    /// What the first line seems to say, to guess a format by it.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let line = line.trim_start_matches('\u{feff}').trim_end_matches('\r');
        let delimiter = char::from(delimiter(line.as_bytes()));
        let names: Vec<_> = line.split(delimiter).map(|name| name.trim_matches('"')).collect();
        (names.len() > 1).then(|| Self::of_names(&names))
    }

    fn of_names(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| name.trim()).collect();
        let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
        let places = COLUMNS.iter().filter_map(|(column, names)| {
            let found = names.iter().find_map(|name| place(name))?;
            Some((*column, found))
        });
        let mut places: BTreeMap<_, _> = places.collect();
        if let Some(id) = place(ID) {
            let column =
                if places.contains_key(&Column::Article) { Column::Annotation } else { Column::Article };
            places.entry(column).or_insert(id);
        }
        let is_known = |place: &usize| places.values().any(|known| known == place);
        let others = names.iter().enumerate().filter(|(place, _)| !is_known(place));
        let others = others.map(|(place, name)| (place, (*name).to_owned())).collect();
        Self { count: names.len(), places, others }
    }

    /// Whether there is such a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.places.contains_key(&column)
    }

    /// What a row says in a column; nothing where there is none.
    pub(super) fn cell<'r>(&self, row: &'r Row, column: Column) -> &'r str {
        self.places.get(&column).map_or("", |place| row.cell(*place))
    }

    /// Whether a row is an annotation rather than an article.
    pub(super) fn has_spans(&self) -> bool {
        [Column::Start, Column::Quote, Column::Kind].into_iter().any(|column| self.has(column))
    }

    /// What is wrong with a header.
    pub(super) fn missing(&self) -> Option<String> {
        let names = |column: Column| {
            let names =
                COLUMNS.iter().find(|(it, _)| *it == column).map_or([].as_slice(), |(_, names)| names);
            names.join(", ")
        };
        if !self.has(Column::Text) {
            return Some(format!("no column is the text: call one of them one of {}", names(Column::Text)));
        }
        match (self.has(Column::Start), self.has(Column::End)) {
            (true, false) => Some(format!("no column says where spans end: one of {}", names(Column::End))),
            (false, true) => {
                Some(format!("no column says where spans start: one of {}", names(Column::Start)))
            }
            (true, true) | (false, false) => None,
        }
    }
}
