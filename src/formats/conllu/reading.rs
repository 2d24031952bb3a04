//! From words to articles.

use std::collections::BTreeMap;

use super::{
    COMMENTS, DEPENDENT, DEPS, DOCUMENT, EMPTY_NODE, ENTITY, HEAD, MULTIWORD, TAGS, WORD,
    documents::{Begins, Document, Numbered},
    entities::EntityFields,
    fields::{self, NOTHING, SPACE_AFTER, SPACES_AFTER, SPACES_BEFORE, attributes_of, is_misc_key, misc_of},
    tagged::Tagging,
    units::{Row, Unit, rows_of, units_of},
};
use crate::{
    domain::{attributes::AttributeValue, ids::ArticleId, text},
    formats::{
        columns::{
            META, NEWDOC_ID, TEXT,
            comments::{Comment, CommentOrder, put_metadata},
            placing::{Form, Placed, TextBuilder, fit, unescaped},
            rows::{SENTENCE, TOKEN},
        },
        exchange::{
            AnnotationRecord, ArticleRecord, FileProblem, Reader, Record, Sink, SourceFile, SpanRecord,
            SpansRecord, Stopped, TargetRecord, article_id_of,
        },
    },
};

/// Reads CoNLL-U.
#[derive(Debug)]
pub(super) struct ConlluReader;

impl Reader for ConlluReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let (path, stem) = (file.path().to_owned(), file.stem().to_owned());
        let mut document = Document::default();
        // Some files name the fields of mentions once, before their first document.
        let mut state = FileState { path, stem, articles: 0, entity: None };
        while let Some(line) = file.next_line()? {
            let line = match line {
                Ok(line) => line,
                Err(problem) => {
                    document.is_broken = true;
                    sink.problem(problem)?;
                    continue;
                }
            };
            if let Some(next) = document.line(line.number, line.text) {
                let ended = std::mem::replace(&mut document, next);
                article(&mut state, ended, sink)?;
            }
        }
        article(&mut state, document, sink)
    }

    fn finish(&mut self, _sink: &mut dyn Sink) -> Result<(), Stopped> {
        Ok(())
    }
}

/// What is known of a file.
struct FileState {
    path: String,
    stem: String,
    articles: u64,
    /// The fields of mentions.
    entity: Option<String>,
}

/// Tells of an article, or of all that is wrong with it.
fn article(state: &mut FileState, mut document: Document, sink: &mut dyn Sink) -> Result<(), Stopped> {
    document.end_sentence();
    if document.begins.is_none() && document.sentences.is_empty() {
        return Ok(());
    }
    state.articles += 1;
    if document.is_broken {
        return Ok(());
    }
    let first = document.sentences.first().into_iter().flat_map(|(comments, _)| comments);
    let named = first.map(|(_, text)| Comment::parse(text)).find(|comment| comment.key == "global.Entity");
    if let Some(named) = named.and_then(|comment| comment.value) {
        state.entity = Some(named.to_owned());
    }
    let mut article = Article::new(state, &document);
    for (comments, words) in &document.sentences {
        article.sentence(comments, words, sink)?;
    }
    article.finish(&document.comments, sink)
}

/// Where words are, by their rows, and what they are called.
pub(super) type Places = BTreeMap<usize, (usize, usize, String)>;

/// An article that is made of its words.
pub(super) struct Article<'p> {
    pub(super) path: &'p str,
    record: ArticleRecord,
    text: TextBuilder,
    order: CommentOrder,
    pub(super) fields: EntityFields,
    sentences: u64,
    words: u64,
    /// What stands behind the last sentence, if the file says that.
    after: Option<String>,
    /// The annotation of the last word, or of the last multiword token.
    last: usize,
    /// Whether DEPS repeats HEAD and DEPREL; none before the first word.
    deps_repeat: Option<bool>,
    /// How words are tagged in MISC, if they are.
    pub(super) tagging: Option<Tagging>,
    problems: Vec<FileProblem>,
}

impl<'p> Article<'p> {
    fn new(state: &'p FileState, document: &Document) -> Self {
        let FileState { path, stem, articles: number, entity } = state;
        let mut record = ArticleRecord {
            path: path.clone(),
            line: document.line,
            unit: Some(text::Unit::Utf8),
            source_uri: path.clone(),
            ..ArticleRecord::default()
        };
        let (id, how) = match &document.begins {
            Some(Begins::Named(id)) if ArticleId::parse("id", id).is_ok() => (id.clone(), None),
            Some(Begins::Named(id)) => (article_id_of(id), Some(format!("newdoc id = {id}"))),
            Some(Begins::Newdoc) => (article_id_of(&format!("{stem}-{number}")), Some("newdoc".to_owned())),
            None => (article_id_of(stem), Some("none".to_owned())),
        };
        record.id = id;
        record.metadata.extend(how.map(|how| (DOCUMENT.to_owned(), how)));
        let fields = EntityFields::parse(entity.as_deref());
        let kept = entity.clone().filter(|_| !fields.is_own());
        record.metadata.extend(kept.map(|names| (ENTITY.to_owned(), names)));
        Self {
            path,
            record,
            text: TextBuilder::default(),
            order: CommentOrder::default(),
            fields,
            sentences: 0,
            words: 0,
            after: None,
            last: 0,
            deps_repeat: None,
            tagging: Tagging::of(document),
            problems: Vec::new(),
        }
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.path)
    }

    fn sentence(
        &mut self,
        comments: &[Numbered],
        words: &[Numbered],
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let rows = rows_of(words).and_then(|rows| units_of(&rows).map(|units| (rows, units)));
        let (rows, units) = match rows {
            Ok(read) => read,
            Err((line, message)) => {
                self.problems.push(FileProblem::invalid(self.path, line, message));
                return Ok(());
            }
        };
        self.sentences += 1;
        let line = comments.first().or(words.first()).map_or(0, |(line, _)| *line);
        let parsed: Vec<Comment<'_>> = comments.iter().map(|(_, text)| Comment::parse(text)).collect();
        let (placed, is_text_kept) = self.put(&parsed, &rows, &units, sink);
        self.comments(line, &parsed, &placed, is_text_kept, sink);
        let mut words_at = Places::new();
        for (unit, place) in units.iter().zip(&placed.tokens) {
            self.unit(unit, &rows, *place, &mut words_at, sink);
        }
        self.empty_nodes(&rows, &words_at, placed.sentence.0, sink);
        self.relations(&rows, &words_at);
        self.tagged(&rows, &words_at);
        self.entities(&rows, &words_at, sink)
    }

    /// Puts the sentence into the text. Answers where it is, and whether `# text` is kept as an attribute.
    fn put(
        &mut self,
        comments: &[Comment<'_>],
        rows: &[Row<'_>],
        units: &[Unit],
        sink: &mut dyn Sink,
    ) -> (Placed, bool) {
        let stated = comments.iter().find(|it| it.key == TEXT).and_then(|it| it.value).map(str::trim);
        let mut afters: Vec<Option<String>> = Vec::with_capacity(units.len());
        let mut lead = String::new();
        let mut is_exact = false;
        for (index, unit) in units.iter().enumerate() {
            let Some(row) = rows.get(unit.row) else { continue };
            let (misc, _) = misc_of(&row.cells);
            let said = |key: &str| misc.get(key).copied().flatten();
            if let Some(spaces) = said(SPACES_BEFORE) {
                match afters.last_mut() {
                    Some(after) => after.get_or_insert_default().push_str(&unescaped(spaces)),
                    None => lead = unescaped(spaces),
                }
            }
            let after = match (said(SPACES_AFTER), said(SPACE_AFTER)) {
                (Some(spaces), _) => Some(unescaped(spaces)),
                (None, Some("No")) => Some(String::new()),
                (None, _) => None,
            };
            is_exact |= said(SPACES_AFTER).is_some() && index + 1 < units.len();
            afters.push(after);
        }
        let forms: Vec<Form<'_>> = units
            .iter()
            .zip(&afters)
            .map(|(unit, after)| Form {
                form: rows.get(unit.row).map_or("", Row::form),
                after: after.as_deref().unwrap_or(" "),
            })
            .collect();
        let usual = if self.sentences == 1 { "" } else { "\n" };
        let before = self.after.take().unwrap_or_else(|| usual.to_owned()) + &lead;
        let fits = stated.is_none_or(|stated| fit(&forms, stated).is_some());
        let placed = self.text.sentence(&before, &forms, stated.filter(|_| fits && !is_exact));
        for ((this, next), after) in placed.tokens.iter().zip(placed.tokens.iter().skip(1)).zip(&afters) {
            let is_other = next.0 - this.1 != after.as_ref().map_or(1, String::len);
            if is_other {
                let line = rows.first().map_or(0, |row| row.line);
                sink.loss("conllu: SpaceAfter that # text contradicts", self.place(line));
            }
        }
        self.after = afters.pop().flatten();
        (placed, !fits)
    }

    fn comments(
        &mut self,
        line: u64,
        comments: &[Comment<'_>],
        placed: &Placed,
        is_text_kept: bool,
        sink: &mut dyn Sink,
    ) {
        let is_first = self.sentences == 1;
        let is_known = |key: &str| {
            (key == TEXT && !is_text_kept)
                || (is_first
                    && (key.starts_with(META) || [NEWDOC_ID, "newdoc", "global.Entity"].contains(&key)))
        };
        let attributes = self.order.attributes(comments, &is_known);
        if is_first {
            for Comment { key, value } in comments {
                let value = value.unwrap_or_default();
                if key.starts_with(META) && !put_metadata(&mut self.record, key, value) {
                    sink.loss("conllu: metadata beyond its limits", format!("{}: {key}", self.place(line)));
                }
            }
        }
        self.annotation(line, "", SENTENCE, &[placed.sentence], attributes);
    }

    pub(super) fn annotation(
        &mut self,
        line: u64,
        id: &str,
        label: &str,
        spans: &[(usize, usize)],
        attributes: BTreeMap<String, AttributeValue>,
    ) {
        let offset = |at: usize| u64::try_from(at).unwrap_or(u64::MAX);
        let span = |(start, end): &(usize, usize)| SpanRecord {
            range: Some((offset(*start), offset(*end))),
            ..SpanRecord::default()
        };
        let target =
            TargetRecord::Spans(SpansRecord { spans: spans.iter().map(span).collect(), joined: None });
        let (id, label) = (id.to_owned(), label.to_owned());
        self.record.annotations.push(AnnotationRecord {
            line,
            id,
            label,
            target,
            attributes,
            ..AnnotationRecord::default()
        });
    }

    /// A word, or a multiword token and its words.
    fn unit(
        &mut self,
        unit: &Unit,
        rows: &[Row<'_>],
        (start, end): (usize, usize),
        places: &mut Places,
        sink: &mut dyn Sink,
    ) {
        let Some(row) = rows.get(unit.row) else { return };
        self.last = self.record.annotations.len();
        if unit.words == [unit.row] {
            self.word(unit.row, row, (start, end), None, places, sink);
            return;
        }
        let mut attributes = attributes_of(&row.cells);
        self.misc(row, &mut attributes, sink);
        self.annotation(row.line, "", MULTIWORD, &[(start, end)], attributes);
        let words: Vec<_> = unit.words.iter().filter_map(|at| rows.get(*at).map(|row| (*at, row))).collect();
        let joined: String = words.iter().map(|(_, row)| row.form()).collect();
        let mut at = start;
        for (index, word) in words {
            if joined == row.form() {
                let end = at + word.form().len();
                self.word(index, word, (at, end), None, places, sink);
                at = end;
            } else {
                self.word(index, word, (start, end), Some(word.form()), places, sink);
            }
        }
    }

    fn word(
        &mut self,
        index: usize,
        row: &Row<'_>,
        place: (usize, usize),
        form: Option<&str>,
        places: &mut Places,
        sink: &mut dyn Sink,
    ) {
        let mut attributes = attributes_of(&row.cells);
        let repeated = format!("{}:{}", row.cell(6), row.cell(7));
        let repeats = *self.deps_repeat.get_or_insert(row.cell(8) == repeated);
        if repeats && row.cell(8) == repeated {
            attributes.remove("deps");
        } else if repeats {
            attributes.insert("deps".to_owned(), AttributeValue::String(row.cell(8).to_owned()));
        }
        if !row.has_relation() {
            // The root, or half of what a head is.
            let (head, deprel) = (row.cell(6), row.cell(7));
            let is_said = ![NOTHING, ""].contains(&deprel);
            let usual = if is_said { "0" } else { NOTHING };
            for (name, cell, is_kept) in [("head", head, head != usual), ("deprel", deprel, is_said)] {
                if is_kept {
                    attributes.insert(name.to_owned(), AttributeValue::String(cell.to_owned()));
                }
            }
        }
        self.misc(row, &mut attributes, sink);
        if let Some(form) = form {
            attributes.insert(fields::FORM.to_owned(), AttributeValue::String(form.to_owned()));
        }
        self.words += 1;
        let id = format!("{WORD}{}", self.words);
        self.annotation(row.line, &id, TOKEN, &[place], attributes);
        places.insert(index, (place.0, place.1, id));
    }

    /// What MISC says of a word, beside the text and what is named.
    fn misc(&self, row: &Row<'_>, attributes: &mut BTreeMap<String, AttributeValue>, sink: &mut dyn Sink) {
        let (misc, is_ordered) = misc_of(&row.cells);
        if !is_ordered {
            sink.loss("conllu: the order of MISC", self.place(row.line));
        }
        for (key, value) in misc {
            let is_text = [SPACE_AFTER, SPACES_AFTER, SPACES_BEFORE, fields::ENTITY].contains(&key);
            if self.tagging.as_ref().is_some_and(|tagging| tagging.key == key) {
                continue;
            }
            if is_misc_key(key) {
                let value =
                    value.map_or(AttributeValue::Bool(true), |it| AttributeValue::String(it.to_owned()));
                attributes.insert(key.to_owned(), value);
            } else if !is_text {
                sink.loss("conllu: MISC that is no attribute", format!("{}: {key}", self.place(row.line)));
            }
        }
    }

    fn empty_nodes(&mut self, rows: &[Row<'_>], places: &Places, start: usize, sink: &mut dyn Sink) {
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_empty_node()) {
            let at = places.range(..index).next_back().map_or(start, |(_, (_, end, _))| *end);
            let mut attributes = attributes_of(&row.cells);
            self.misc(row, &mut attributes, sink);
            for (name, column, usual) in [(fields::ID, 0, ""), (fields::FORM, 1, NOTHING)] {
                if row.cell(column) != usual {
                    attributes.insert(name.to_owned(), AttributeValue::String(row.cell(column).to_owned()));
                }
            }
            if misc_of(&row.cells).0.contains_key(fields::ENTITY) {
                sink.loss("conllu: Entity of empty nodes", self.place(row.line));
            }
            self.annotation(row.line, "", EMPTY_NODE, &[(at, at)], attributes);
        }
    }

    fn relations(&mut self, rows: &[Row<'_>], places: &Places) {
        let numbers: BTreeMap<&str, usize> = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.is_word())
            .map(|(at, row)| (row.cell(0), at))
            .collect();
        for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.is_word() && row.has_relation()) {
            let named = |at: usize| places.get(&at).map(|(_, _, id)| id.clone()).unwrap_or_default();
            let Some(head) = numbers.get(row.cell(6)) else {
                let count = numbers.len();
                let message =
                    format!("has the head {:?}; the words of this sentence are 1 to {count}", row.cell(6));
                self.problems.push(FileProblem::invalid(self.path, row.line, message));
                continue;
            };
            let arguments = vec![(HEAD.to_owned(), named(*head)), (DEPENDENT.to_owned(), named(index))];
            self.record.annotations.push(AnnotationRecord {
                line: row.line,
                label: row.cell(7).to_owned(),
                target: TargetRecord::Relation(arguments),
                ..AnnotationRecord::default()
            });
        }
    }

    /// Tells of the article, or of all that is wrong with it. `rest` are comments that no word comes after.
    fn finish(mut self, rest: &[Numbered], sink: &mut dyn Sink) -> Result<(), Stopped> {
        if !self.problems.is_empty() {
            return self.problems.into_iter().try_for_each(|problem| sink.problem(problem));
        }
        for (line, text) in rest {
            let comment = Comment::parse(text);
            match (comment.key, comment.value) {
                ("spaces_before", Some(spaces)) if self.sentences == 0 => self.text.push(&unescaped(spaces)),
                (NEWDOC_ID | "newdoc", _) if self.sentences == 0 => {}
                (key, value)
                    if self.sentences == 0
                        && key.starts_with(META)
                        && put_metadata(&mut self.record, key, value.unwrap_or_default()) => {}
                (_, _) => sink.loss("conllu: comments behind the last sentence", self.place(*line)),
            }
        }
        match self.after.take() {
            Some(after) if after.is_empty() => {
                // That no space comes after the last word shows nowhere in the text.
                if let Some(last) = self.record.annotations.get_mut(self.last) {
                    last.attributes.insert(SPACE_AFTER.to_owned(), AttributeValue::String("No".to_owned()));
                }
            }
            Some(after) => self.text.push(&after),
            None => {}
        }
        let metadata = &mut self.record.metadata;
        let is_own =
            self.order.has("meta::source_uri") && self.order.has("global.Entity") && self.fields.is_own();
        if self.sentences > 0 && !is_own {
            metadata.insert(COMMENTS.to_owned(), self.order.as_string());
        }
        if let Some(tagging) = &self.tagging {
            metadata.insert(TAGS.to_owned(), tagging.as_string());
        }
        if self.deps_repeat == Some(true) {
            metadata.insert(DEPS.to_owned(), "basic".to_owned());
        }
        self.record.text = self.text.finish();
        sink.record(Record::Article(Box::new(self.record)))
    }
}
