//! From articles to words.

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use super::{
    COLUMNS, COMMENTS, DEPENDENT, DEPS, DOCUMENT, EMPTY_NODE, ENTITY, FACTS, HEAD, TAGS, WORD,
    entities::EntityFields,
    fields::{self, NOTHING, SPACE_AFTER, SPACES_AFTER, SPACES_BEFORE, misc_text, put},
    is_form_key,
    marks::{Marks, marks_of},
    parts::{Parts, WordUnit, units_of},
    tagged::Tagging,
};
use crate::{
    domain::{
        annotations::{Annotation, Target},
        attributes::AttributeValue,
        ids::AnnotationId,
    },
    formats::{
        columns::{
            NEWDOC_ID, TEXT,
            comments::{CommentOrder, article_comments, comment_line, comments_of},
            count_ids,
            placing::{Form, escaped, fit},
            rows::{Rows, Sentence, in_order, rows_of},
            tags::Run,
        },
        exchange::{
            ArticleContents, Feature, LocalId, Output, ProjectContents, Writer, article_id_of, count_losses,
            count_project_losses,
        },
    },
};

/// The file that everything is written to.
const PATH: &str = "articles.conllu";

/// Writes CoNLL-U.
#[derive(Debug, Default)]
pub(super) struct ConlluWriter {
    articles: u64,
    /// The fields of mentions that were named last.
    fields: Option<String>,
}

impl Writer for ConlluWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        // What of these fits in, shows one by one.
        let counted = [
            FACTS.carries,
            &[
                Feature::EmptySpans,
                Feature::Relations,
                Feature::Roles,
                Feature::Flags,
                Feature::OtherAttributes,
            ],
        ]
        .concat();
        let kept = in_order(count_losses(article, &counted, output));
        let text = article.text.as_str();
        let parts = Parts::of(text, &kept);
        let mut rows = rows_of(text, &parts.tokens, &parts.sentences, &parts.spans);
        let mut lose = |feature: &str, annotation: &Annotation| {
            output.loss(feature, format!("{}/{}", article.id, annotation.id));
        };
        let said = |key: &str| article.details.metadata.get(key).map(String::as_str);
        let order = said(COMMENTS);
        let tagging = said(TAGS).and_then(Tagging::parse);
        let tagged = tagging.as_ref().map(|_| Tagging::take(&mut rows, &mut lose)).unwrap_or_default();
        let marks = marks_of(&rows, said(ENTITY).map(|names| EntityFields::parse(Some(names))), &mut lose);
        let units: Vec<Vec<WordUnit<'_>>> =
            rows.sentences.iter().map(|sentence| units_of(text, sentence, &parts, &mut lose)).collect();
        let heads = Heads::of(&kept, &units, &mut lose);
        let nodes = empty_nodes(&parts.empty, &rows, &units, &mut lose);
        let mut page = Page {
            article,
            out: String::new(),
            rows: &rows,
            marks,
            tagging,
            tagged,
            units,
            heads,
            nodes,
            order: CommentOrder::parse(order.unwrap_or_default()),
            is_imported: order.is_some() || said(DOCUMENT).is_some(),
            deps_repeat: said(DEPS) == Some("basic"),
            words: 0,
        };
        let is_new = page.marks.fields.is_some() && page.marks.fields != self.fields;
        let is_named = is_new || !page.is_imported || page.order.has("global.Entity");
        page.write(said(DOCUMENT), self.articles == 0, is_named, output);
        self.fields = page.marks.fields.take().or(self.fields.take());
        self.articles += 1;
        output.write(PATH, page.out.as_bytes())
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(PATH)
    }
}

/// The head of each word: its number in the sentence, and the deprel.
struct Heads<'a>(HashMap<AnnotationId, (usize, &'a str)>);

impl<'a> Heads<'a> {
    fn of(
        annotations: &[&'a Annotation],
        units: &[Vec<WordUnit<'a>>],
        lose: &mut dyn FnMut(&str, &Annotation),
    ) -> Self {
        let mut places = HashMap::new();
        for (sentence, units) in units.iter().enumerate() {
            let words = units.iter().flat_map(|unit| &unit.words).enumerate();
            places.extend(words.filter_map(|(at, word)| Some((word.annotation?.id, (sentence, at + 1)))));
        }
        let mut heads = HashMap::new();
        for annotation in annotations {
            let Target::Relation(relation) = &annotation.target else { continue };
            let argument =
                |role: &str| relation.arguments.iter().find(|it| it.role == role).map(|it| it.annotation);
            let found = (|| {
                let (head, dependent) = (argument(HEAD)?, argument(DEPENDENT)?);
                let (head_at, dependent_at) = (places.get(&head)?, places.get(&dependent)?);
                let is_one = head_at.0 == dependent_at.0 && !heads.contains_key(&dependent);
                let is_cell = annotation.label.as_str() != NOTHING;
                (is_one && is_cell).then_some((dependent, head_at.1))
            })();
            let Some((dependent, head)) = found else {
                lose(Feature::Relations.name(), annotation);
                continue;
            };
            count_ids(annotation, lose);
            annotation
                .attributes
                .values()
                .for_each(|value| lose(Feature::of_attribute(value).name(), annotation));
            heads.insert(dependent, (head, annotation.label.as_str()));
        }
        Self(heads)
    }
}

/// Empty nodes by the sentence, the word before them, and their own number.
type Nodes<'a> = BTreeMap<(usize, usize, usize), &'a Annotation>;

fn empty_nodes<'a>(
    nodes: &[(usize, &'a Annotation)],
    rows: &Rows<'a>,
    units: &[Vec<WordUnit<'a>>],
    lose: &mut dyn FnMut(&str, &Annotation),
) -> Nodes<'a> {
    let mut placed = Nodes::new();
    for (at, annotation) in nodes {
        let number = match annotation.attributes.get(fields::ID) {
            Some(AttributeValue::String(number)) if annotation.label.as_str() == EMPTY_NODE => {
                number.split_once('.')
            }
            _ => None,
        };
        let number =
            number.and_then(|(word, node)| Some((word.parse::<usize>().ok()?, node.parse::<usize>().ok()?)));
        let found = number.and_then(|(word, node)| {
            let sentence = rows
                .sentences
                .iter()
                .position(|it| if word == 0 { it.piece.start >= *at } else { it.piece.end >= *at })?;
            let words: Vec<_> = units.get(sentence)?.iter().flat_map(|unit| &unit.words).collect();
            let end = match word.checked_sub(1) {
                Some(last) => words.get(last)?.end,
                None => rows.sentences.get(sentence)?.piece.start,
            };
            let follows = node == 1 || placed.contains_key(&(sentence, word, node.checked_sub(1)?));
            let is_free = !placed.contains_key(&(sentence, word, node));
            (end == *at && follows && is_free && node > 0).then_some((sentence, word, node))
        });
        match found {
            Some(place) => {
                count_ids(annotation, lose);
                placed.insert(place, annotation);
            }
            None => lose(Feature::EmptySpans.name(), annotation),
        }
    }
    placed
}

/// An article as it is written.
struct Page<'p, 'a> {
    article: &'a ArticleContents,
    out: String,
    rows: &'p Rows<'a>,
    marks: Marks,
    /// How words are tagged in MISC, and what is, by sentences.
    tagging: Option<Tagging>,
    tagged: BTreeMap<usize, Vec<Run<'a>>>,
    units: Vec<Vec<WordUnit<'a>>>,
    heads: Heads<'a>,
    nodes: Nodes<'a>,
    order: CommentOrder,
    is_imported: bool,
    deps_repeat: bool,
    /// Words that were written.
    words: u64,
}

impl Page<'_, '_> {
    fn write(&mut self, document: Option<&str>, is_first: bool, is_named: bool, output: &mut dyn Output) {
        let (article, text) = (self.article, self.article.text.as_str());
        let is_empty = self.rows.sentences.is_empty();
        let mut lines = Vec::new();
        let mut has_id = false;
        match document {
            Some("newdoc") => lines.push(("newdoc".to_owned(), comment_line("newdoc", None))),
            Some("none") if is_first && !is_empty => {}
            Some(line) if is_id_of(line, article) => {
                has_id = true;
                lines.push((NEWDOC_ID.to_owned(), format!("# {line}")));
            }
            Some(_) | None => {
                has_id = true;
                lines.push((NEWDOC_ID.to_owned(), comment_line(NEWDOC_ID, Some(article.id.as_str()))));
            }
        }
        if !has_id {
            output.loss(Feature::ArticleIds.name(), article.id.to_string());
        }
        if let Some(fields) = &self.marks.fields
            && is_named
        {
            lines.push(("global.Entity".to_owned(), comment_line("global.Entity", Some(fields))));
        }
        let is_source_said = !self.is_imported || self.order.has("meta::source_uri");
        lines.extend(article_comments(&article.details, &is_form_key, is_source_said, &mut |feature| {
            output.loss(feature.name(), article.id.to_string());
        }));
        if is_empty && !text.is_empty() {
            lines.push((
                "spaces_before".to_owned(),
                comment_line("spaces_before", Some(&escaped(text, true))),
            ));
        }
        let rows = self.rows;
        for (index, sentence) in rows.sentences.iter().enumerate() {
            let mut lines = std::mem::take(&mut lines);
            self.comments(sentence, &mut lines, output);
            self.sentence(index, output);
            self.out.push('\n');
        }
        if is_empty {
            self.order.sort(&BTreeMap::new(), &mut lines);
            for (_, line) in &lines {
                self.line(line);
            }
            self.out.push('\n');
        }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Writes the comments of a sentence; `lines` are those of the article.
    fn comments(
        &mut self,
        sentence: &Sentence<'_>,
        lines: &mut Vec<(String, String)>,
        output: &mut dyn Output,
    ) {
        let text = self.article.text.as_str();
        let part = |start: usize, end: usize| text.get(start..end).unwrap_or_default();
        let start = sentence.tokens.first().map_or(0, |token| token.start);
        let end = sentence.tokens.last().map_or(0, |token| token.end);
        let empty = BTreeMap::new();
        let mut attributes = &empty;
        let mut is_said = false;
        if let Some(annotation) = sentence.piece.annotation {
            attributes = &annotation.attributes;
            let place = format!("{}/{}", self.article.id, annotation.id);
            count_ids(annotation, &mut |feature, _| output.loss(feature, place.clone()));
            if (start, end) != (sentence.piece.start, sentence.piece.end) {
                output.loss("conllu: white space at the ends of sentences", place.clone());
            }
            lines.extend(comments_of(attributes, &mut |value| {
                output.loss(Feature::of_attribute(value).name(), place.clone());
            }));
            if let Some(AttributeValue::String(other)) = attributes.get(TEXT) {
                let forms: Vec<_> = sentence
                    .tokens
                    .iter()
                    .map(|it| Form { form: part(it.start, it.end), after: " " })
                    .collect();
                is_said = fit(&forms, other).is_none();
                if !is_said {
                    lines.retain(|(key, _)| key != TEXT);
                    output.loss(Feature::StringAttributes.name(), place);
                }
            }
        }
        if !is_said && (!self.is_imported || self.order.has(TEXT)) {
            let whole = part(start, end).replace(['\n', '\r', '\t'], " ");
            lines.push((TEXT.to_owned(), comment_line(TEXT, Some(&whole))));
        }
        self.order.sort(attributes, lines);
        for (_, line) in lines {
            self.line(line);
        }
    }

    /// Writes the rows of a sentence.
    fn sentence(&mut self, index: usize, output: &mut dyn Output) {
        let units = self.units.get_mut(index).map(std::mem::take).unwrap_or_default();
        let cells: Vec<usize> = units.iter().flat_map(|unit| &unit.words).map(|word| word.cell).collect();
        let runs = self.tagged.get(&index).map(Vec::as_slice).unwrap_or_default();
        let tagging = self.tagging.as_ref();
        let mut tags = tagging.map(|tagging| tagging.tags(runs, &cells)).unwrap_or_default().into_iter();
        let key = tagging.map(|tagging| tagging.key.clone()).unwrap_or_default();
        let mut word = 0;
        self.empty_nodes(index, word, output);
        for (place, unit) in units.iter().enumerate() {
            let spaces = self.spaces(index, place, &units, unit);
            let mut spaces = Some(spaces);
            let is_group = unit.words.len() > 1 || unit.group.is_some();
            if is_group {
                let mut cells = row(&format!("{}-{}", word + 1, word + unit.words.len()), &unit.form);
                let mut misc = BTreeMap::new();
                self.put(unit.group, &[], &mut cells, &mut misc, output);
                self.end_row(cells, misc, spaces.take().unwrap_or_default());
            }
            for one in &unit.words {
                word += 1;
                self.words += 1;
                let mut cells = row(&word.to_string(), &one.form);
                let mut misc = BTreeMap::new();
                let own_form = if one.has_form { &[fields::FORM][..] } else { &[] };
                self.put(one.annotation, own_form, &mut cells, &mut misc, output);
                self.head(one.annotation, &mut cells);
                let brackets = self.marks.of(index, one.cell, one.is_first, one.is_last);
                misc.extend(tags.next().flatten().map(|tag| (key.clone(), Some(tag))));
                if !brackets.is_empty() {
                    misc.insert(fields::ENTITY.to_owned(), Some(brackets));
                }
                self.end_row(cells, misc, spaces.take().unwrap_or_default());
                self.empty_nodes(index, word, output);
            }
        }
    }

    /// What a row says of the white space around a unit.
    fn spaces(
        &self,
        sentence: usize,
        place: usize,
        units: &[WordUnit<'_>],
        unit: &WordUnit<'_>,
    ) -> Vec<(&'static str, String)> {
        let text = self.article.text.as_str();
        let mut spaces = Vec::new();
        if sentence == 0 && place == 0 && unit.start > 0 {
            spaces.push((SPACES_BEFORE, escaped(text.get(..unit.start).unwrap_or_default(), true)));
        }
        let in_sentence = units.get(place + 1).map(|next| (next.start, " "));
        let behind = self.rows.sentences.get(sentence + 1).and_then(|next| next.tokens.first());
        let behind = behind.map(|next| (next.start, "\n"));
        let (next, usual) = in_sentence.or(behind).unwrap_or((text.len(), ""));
        let gap = text.get(unit.end..next).unwrap_or_default();
        if gap.is_empty() && !usual.is_empty() {
            spaces.push((SPACE_AFTER, "No".to_owned()));
        } else if gap != usual {
            spaces.push((SPACES_AFTER, escaped(gap, true)));
        }
        spaces
    }

    /// Puts the attributes of an annotation into a row, but those in `without`.
    fn put(
        &self,
        annotation: Option<&Annotation>,
        without: &[&str],
        cells: &mut [String],
        misc: &mut BTreeMap<String, Option<String>>,
        output: &mut dyn Output,
    ) {
        let Some(annotation) = annotation else { return };
        let mut lose = |feature: &str| output.loss(feature, format!("{}/{}", self.article.id, annotation.id));
        if LocalId::of(annotation.id) != Some(LocalId::Numbered(WORD, self.words)) {
            count_ids(annotation, &mut |feature, _| lose(feature));
        }
        let mut lose = |_: &str, value: &AttributeValue| lose(Feature::of_attribute(value).name());
        if without.is_empty() {
            put(&annotation.attributes, cells, misc, &mut lose);
        } else {
            let mut attributes = annotation.attributes.clone();
            attributes.retain(|name, _| !without.contains(&name.as_str()));
            put(&attributes, cells, misc, &mut lose);
        }
    }

    /// Puts in the head of a word.
    fn head(&self, annotation: Option<&Annotation>, cells: &mut [String]) {
        let Some(annotation) = annotation else { return };
        let relation = self.heads.0.get(&annotation.id);
        let has = |name: &str| annotation.attributes.contains_key(name);
        let [_, _, _, _, _, _, head, deprel, deps, _] = cells else { return };
        match relation {
            Some((number, label)) => {
                *head = number.to_string();
                (*label).clone_into(deprel);
            }
            None if has("deprel") && !has("head") => "0".clone_into(head),
            None => {}
        }
        if self.deps_repeat && !has("deps") && deprel != NOTHING {
            *deps = format!("{head}:{deprel}");
        }
    }

    fn end_row(
        &mut self,
        mut cells: Vec<String>,
        mut misc: BTreeMap<String, Option<String>>,
        spaces: Vec<(&'static str, String)>,
    ) {
        misc.extend(spaces.into_iter().map(|(key, value)| (key.to_owned(), Some(value))));
        if let Some(last) = cells.last_mut() {
            *last = misc_text(&misc);
        }
        let line = cells.join("\t");
        self.line(&line);
    }

    /// Writes the empty nodes behind a word.
    fn empty_nodes(&mut self, sentence: usize, word: usize, output: &mut dyn Output) {
        let place = (sentence, word, 0)..(sentence, word + 1, 0);
        let nodes: Vec<_> = self.nodes.range(place).map(|((_, _, number), node)| (*number, *node)).collect();
        for (number, node) in nodes {
            let form = match node.attributes.get(fields::FORM) {
                Some(AttributeValue::String(form))
                    if !form.is_empty() && !form.contains(['\t', '\n', '\r']) =>
                {
                    form.as_str()
                }
                _ => NOTHING,
            };
            let mut cells = row(&format!("{word}.{number}"), form);
            let mut misc = BTreeMap::new();
            let without: &[&str] = if form == NOTHING { &[fields::ID] } else { &[fields::ID, fields::FORM] };
            // Their ids were counted as they were placed.
            let mut attributes = node.attributes.clone();
            attributes.retain(|name, _| !without.contains(&name.as_str()));
            let place = format!("{}/{}", self.article.id, node.id);
            put(&attributes, &mut cells, &mut misc, &mut |_, value| {
                output.loss(Feature::of_attribute(value).name(), place.clone());
            });
            self.end_row(cells, misc, Vec::new());
        }
    }
}

/// A row with nothing in it but its number and its form.
fn row(number: &str, form: &str) -> Vec<String> {
    let mut cells = vec![NOTHING.to_owned(); COLUMNS];
    for (cell, value) in cells.iter_mut().zip([number, form]) {
        value.clone_into(cell);
    }
    cells
}

/// Whether the article got its id from what the line calls it.
fn is_id_of(line: &str, article: &ArticleContents) -> bool {
    let name = line.strip_prefix("newdoc id = ").filter(|name| !name.contains(['\n', '\r']));
    name.is_some_and(|name| article_id_of(name) == article.id.as_str())
}
