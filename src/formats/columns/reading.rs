//! From rows to articles.

use std::collections::BTreeMap;

use super::{
    COLUMN, COLUMNS, COMMENTS, DOCUMENT, END, LINE_BREAK, META, NEWDOC_ID, SCHEME, TEXT,
    comments::{Comment, CommentOrder, put_metadata},
    documents::{Begins, Document, Numbered},
    layout::{Column, Layout, Separator},
    placing::{Form, Placed, TextBuilder, unescaped},
    rows::{SENTENCE, TOKEN},
    tags::{Scheme, Tag, runs},
};
use crate::{
    domain::{attributes::AttributeValue, ids::ArticleId, text::Unit},
    formats::exchange::{
        AnnotationRecord, ArticleRecord, FileProblem, Reader, Record, Sink, SourceFile, SpansRecord, Stopped,
        TargetRecord, article_id_of,
    },
};

/// Reads files of columns.
#[derive(Debug)]
pub(super) struct ColumnsReader;

/// What is known of a file.
#[derive(Debug)]
struct FileState {
    path: String,
    stem: String,
    layout: Option<Layout>,
    articles: u64,
}

impl Reader for ColumnsReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let mut state = FileState {
            path: file.path().to_owned(),
            stem: file.stem().to_owned(),
            layout: None,
            articles: 0,
        };
        let mut document = Document::default();
        let (mut line_break, mut breaks) = (None, 0_u32);
        while let Some(line) = file.next_line()? {
            let line = match line {
                Ok(line) => line,
                Err(problem) => {
                    document.is_broken = true;
                    sink.problem(problem)?;
                    continue;
                }
            };
            line_break = line_break.or(Some(line.ending));
            if line.text.is_empty() {
                document.end_block();
                breaks += 1;
                continue;
            }
            breaks = u32::from(!line.ending.is_empty());
            if let Some(next) = document.line(line.number, line.text) {
                state.article(std::mem::replace(&mut document, next), line_break, sink)?;
            }
        }
        let usual = if state.separator_of(&document) == Some(Separator::Bar) { 1 } else { 2 };
        if breaks != usual {
            document.form.insert(END.to_owned(), breaks.to_string());
        }
        state.article(document, line_break, sink)
    }

    fn finish(&mut self, _sink: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

impl FileState {
    fn separator_of(&self, document: &Document) -> Option<Separator> {
        match &self.layout {
            Some(layout) => Some(layout.separator),
            None => Layout::detected(&document.sure_rows()).ok().map(|layout| layout.separator),
        }
    }

    /// Tells of an article, or of all that is wrong with it.
    fn article(
        &mut self,
        mut document: Document,
        line_break: Option<&str>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        document.end_block();
        if !document.is_begun() {
            return Ok(());
        }
        self.articles += 1;
        if document.is_broken {
            return Ok(());
        }
        let known = match (&document.header, &self.layout) {
            (None, Some(layout)) => Ok(layout.clone()),
            (Some((line, names)), _) => {
                let rows = document.sure_rows().concat();
                Layout::declared(names, &rows).map_err(|message| (*line, message))
            }
            (None, None) => {
                let rows = document.sure_rows();
                if rows.is_empty() {
                    Ok(Layout::plain())
                } else {
                    let first = document.blocks.iter().flatten().find(|(_, text)| !text.starts_with('#'));
                    Layout::detected(&rows)
                        .map_err(|message| (first.map_or(document.line, |it| it.0), message))
                }
            }
        };
        let layout = match known {
            Ok(layout) => layout,
            Err((line, message)) => return sink.problem(FileProblem::invalid(&self.path, line, message)),
        };
        if document.header.is_some() || !document.sure_rows().is_empty() {
            self.layout = Some(layout.clone());
        }
        if line_break == Some("\r\n") {
            document.form.insert(LINE_BREAK.to_owned(), "crlf".to_owned());
        }
        let mut article = Article::new(&layout, &self.path);
        article.begins(&document, &self.stem, self.articles);
        let mut waiting: Vec<&Numbered> = Vec::new();
        for block in document.blocks.iter().flat_map(|block| layout.sentences(block)) {
            let (comments, rows): (Vec<&Numbered>, Vec<&Numbered>) =
                block.into_iter().partition(|(_, text)| layout.is_comment(text));
            waiting.extend(comments);
            if !rows.is_empty() {
                article.sentence(&std::mem::take(&mut waiting), &rows, sink);
            }
        }
        article.finish(&waiting, document.form, sink)
    }
}

impl Layout {
    /// A block by sentences: it is one, unless every line is.
    fn sentences<'b>(&self, block: &'b [Numbered]) -> Vec<Vec<&'b Numbered>> {
        match self.separator {
            Separator::Bar => block.iter().map(|line| vec![line]).collect(),
            Separator::Tab | Separator::Space => vec![block.iter().collect()],
        }
    }

    /// The rows of a sentence, by fields.
    fn rows<'b>(&self, rows: &[&'b Numbered]) -> Vec<(u64, Vec<&'b str>)> {
        let split = |line: u64, row: &'b str| (line, self.separator.split(row));
        match self.separator {
            Separator::Bar => {
                rows.iter().flat_map(|(line, row)| row.split(' ').map(|token| split(*line, token))).collect()
            }
            Separator::Tab | Separator::Space => rows.iter().map(|(line, row)| split(*line, row)).collect(),
        }
    }
}

/// An article that is made of its rows.
struct Article<'l> {
    layout: &'l Layout,
    path: &'l str,
    record: ArticleRecord,
    text: TextBuilder,
    order: CommentOrder,
    /// Tags of each sentence and column, as they stand, to be held against what will be written.
    tags: Vec<(u64, Vec<String>)>,
    sentences: u64,
    problems: Vec<FileProblem>,
}

impl<'l> Article<'l> {
    fn new(layout: &'l Layout, path: &'l str) -> Self {
        Self {
            layout,
            path,
            record: ArticleRecord {
                unit: Some(Unit::Utf8),
                source_uri: path.to_owned(),
                ..ArticleRecord::default()
            },
            text: TextBuilder::default(),
            order: CommentOrder::default(),
            tags: Vec::new(),
            sentences: 0,
            problems: Vec::new(),
        }
    }

    /// Says which article it is.
    fn begins(&mut self, document: &Document, stem: &str, number: u64) {
        self.record.path = self.path.to_owned();
        self.record.line = document.line;
        let numbered = || article_id_of(&format!("{stem}-{number}"));
        let (id, how) = match &document.begins {
            Some(Begins::Named(id)) if ArticleId::parse("id", id).is_ok() => (id.clone(), None),
            Some(Begins::Named(id)) => (article_id_of(id), Some(format!("newdoc id = {id}"))),
            Some(Begins::Newdoc) => (numbered(), Some("newdoc".to_owned())),
            Some(Begins::Docstart(line)) => (numbered(), Some(line.clone())),
            None => (article_id_of(stem), Some("none".to_owned())),
        };
        self.record.id = id;
        if let Some(how) = how {
            self.record.metadata.insert(DOCUMENT.to_owned(), how);
        }
    }

    fn problem(&mut self, line: u64, message: impl Into<String>) {
        self.problems.push(FileProblem::invalid(self.path, line, message));
    }

    fn sentence(&mut self, comments: &[&Numbered], rows: &[&Numbered], sink: &mut dyn Sink) {
        let line = comments.first().or(rows.first()).map_or(0, |(line, _)| *line);
        let comments: Vec<Comment<'_>> = comments.iter().map(|(_, text)| Comment::parse(text)).collect();
        let rows = self.layout.rows(rows);
        if !self.are_right(&rows) {
            return;
        }
        self.sentences += 1;
        let said = |key: &str| comments.iter().find(|it| it.key == key).and_then(|it| it.value);
        let is_first = self.sentences == 1;
        let usual = if is_first { "" } else { "\n" };
        let before = said("spaces_before").map_or(usual.to_owned(), unescaped);
        let escaped = said("text_escaped").map(unescaped);
        let stated = escaped.as_deref().or(said(TEXT));
        let forms = self.forms(&rows);
        let placed = self.text.sentence(&before, &forms, stated);
        if let Some(after) = said("spaces_after") {
            self.text.push(&unescaped(after));
        }
        let is_known = |key: &str| {
            ["text_escaped", "spaces_before", "spaces_after"].contains(&key)
                || (key == TEXT && placed.fits && escaped.is_none())
                || (is_first && (key.starts_with(META) || [NEWDOC_ID, "newdoc"].contains(&key)))
        };
        let attributes = self.order.attributes(&comments, &is_known);
        if is_first {
            for Comment { key, value } in comments.iter().filter(|it| it.key.starts_with(META)) {
                self.said_of_article(line, key, value.unwrap_or_default(), sink);
            }
        }
        self.annotation(line, SENTENCE, placed.sentence, attributes);
        self.tokens(&rows, &placed);
        self.spans(&rows, &placed);
    }

    fn said_of_article(&mut self, line: u64, key: &str, value: &str, sink: &mut dyn Sink) {
        if !put_metadata(&mut self.record, key, value) {
            sink.loss("conll: metadata beyond its limits", format!("{}:{line}: {key}", self.path));
        }
    }

    /// Whether all rows of a sentence are right; otherwise the problems say which are not.
    fn are_right(&mut self, rows: &[(u64, Vec<&str>)]) -> bool {
        let before = self.problems.len();
        let layout = self.layout;
        for (index, (line, cells)) in rows.iter().enumerate() {
            if cells.len() != layout.columns.len() {
                let (found, due) = (cells.len(), layout.columns.len());
                self.problem(*line, format!("has {found} columns; the rows of this file have {due}"));
                continue;
            }
            for (place, (column, cell)) in layout.columns.iter().zip(cells).enumerate() {
                let place = place + 1;
                match column {
                    Column::Id if *cell != (index + 1).to_string() => {
                        let due = index + 1;
                        self.problem(
                            *line,
                            format!("numbers its token {cell:?}; it is number {due} of its sentence"),
                        );
                    }
                    Column::Form if cell.is_empty() => {
                        self.problem(*line, format!("has no token in column {place}"));
                    }
                    Column::Tag(_) if Tag::parse(cell).is_none() => {
                        self.problem(
                            *line,
                            format!("has {cell:?} in column {place}; it must be O, or one of B I E S L U M, a hyphen and a label, such as B-PER"),
                        );
                    }
                    Column::Id | Column::Form | Column::Tag(_) | Column::Attribute(..) => {}
                }
            }
        }
        self.problems.len() == before
    }

    fn forms<'r>(&self, rows: &[(u64, Vec<&'r str>)]) -> Vec<Form<'r>> {
        let at = self.layout.columns.iter().position(|column| *column == Column::Form).unwrap_or_default();
        let form = |(_, cells): &(u64, Vec<&'r str>)| Form {
            form: cells.get(at).copied().unwrap_or_default(),
            after: " ",
        };
        rows.iter().map(form).collect()
    }

    fn annotation(
        &mut self,
        line: u64,
        label: &str,
        (start, end): (usize, usize),
        attributes: BTreeMap<String, AttributeValue>,
    ) {
        let offset = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
        let target = TargetRecord::Spans(SpansRecord::one(offset(start), offset(end), ""));
        let label = label.to_owned();
        self.record.annotations.push(AnnotationRecord {
            line,
            label,
            target,
            attributes,
            ..AnnotationRecord::default()
        });
    }

    fn tokens(&mut self, rows: &[(u64, Vec<&str>)], placed: &Placed) {
        let layout = self.layout;
        for ((line, cells), place) in rows.iter().zip(&placed.tokens) {
            let attributes = layout.columns.iter().zip(cells).filter_map(|(column, cell)| match column {
                Column::Attribute(_, Some(nothing)) if nothing == cell => None,
                Column::Attribute(name, _) => {
                    Some((name.clone(), AttributeValue::String((*cell).to_owned())))
                }
                Column::Id | Column::Form | Column::Tag(_) => None,
            });
            self.annotation(*line, TOKEN, *place, attributes.collect());
        }
    }

    fn spans(&mut self, rows: &[(u64, Vec<&str>)], placed: &Placed) {
        let layout = self.layout;
        for (column, name) in layout.tag_columns() {
            let cells: Vec<&str> = rows.iter().filter_map(|(_, cells)| cells.get(column).copied()).collect();
            let tags: Vec<Tag<'_>> = cells.iter().filter_map(|cell| Tag::parse(cell)).collect();
            for run in runs(&tags) {
                let first = placed.tokens.get(run.start).map_or(0, |place| place.0);
                let last = run
                    .end
                    .checked_sub(1)
                    .and_then(|last| placed.tokens.get(last))
                    .map_or(0, |place| place.1);
                let line = rows.get(run.start).map_or(0, |(line, _)| *line);
                let attributes = (!name.is_empty())
                    .then(|| (COLUMN.to_owned(), AttributeValue::String(name.to_owned())))
                    .into_iter()
                    .collect();
                self.annotation(line, run.label, (first, last), attributes);
            }
            if cells.iter().any(|cell| *cell != "O") {
                let line = rows.first().map_or(0, |(line, _)| *line);
                self.tags.push((line, cells.into_iter().map(str::to_owned).collect()));
            }
        }
    }

    /// Tells of the article, or of all that is wrong with it. `rest` are comments that no row comes after.
    fn finish(
        mut self,
        rest: &[&Numbered],
        form: BTreeMap<String, String>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        if !self.problems.is_empty() {
            return self.problems.into_iter().try_for_each(|problem| sink.problem(problem));
        }
        for (line, text) in rest {
            let comment = Comment::parse(text);
            match (comment.key, comment.value) {
                ("spaces_before", Some(spaces)) if self.sentences == 0 => self.text.push(&unescaped(spaces)),
                (NEWDOC_ID | "newdoc", _) if self.sentences == 0 => {}
                (key, value) if self.sentences == 0 && key.starts_with(META) => {
                    self.said_of_article(*line, key, value.unwrap_or_default(), sink);
                }
                (_, _) => {
                    sink.loss("conll: comments behind the last sentence", format!("{}:{line}", self.path));
                }
            }
        }
        let tags: Vec<Vec<Tag<'_>>> = self
            .tags
            .iter()
            .map(|(_, cells)| cells.iter().filter_map(|cell| Tag::parse(cell)).collect())
            .collect();
        let scheme = Scheme::of(tags.iter().map(Vec::as_slice));
        for ((line, _), tags) in self.tags.iter().zip(&tags) {
            let written = scheme.tags(&runs(tags), tags.len());
            for _ in tags.iter().zip(&written).filter(|(read, written)| read != written) {
                let example = format!("{}:{line}", self.path);
                sink.loss("conll: tags against their scheme, such as I- where something begins", example);
            }
        }
        let metadata = &mut self.record.metadata;
        metadata.extend(form);
        if scheme != Scheme::Iob2 {
            metadata.insert(SCHEME.to_owned(), scheme.name().to_owned());
        }
        if *self.layout != Layout::plain() {
            metadata.insert(COLUMNS.to_owned(), self.layout.as_string());
        }
        if self.sentences > 0 && !super::is_own_order(&self.order) {
            metadata.insert(COMMENTS.to_owned(), self.order.as_string());
        }
        self.record.text = self.text.finish();
        sink.record(Record::Article(Box::new(self.record)))
    }
}
