//! From articles to rows.

use std::{collections::BTreeSet, io};

use super::{
    COLUMN, COLUMNS, COMMENTS, DOCUMENT, END, FACTS, LINE_BREAK, NEWDOC_ID, SCHEME, TEXT,
    comments::{CommentOrder, article_comments, comment_line, comments_of},
    layout::{Column, Layout, Separator, is_column_name},
    parts::Parts,
    placing::{Form, escaped, fit},
    rows::{Piece, Placed, Rows, Sentence, in_order, rows_of},
    tags::{Run, Scheme},
};
use crate::{
    domain::{annotations::Annotation, attributes::AttributeValue},
    formats::exchange::{
        ArticleContents, Feature, LocalId, Output, ProjectContents, Writer, article_id_of, count_losses,
        count_project_losses, imported_place,
    },
};

/// The file that everything is written to.
const PATH: &str = "articles.conll";
/// More columns of tags than that are of no use to anybody.
const TAG_COLUMNS_MAX: usize = 64;

/// Writes files of columns.
#[derive(Debug, Default)]
pub(super) struct ColumnsWriter {
    /// The columns of what was written last.
    layout: Option<Layout>,
    /// Line breaks after it, and how many are due before another article.
    breaks: usize,
    due: usize,
    articles: u64,
}

/// How an article is to leave.
struct Manner {
    layout: Layout,
    scheme: Scheme,
    /// How it begins, if not with its id.
    document: Option<String>,
    order: CommentOrder,
    /// Whether it came from such a file.
    is_imported: bool,
    end: Option<usize>,
    line_break: &'static str,
}

impl Writer for ColumnsWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let mut manner = Manner::of(article);
        // Attributes and metadata are counted one by one, as they turn out to fit nowhere.
        let counted =
            [FACTS.carries, &[Feature::StringAttributes, Feature::Flags, Feature::OtherAttributes]].concat();
        let kept = in_order(count_losses(article, &counted, output));
        let text = article.text.as_str();
        let parts = Parts::of(text, &kept);
        let rows = rows_of(text, &parts.tokens, &parts.sentences, &parts.spans);
        let mut lose = |feature: &str, annotation: &Annotation| {
            output.loss(feature, format!("{}/{}", article.id, annotation.id));
        };
        for (what, annotation) in &rows.losses {
            lose(&format!("conll: {what}"), annotation);
        }
        let had = manner.layout.clone();
        let tags = manner.tag_columns(&rows, &mut lose);
        manner.attribute_columns(&rows, &mut lose);
        manner.choose_separator(text, &rows);
        let is_header = self.is_header_due(&manner.layout, &had);
        let mut page = Page { manner: &manner, out: String::new(), article, rows: &rows, tags };
        if self.articles > 0 {
            (self.breaks..self.due).for_each(|_| page.out.push_str(manner.line_break));
        }
        page.write(is_header, self.articles == 0, output);
        let usual =
            if manner.layout.separator == Separator::Bar && !rows.sentences.is_empty() { 1 } else { 2 };
        self.breaks = manner.end.unwrap_or(usual);
        self.due = usual;
        let mut out = page.out;
        (0..self.breaks).for_each(|_| out.push_str(manner.line_break));
        if is_header || !rows.sentences.is_empty() {
            self.layout = Some(manner.layout);
        }
        self.articles += 1;
        output.write(PATH, out.as_bytes())
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        output.close(PATH)
    }
}

impl ColumnsWriter {
    /// Whether the columns have to be said: where they are others than before, or than the rows show.
    fn is_header_due(&self, layout: &Layout, had: &Layout) -> bool {
        let is_same = |one: &Layout| one.separator == layout.separator && one.columns == layout.columns;
        let is_shown = is_same(had) || is_same(&Layout::plain());
        match &self.layout {
            Some(before) => !is_same(before),
            None => layout.is_declared || !is_shown,
        }
    }
}

impl Manner {
    fn of(article: &ArticleContents) -> Self {
        let said = |key: &str| article.details.metadata.get(key).map(String::as_str);
        let order = said(COMMENTS);
        Self {
            layout: said(COLUMNS).and_then(Layout::parse).unwrap_or_else(Layout::plain),
            scheme: said(SCHEME).and_then(Scheme::named).unwrap_or(Scheme::Iob2),
            document: said(DOCUMENT).map(str::to_owned),
            order: CommentOrder::parse(order.unwrap_or_default()),
            is_imported: order.is_some() || said(DOCUMENT).is_some(),
            end: said(END).and_then(|end| end.parse().ok()).filter(|end| *end < 100),
            line_break: if said(LINE_BREAK) == Some("crlf") { "\r\n" } else { "\n" },
        }
    }

    /// Gives every span a column in which it shares no token with another one: its own, if it names one. Answers the columns
    /// of tags by sentences.
    fn tag_columns<'a>(
        &mut self,
        rows: &Rows<'a>,
        lose: &mut dyn FnMut(&str, &Annotation),
    ) -> Vec<Vec<(usize, Run<'a>)>> {
        let mut names: Vec<String> = self.layout.tag_columns().map(|(_, name)| name.to_owned()).collect();
        let mut ends: Vec<(usize, usize)> = vec![(0, 0); names.len()];
        let mut runs = vec![Vec::new(); rows.sentences.len()];
        for Placed { annotation, part: _, sentence, first, end } in &rows.spans {
            let wanted = match annotation.attributes.get(COLUMN) {
                Some(AttributeValue::String(name)) if is_column_name(name) => name.as_str(),
                _ => "",
            };
            if !wanted.is_empty() && !names.iter().any(|name| name == wanted) && names.len() < TAG_COLUMNS_MAX
            {
                names.push(wanted.to_owned());
                ends.push((0, 0));
            }
            let is_free = |(at, _): &(usize, &String)| {
                ends.get(*at).is_some_and(|(in_sentence, to)| in_sentence < sentence || to <= first)
            };
            let free = |name: &str| {
                names.iter().enumerate().filter(|(_, it)| *it == name).find(is_free).map(|(at, _)| at)
            };
            let column = free(wanted)
                .or_else(|| free(""))
                .or_else(|| (names.len() < TAG_COLUMNS_MAX).then_some(names.len()));
            let Some(column) = column else {
                lose(Feature::NestedSpans.name(), annotation);
                continue;
            };
            if column == names.len() {
                names.push(String::new());
                ends.push((0, 0));
            }
            if let Some(at) = ends.get_mut(column) {
                *at = (*sentence, *end);
            }
            if let Some(runs) = runs.get_mut(*sentence) {
                runs.push((column, Run { start: *first, end: *end, label: annotation.label.as_str() }));
            }
            let in_column = names.get(column).map_or("", String::as_str);
            count_ids(annotation, lose);
            for (name, value) in &annotation.attributes {
                let is_kept = name == COLUMN && *value == AttributeValue::String(in_column.to_owned());
                if !is_kept {
                    lose(Feature::of_attribute(value).name(), annotation);
                }
            }
        }
        let known = self.layout.tag_columns().count();
        self.layout.columns.extend(names.into_iter().skip(known).map(Column::Tag));
        runs
    }

    /// Makes columns of the attributes of tokens.
    fn attribute_columns(&mut self, rows: &Rows<'_>, lose: &mut dyn FnMut(&str, &Annotation)) {
        let tokens = || rows.sentences.iter().flat_map(|sentence| &sentence.tokens);
        let mut new: BTreeSet<&str> = BTreeSet::new();
        for annotation in tokens().filter_map(|token| token.annotation) {
            count_ids(annotation, lose);
            for (name, value) in &annotation.attributes {
                if self
                    .layout
                    .columns
                    .iter()
                    .any(|it| matches!(it, Column::Attribute(known, _) if known == name))
                {
                    if cell_of(value).is_none() {
                        lose(Feature::of_attribute(value).name(), annotation);
                    }
                } else if cell_of(value).is_some() && is_column_name(name) {
                    new.insert(name);
                } else {
                    lose(Feature::of_attribute(value).name(), annotation);
                }
            }
        }
        // Tags come last, as most who read such files expect.
        let at = self.layout.columns.iter().position(|it| matches!(it, Column::Tag(_)));
        let at = at.unwrap_or(self.layout.columns.len());
        let new = new.into_iter().map(|name| Column::Attribute(name.to_owned(), None));
        self.layout.columns.splice(at..at, new);
        for column in &mut self.layout.columns {
            let Column::Attribute(name, nothing) = column else { continue };
            let value =
                |token: &Piece<'_>| token.annotation.and_then(|it| it.attributes.get(name)).and_then(cell_of);
            let is_used = |nothing: &str| tokens().any(|token| value(token).as_deref() == Some(nothing));
            let is_needed = tokens().any(|token| value(token).is_none());
            if nothing.as_ref().is_some_and(|nothing| is_used(nothing)) || (nothing.is_none() && is_needed) {
                let candidates = ["_", "-", "--", "(none)"].into_iter().map(str::to_owned);
                let others = (2_usize..).map(|count| "_".repeat(count));
                *nothing = candidates.chain(others).find(|it| !is_used(it));
            }
        }
    }

    /// Parts columns by tabs where a token, a label or an attribute has what parts them otherwise.
    fn choose_separator(&mut self, text: &str, rows: &Rows<'_>) {
        let taken: &[char] = match self.layout.separator {
            Separator::Tab => return,
            Separator::Space => &[' '],
            Separator::Bar => &[' ', '|'],
        };
        let has = |part: &str| part.is_empty() || part.contains(taken);
        let is_bar = self.layout.separator == Separator::Bar;
        let tokens = || rows.sentences.iter().flat_map(|sentence| &sentence.tokens);
        let in_tokens = tokens().any(|token| {
            let values = token.annotation.into_iter().flat_map(|it| it.attributes.values());
            let form = text.get(token.start..token.end).unwrap_or_default();
            has(form)
                || (is_bar && form.starts_with('#'))
                || values.filter_map(cell_of).any(|value| has(&value))
        });
        if in_tokens || rows.spans.iter().any(|placed| has(placed.annotation.label.as_str())) {
            self.layout.separator = Separator::Tab;
        }
    }
}

/// What an attribute is in a column; none if it fits in none.
fn cell_of(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::String(text) if !text.contains(['\t', '\n', '\r']) => Some(text.clone()),
        AttributeValue::String(_)
        | AttributeValue::Bool(_)
        | AttributeValue::Int(_)
        | AttributeValue::Double(_)
        | AttributeValue::StringList(_) => None,
    }
}

/// Counts an id that is made anew where the file is read.
pub(in crate::formats) fn count_ids(annotation: &Annotation, lose: &mut dyn FnMut(&str, &Annotation)) {
    if LocalId::of(annotation.id).is_some() || imported_place(annotation.id).is_none() {
        lose(Feature::AnnotationIds.name(), annotation);
    }
}

/// An article as it is written.
struct Page<'p, 'a> {
    manner: &'p Manner,
    out: String,
    article: &'a ArticleContents,
    rows: &'p Rows<'a>,
    /// By sentences: the column of tags, and what it marks.
    tags: Vec<Vec<(usize, Run<'a>)>>,
}

impl Page<'_, '_> {
    /// Writes all of it but the last line breaks.
    fn write(&mut self, is_header: bool, is_first: bool, output: &mut dyn Output) {
        let manner = self.manner;
        if is_header {
            self.line(&comment_line("global.columns", Some(&manner.layout.names())));
        }
        let is_empty = self.rows.sentences.is_empty();
        let mut lines = self.beginning(is_empty, is_first, output);
        let is_source_said = !manner.is_imported || manner.order.has("meta::source_uri");
        let id = &self.article.id;
        lines.extend(article_comments(
            &self.article.details,
            &super::is_form_key,
            is_source_said,
            &mut |feature| {
                output.loss(feature.name(), id.to_string());
            },
        ));
        let text = self.article.text.as_str();
        if is_empty && !text.is_empty() {
            lines.push((
                "spaces_before".to_owned(),
                comment_line("spaces_before", Some(&escaped(text, true))),
            ));
        }
        let mut at = 0;
        let count = self.rows.sentences.len();
        let rows = self.rows;
        for (index, sentence) in rows.sentences.iter().enumerate() {
            let mut lines = std::mem::take(&mut lines);
            let gap = text.get(at..sentence.piece.start).unwrap_or_default();
            at = sentence.piece.end;
            let rest = text.get(at..).unwrap_or_default();
            let rest = if index + 1 == count { rest } else { "" };
            self.comments(sentence, gap, rest, index == 0, &mut lines, output);
            self.sentence(index, sentence);
            let is_last = index + 1 == count;
            let is_bar = manner.layout.separator == Separator::Bar;
            let breaks = if is_last {
                0
            } else if is_bar {
                1
            } else {
                2
            };
            (0..breaks).for_each(|_| self.out.push_str(manner.line_break));
        }
        // An article without sentences: the break of its last line comes with those at the end.
        manner.order.sort(&std::collections::BTreeMap::new(), &mut lines);
        let lines: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
        self.out.push_str(&lines.join(manner.line_break));
    }

    /// Says which article it is: as it came.
    fn beginning(
        &mut self,
        is_empty: bool,
        is_first: bool,
        output: &mut dyn Output,
    ) -> Vec<(String, String)> {
        let manner = self.manner;
        let mut lines = Vec::new();
        let named = ("newdoc id".to_owned(), comment_line(NEWDOC_ID, Some(self.article.id.as_str())));
        let mut has_id = false;
        match manner.document.as_deref() {
            Some(line) if line.starts_with("-DOCSTART-") && !line.contains(['\n', '\r']) => {
                self.line(line);
                if !is_empty {
                    self.line("");
                }
            }
            Some("newdoc") => lines.push(("newdoc".to_owned(), comment_line("newdoc", None))),
            Some("none") if is_first && !is_empty => {}
            Some(line) if line.strip_prefix("newdoc id = ").is_some_and(|id| is_id_of(id, self.article)) => {
                has_id = true;
                lines.push((NEWDOC_ID.to_owned(), format!("# {line}")));
            }
            Some(_) | None => {
                has_id = true;
                lines.push(named);
            }
        }
        if !has_id {
            output.loss(Feature::ArticleIds.name(), self.article.id.to_string());
        }
        lines
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push_str(self.manner.line_break);
    }

    /// Writes the comments of a sentence; `lines` are those of the article.
    fn comments(
        &mut self,
        sentence: &Sentence<'_>,
        gap: &str,
        rest: &str,
        is_first: bool,
        lines: &mut Vec<(String, String)>,
        output: &mut dyn Output,
    ) {
        let text = self.article.text.as_str();
        let whole = text.get(sentence.piece.start..sentence.piece.end).unwrap_or_default();
        let forms: Vec<Form<'_>> = sentence
            .tokens
            .iter()
            .map(|token| Form { form: text.get(token.start..token.end).unwrap_or_default(), after: " " })
            .collect();
        let joined = forms.iter().map(|form| form.form).collect::<Vec<_>>().join(" ");
        let empty = std::collections::BTreeMap::new();
        let mut attributes = &empty;
        if let Some(annotation) = sentence.piece.annotation {
            attributes = &annotation.attributes;
            let place = format!("{}/{}", self.article.id, annotation.id);
            count_ids(annotation, &mut |feature, _| output.loss(feature, place.clone()));
            lines.extend(comments_of(attributes, &mut |value| {
                output.loss(Feature::of_attribute(value).name(), place.clone());
            }));
        }
        let mut said = None;
        if let Some(AttributeValue::String(other)) = attributes.get(TEXT) {
            if fit(&forms, other).is_some() {
                lines.retain(|(key, _)| key != TEXT);
                output.loss(Feature::StringAttributes.name(), self.article.id.to_string());
            } else {
                said = Some(other);
            }
        }
        let push = |lines: &mut Vec<(String, String)>, key: &str, value: &str| {
            lines.push((key.to_owned(), comment_line(key, Some(value))));
        };
        if gap != if is_first { "" } else { "\n" } {
            push(lines, "spaces_before", &escaped(gap, true));
        }
        let is_usual = !self.manner.is_imported || self.manner.order.has(TEXT);
        if (said.is_none() && is_usual) || joined != whole {
            if said.is_none() && !whole.contains('\n') && !whole.ends_with('\r') {
                push(lines, TEXT, whole);
            } else {
                push(lines, "text_escaped", &escaped(whole, false));
            }
        }
        if !rest.is_empty() {
            push(lines, "spaces_after", &escaped(rest, true));
        }
        self.manner.order.sort(attributes, lines);
        for (_, line) in lines {
            self.line(line);
        }
    }

    /// Writes the rows of a sentence, without the last line break.
    fn sentence(&mut self, index: usize, sentence: &Sentence<'_>) {
        let layout = &self.manner.layout;
        let runs = self.tags.get(index).map(Vec::as_slice).unwrap_or_default();
        let columns = layout.tag_columns().count();
        let tags: Vec<_> = (0..columns)
            .map(|column| {
                let runs: Vec<_> = runs.iter().filter(|(at, _)| *at == column).map(|(_, run)| *run).collect();
                self.manner.scheme.tags(&runs, sentence.tokens.len())
            })
            .collect();
        let text = self.article.text.as_str();
        let separator = layout.separator;
        for (index, token) in sentence.tokens.iter().enumerate() {
            if index > 0 {
                self.out.push_str(if separator == Separator::Bar { " " } else { self.manner.line_break });
            }
            let mut tags = tags.iter();
            for (place, column) in layout.columns.iter().enumerate() {
                if place > 0 {
                    self.out.push(separator.character());
                }
                match column {
                    Column::Id => self.out.push_str(&(index + 1).to_string()),
                    Column::Form => self.out.push_str(text.get(token.start..token.end).unwrap_or_default()),
                    Column::Tag(_) => {
                        let tag = tags.next().and_then(|tags| tags.get(index));
                        self.out.push_str(&tag.map_or_else(|| "O".to_owned(), ToString::to_string));
                    }
                    Column::Attribute(name, nothing) => {
                        let value = token.annotation.and_then(|it| it.attributes.get(name)).and_then(cell_of);
                        self.out.push_str(value.as_deref().or(nothing.as_deref()).unwrap_or("_"));
                    }
                }
            }
        }
    }
}

/// Whether the article got its id from what the file called it.
fn is_id_of(name: &str, article: &ArticleContents) -> bool {
    !name.contains(['\n', '\r']) && article_id_of(name) == article.id.as_str()
}
