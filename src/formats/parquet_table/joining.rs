//! Reads articles with their annotations from two tables, which are in the same order as a rule: then both are read once, some
//! rows at a time.

use std::collections::{HashMap, VecDeque};

use super::{
    annotation_rows::{AnnotationRow, Annotations, Said},
    article_rows::{ArticleRow, Articles},
    cells::Cells,
    project,
    table::{Batches, Table},
};
use crate::{
    domain::{
        Error,
        revisions::Timestamp,
        spans::{self, Empty, SpanRequest},
        text::{Text, TextRange, Unit},
    },
    formats::exchange::{
        AnnotationRecord, ArticleRecord, FileProblem, Kept, Record, Sink, Stopped, TargetRecord,
    },
    limits::PARQUET_UNORDERED_BYTES_MAX,
};

/// Reads a table of articles, whose path without its extension is `stem`, and the table of their annotations, if there is one.
pub(super) fn read(
    articles: &Table,
    stem: &str,
    annotations: Option<&Table>,
    sink: &mut dyn Sink,
) -> Result<(), Stopped> {
    let (records, problems) = articles.said(project::KEY).map(project::read).unwrap_or_default();
    for record in records {
        sink.record(record)?;
    }
    for problem in problems {
        sink.problem(FileProblem::invalid(&articles.path, 0, problem))?;
    }
    for table in std::iter::once(articles).chain(annotations) {
        if let Some(index) = table.index() {
            sink.loss("parquet: the index of a data frame", format!("{index} in {}", table.path));
        }
    }
    let known = match Articles::of(articles, stem) {
        Ok(known) => known,
        Err(message) => return sink.problem(FileProblem::invalid(&articles.path, 0, message)),
    };
    let source = match annotations {
        None => Ok(Source::None),
        Some(table) => Source::of(articles, table).map_err(|message| (table, message)),
    };
    let mut source = match source {
        Ok(source) => source,
        Err((table, message)) => return sink.problem(FileProblem::invalid(&table.path, 0, message)),
    };
    let batches = match articles.batches(None) {
        Ok(batches) => batches,
        Err(message) => return sink.problem(FileProblem::invalid(&articles.path, 0, message)),
    };
    let mut number = 1_u64;
    for batch in batches {
        let batch = match batch {
            Ok(batch) => batch,
            Err(message) => {
                let message = format!("row {number} and those after it cannot be read: {message}");
                return sink.problem(FileProblem::invalid(&articles.path, number, message));
            }
        };
        for row in known.rows(&batch, number) {
            number = number.saturating_add(1);
            let Some(rows) = source.take(&row.id) else {
                let message = source.broken(&row.id);
                return sink.problem(FileProblem::invalid(source.path(), 0, message));
            };
            article(row, rows, &articles.path, &source, sink)?;
        }
    }
    source.finish(sink)
}

/// Where annotations come from.
enum Source<'t> {
    /// There are none.
    None,
    /// A table in the order of its articles.
    InOrder(Rows<'t>),
    /// A table in another order: its rows by article.
    Grouped { path: &'t str, has_spans: bool, rows: HashMap<String, Vec<AnnotationRow>> },
}

/// The rows of a table of annotations, one after another.
struct Rows<'t> {
    path: &'t str,
    known: Annotations,
    batches: Batches,
    ready: VecDeque<AnnotationRow>,
    /// The number of the first row that is not ready yet.
    next: u64,
    broken: Option<String>,
}

impl<'t> Source<'t> {
    fn of(articles: &Table, table: &'t Table) -> Result<Self, String> {
        let (known, batches) = (Annotations::of(table)?, table.batches(None)?);
        let has_spans = known.has_spans;
        let mut rows =
            Rows { path: &table.path, known, batches, ready: VecDeque::new(), next: 1, broken: None };
        if is_in_order(articles, table)? {
            return Ok(Self::InOrder(rows));
        }
        let bytes = table.unpacked_bytes();
        if bytes > PARQUET_UNORDERED_BYTES_MAX {
            return Err(format!(
                "its rows are not in the order of the articles, and it is too large to be read so, with {bytes} bytes: at \
                 most {PARQUET_UNORDERED_BYTES_MAX} are allowed; sort both tables by the article's id"
            ));
        }
        let mut groups: HashMap<String, Vec<AnnotationRow>> = HashMap::new();
        while let Some(row) = rows.pop() {
            groups.entry(row.article.clone()).or_default().push(row);
        }
        match rows.broken {
            Some(message) => Err(format!("row {} and those after it cannot be read: {message}", rows.next)),
            None => Ok(Self::Grouped { path: &table.path, has_spans, rows: groups }),
        }
    }

    /// The rows of an article; none when they cannot be read.
    fn take(&mut self, article: &str) -> Option<Vec<AnnotationRow>> {
        match self {
            Self::None => Some(Vec::new()),
            Self::Grouped { rows, path: _, has_spans: _ } => Some(rows.remove(article).unwrap_or_default()),
            Self::InOrder(rows) => {
                let mut taken = Vec::new();
                while rows.peek().is_some_and(|row| row.article == article) {
                    taken.extend(rows.pop());
                }
                rows.broken.is_none().then_some(taken)
            }
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::None => "",
            Self::Grouped { path, has_spans: _, rows: _ } => path,
            Self::InOrder(rows) => rows.path,
        }
    }

    fn has_spans(&self) -> bool {
        match self {
            Self::None => false,
            Self::Grouped { has_spans, path: _, rows: _ } => *has_spans,
            Self::InOrder(rows) => rows.known.has_spans,
        }
    }

    /// What is said when the rows of this article cannot be read.
    fn broken(&self, article: &str) -> String {
        let (next, message) = match self {
            Self::InOrder(rows) => (rows.next, rows.broken.as_deref().unwrap_or_default()),
            Self::None | Self::Grouped { path: _, has_spans: _, rows: _ } => (0, ""),
        };
        format!(
            "row {next} and those after it cannot be read: {message}; so the article {article:?} and those after it are \
             left out"
        )
    }

    /// Refuses what belongs to no article.
    fn finish(self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let path = self.path().to_owned();
        let mut left: Vec<AnnotationRow> = match self {
            Self::None | Self::InOrder(_) => Vec::new(),
            Self::Grouped { rows, path: _, has_spans: _ } => rows.into_values().flatten().collect(),
        };
        left.sort_by_key(|row| row.number);
        for AnnotationRow { number, article, said: _ } in left {
            let message = format!("its article is {article:?}, which is not in the table of articles");
            sink.problem(FileProblem::invalid(&path, number, message))?;
        }
        Ok(())
    }
}

impl Rows<'_> {
    fn peek(&mut self) -> Option<&AnnotationRow> {
        while self.ready.is_empty() && self.broken.is_none() {
            match self.batches.next()? {
                Ok(batch) => {
                    self.ready.extend(self.known.rows(&batch, self.next));
                    let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                    self.next = self.next.saturating_add(rows);
                }
                Err(message) => self.broken = Some(message),
            }
        }
        self.ready.front()
    }

    fn pop(&mut self) -> Option<AnnotationRow> {
        self.peek()?;
        self.ready.pop_front()
    }
}

/// Whether annotations come in the order of their articles.
fn is_in_order(articles: &Table, annotations: &Table) -> Result<bool, String> {
    let mut ids = Names::of(articles, "id")?;
    let mut of = Names::of(annotations, "article")?;
    let mut current = None;
    while let Some(article) = of.next() {
        while current.as_ref() != Some(&article) {
            current = ids.next();
            if current.is_none() {
                // Of what cannot be read, neither: that is said where it is read.
                return Ok(ids.is_broken || of.is_broken);
            }
        }
    }
    Ok(true)
}

/// The names in one column.
struct Names {
    column: &'static str,
    batches: Batches,
    ready: VecDeque<String>,
    is_broken: bool,
}

impl Names {
    fn of(table: &Table, column: &'static str) -> Result<Self, String> {
        Ok(Self { column, batches: table.batches(Some(column))?, ready: VecDeque::new(), is_broken: false })
    }

    fn next(&mut self) -> Option<String> {
        while self.ready.is_empty() {
            let Ok(batch) = self.batches.next()? else {
                self.is_broken = true;
                return None;
            };
            let cells = Cells::of(&batch, self.column);
            let names = (0..batch.num_rows()).map(|row| cells.name(row).unwrap_or_default());
            self.ready.extend(names);
        }
        self.ready.pop_front()
    }
}

/// Passes on an article with the annotations in these rows.
fn article(
    row: ArticleRow,
    rows: Vec<AnnotationRow>,
    path: &str,
    source: &Source<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Stopped> {
    let ArticleRow { number, id: _, text_revision, lost, record } = row;
    for column in lost {
        sink.loss("parquet: a column that is not carried over", format!("{column} in row {number}"));
    }
    let mut record = match record {
        Ok(record) => record,
        Err(message) => return sink.problem(FileProblem::invalid(path, number, message)),
    };
    record.line = number;
    for annotation in &mut record.annotations {
        annotation.line = number;
    }
    if source.has_spans() {
        record.unit = Some(Unit::Utf8);
    }
    let mut texts = Texts::of(&record, text_revision);
    if texts.stated > texts.latest {
        sink.loss("older texts", record.id.clone());
    }
    let mut annotations = Vec::with_capacity(rows.len());
    for AnnotationRow { number, article: _, said } in rows {
        match said.and_then(|said| texts.annotation(*said)) {
            Ok(annotation) => annotations.push(annotation),
            Err(message) => sink.problem(FileProblem::invalid(source.path(), number, message))?,
        }
    }
    record.annotations.extend(annotations);
    sink.record(Record::Article(record))
}

/// The texts of an article, made when an annotation stands in them.
struct Texts<'r> {
    record: &'r ArticleRecord,
    /// The number of the text, as there are older ones, and as the table says it.
    latest: u32,
    stated: u32,
    made: HashMap<u32, Text>,
}

impl<'r> Texts<'r> {
    fn of(record: &'r ArticleRecord, stated: Option<u32>) -> Self {
        let latest = u32::try_from(record.older_texts.len()).unwrap_or(u32::MAX).saturating_add(1);
        Self { record, latest, stated: stated.unwrap_or(latest), made: HashMap::new() }
    }

    /// The annotation, if what its row says of its spans in all units is the same.
    fn annotation(&mut self, said: Said) -> Result<AnnotationRecord, String> {
        let Said { mut record, requests, text_revision, anchoring, times } = said;
        let revision = match text_revision {
            None => self.latest,
            Some(revision) if revision == self.stated => self.latest,
            Some(revision) if self.stated == self.latest => revision,
            Some(revision) => {
                return Err(format!("it stands in text {revision}, which is not in older_texts"));
            }
        };
        if self.record.unit == Some(Unit::Utf8)
            && let TargetRecord::Spans(spans) = &mut record.target
        {
            let missing = || format!("it stands in text {revision}, which is not there");
            let text = self.text(revision).ok_or_else(missing)?;
            for (index, (request, span)) in requests.iter().zip(&mut spans.spans).enumerate() {
                let within =
                    |error: Error| error.within(&format!("{}.spans[{index}]", record.id)).to_string();
                let range = place(text, request).map_err(within)?.utf8();
                span.range = Some((range.start.into(), range.end.into()));
            }
        }
        if text_revision.is_some() || anchoring.is_some() || times.is_some() {
            let times = times.unwrap_or((Timestamp(0), Timestamp(0)));
            record.kept = Some(Box::new(Kept { anchoring, text_revision: revision, times }));
        }
        Ok(record)
    }

    fn text(&mut self, revision: u32) -> Option<&Text> {
        let older = usize::try_from(revision.checked_sub(1)?).ok()?;
        let text = match self.record.older_texts.get(older) {
            Some(older) => &older.text,
            None => Some(&self.record.text).filter(|_| revision == self.latest)?,
        };
        Some(self.made.entry(revision).or_insert_with(|| Text::new(text.as_str())))
    }
}

/// The place that a row means, if what it says of it in all units is the same.
fn place(text: &Text, request: &SpanRequest) -> Result<TextRange, Error> {
    let at = |offset| text.position(Unit::Utf8, offset).ok();
    // As it is as a rule, and found soon.
    if let Some(utf8) = request.utf8
        && let Some((start, end)) = at(utf8.start).zip(at(utf8.end))
    {
        let range = TextRange { start, end };
        let is_all = start <= end
            && request.code_points.is_none_or(|sent| sent == range.code_points())
            && request.utf16.is_none_or(|sent| sent == range.utf16())
            && (request.quote.is_empty() || request.quote == text.slice(&range));
        if is_all {
            return Ok(range);
        }
    }
    spans::resolve(text, request, Empty::Allowed)
}
