//! From pairs of files to records.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{
        brat_config::{self, BratConfig, MEMBER, TRIGGER},
        brat_standoff::{self, Argument, Line},
        exchange::{
            AnnotationRecord, ArticleRecord, FileProblem, JoinedQuote, Reader, Record, Sink, SourceFile,
            SpanRecord, SpansRecord, Stopped, TargetRecord, article_id_of,
        },
    },
    REFERENCE,
    layout::{Layout, LineKey, Ranks, Style},
    reference_attribute, statements,
    writing::usual_order,
};
use crate::{
    domain::{Result, schema::LabelSchema, text::CodePointRange},
    limits::EXCHANGE_RECORD_BYTES_MAX,
};

/// Reads pairs of files.
#[derive(Debug, Default)]
pub(super) struct BratReader {
    /// Texts and annotations that wait for each other, by their path without an extension.
    texts: BTreeMap<String, (String, String)>,
    annotated: BTreeMap<String, Annotated>,
    /// Bytes of those that wait.
    waiting_bytes: usize,
    /// The configuration of each folder that has one.
    folders: BTreeMap<String, Folder>,
}

/// A file of annotations.
#[derive(Debug)]
struct Annotated {
    path: String,
    lines: Vec<(u64, Line)>,
    style: Style,
    bytes: usize,
}

/// What a folder says of itself.
#[derive(Debug, Default)]
struct Folder {
    files: HashMap<String, String>,
    schema: Option<LabelSchema>,
    is_told: bool,
}

impl Reader for BratReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let (path, stem, extension) = (file.path().to_owned(), file.stem().to_owned(), file.extension());
        match extension.as_str() {
            "txt" => {
                self.tell_configurations(sink)?;
                let text = match file.whole_text()? {
                    Ok(text) => text,
                    Err(problem) => return sink.problem(problem),
                };
                self.give_up_texts(&stem, sink)?;
                if let Some(annotated) = self.annotated.remove(&stem) {
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(annotated.bytes);
                    return self.article(&stem, &path, text, Some(annotated), sink);
                }
                self.texts.insert(stem, (path, text));
                Ok(())
            }
            "ann" => {
                self.tell_configurations(sink)?;
                let annotated = annotated(file, sink)?;
                self.give_up_texts(&stem, sink)?;
                if let Some((text_path, text)) = self.texts.remove(&stem) {
                    return self.article(&stem, &text_path, text, Some(annotated), sink);
                }
                self.waiting_bytes = self.waiting_bytes.saturating_add(annotated.bytes);
                if self.waiting_bytes > EXCHANGE_RECORD_BYTES_MAX {
                    let message =
                        "waits for its text with too many others: send both files one after the other";
                    return sink.problem(FileProblem::invalid(&path, 0, message));
                }
                self.annotated.insert(stem, annotated);
                Ok(())
            }
            "conf" => self.configuration(file, sink),
            other => {
                let message = format!("is neither .txt, .ann nor .conf, but .{other}, and is left out");
                sink.loss("brat: other files", format!("{path} {message}"));
                Ok(())
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        self.tell_configurations(sink)?;
        self.give_up_texts("", sink)?;
        for (stem, annotated) in std::mem::take(&mut self.annotated) {
            let message = format!("has no text: {stem}.txt did not come, or came before others did");
            sink.problem(FileProblem::invalid(&annotated.path, 0, message))?;
        }
        Ok(())
    }
}

impl BratReader {
    /// Hands on the texts that wait and are not called `stem`: they have no annotations.
    fn give_up_texts(&mut self, stem: &str, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let kept = self.texts.remove(stem);
        for (stem, (path, text)) in std::mem::take(&mut self.texts) {
            self.article(&stem, &path, text, None, sink)?;
        }
        self.texts.extend(kept.map(|text| (stem.to_owned(), text)));
        Ok(())
    }

    fn configuration(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let path = file.path().to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if !["annotation.conf", "visual.conf", "kb_shortcuts.conf"].contains(&name) {
            sink.loss("brat: other configuration", path.clone());
            return Ok(());
        }
        match file.whole_document()? {
            Ok(text) => {
                self.folders.entry(folder.to_owned()).or_default().files.insert(name.to_owned(), text);
                Ok(())
            }
            Err(problem) => sink.problem(problem),
        }
    }

    /// Tells the schemas of folders whose configuration has come.
    fn tell_configurations(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        for (path, folder) in &mut self.folders {
            let Some(annotation) = folder.files.get("annotation.conf").filter(|_| !folder.is_told) else {
                continue;
            };
            folder.is_told = true;
            let file = |name: &str| folder.files.get(name).map_or("", String::as_str);
            let (visual, shortcuts) = (file("visual.conf"), file("kb_shortcuts.conf"));
            let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
            match brat_config::read(BratConfig { annotation, visual, shortcuts }) {
                Ok((schema, losses)) => {
                    for loss in losses.into_vec() {
                        let rest = usize::try_from(loss.count).unwrap_or_default();
                        let examples = loss.examples.into_iter().map(Some).chain(std::iter::repeat(None));
                        for example in examples.take(rest) {
                            sink.loss(&loss.feature, example.unwrap_or_default());
                        }
                    }
                    let mut definition = schema.clone().into_definition();
                    // Which collections there are references to stands elsewhere.
                    if !definition.attributes.iter().any(|attribute| attribute.name == REFERENCE) {
                        definition.attributes.push(reference_attribute());
                    }
                    folder.schema = Some(schema);
                    sink.record(Record::Schema(Box::new(definition)))?;
                }
                Err(error) => {
                    let line = error.place.map_or(0, |place| u64::try_from(place.line).unwrap_or_default());
                    let path = format!("{prefix}annotation.conf");
                    sink.problem(FileProblem::invalid(&path, line, error.to_string()))?;
                }
            }
        }
        Ok(())
    }

    /// The roles of a label, as the configuration of its folder says, or of one above.
    fn roles(&self, stem: &str, label: &str) -> Vec<&str> {
        let mut folder = stem;
        loop {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            if let Some(schema) = self.folders.get(folder).and_then(|folder| folder.schema.as_ref()) {
                let of_label = schema.definition().labels.iter().find(|other| other.label == label);
                let roles = of_label.into_iter().flat_map(|label| &label.roles);
                return roles.map(|role| role.role.as_str()).collect();
            }
            if folder.is_empty() {
                return Vec::new();
            }
        }
    }

    fn arguments(&self, stem: &str, label: &str, arguments: &[Argument]) -> Vec<(String, String)> {
        let roles = self.roles(stem, label);
        let meant = |argument: &Argument| {
            // Where no roles are known, Arg1 and Arg2 are two.
            let role = match roles.as_slice() {
                [] => &argument.role,
                roles => brat_standoff::unnumbered(&argument.role, roles),
            };
            (role.to_owned(), argument.id.clone())
        };
        arguments.iter().map(meant).collect()
    }

    fn article(
        &self,
        stem: &str,
        text_path: &str,
        text: String,
        annotated: Option<Annotated>,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let path = annotated.as_ref().map_or(text_path, |annotated| &annotated.path).to_owned();
        let mut article = ArticleRecord {
            path,
            line: u64::from(annotated.is_some()),
            id: article_id_of(stem),
            source_uri: text_path.to_owned(),
            text,
            ..ArticleRecord::default()
        };
        if let Some(Annotated { path, lines, style, bytes: _ }) = annotated {
            self.annotations(stem, &mut article, &path, &lines, &style, sink)?;
        }
        sink.record(Record::Article(Box::new(article)))
    }

    fn annotations(
        &self,
        stem: &str,
        article: &mut ArticleRecord,
        path: &str,
        lines: &[(u64, Line)],
        style: &Style,
        sink: &mut dyn Sink,
    ) -> Result<(), Stopped> {
        let mut places = HashMap::new();
        let mut equivalences = 0_u64;
        for (number, line) in lines {
            let Some(mut record) = self.annotation(stem, line, style) else { continue };
            if record.id.is_empty() {
                equivalences += 1;
                record.id = format!("*{equivalences}");
            }
            record.line = *number;
            places.entry(record.id.clone()).or_insert(article.annotations.len());
            article.annotations.push(record);
        }
        for (number, line) in lines {
            let (Line::Attribute { target, .. } | Line::Note { target, .. } | Line::Reference { target, .. }) =
                line
            else {
                continue;
            };
            let found = places.get(target).and_then(|place| article.annotations.get_mut(*place));
            let said = match found {
                Some(record) => statements::add(&mut record.attributes, &mut record.note, line),
                None => Err(format!("{line} is about {target}, which is not there")),
            };
            if let Err(wrong) = said {
                sink.problem(FileProblem::invalid(path, *number, wrong))?;
            }
        }
        let keys: Vec<_> = lines.iter().map(|(_, line)| LineKey::of(line)).collect();
        let mut layout = Layout { style: style.clone(), ..Layout::default() };
        if usual_order(&article.annotations, &layout.ranks) != keys {
            let ranks = Ranks::of(&keys).filter(|ranks| usual_order(&article.annotations, ranks) == keys);
            match ranks {
                Some(ranks) => layout.ranks = ranks,
                None => layout.order = Some(keys),
            }
        }
        if !layout.keep(&mut article.metadata) {
            sink.loss("brat: the order of lines", path.to_owned());
        }
        Ok(())
    }

    /// The annotation of a line, unless the line says something of another one.
    fn annotation(&self, stem: &str, line: &Line, style: &Style) -> Option<AnnotationRecord> {
        let (id, label, target) = match line {
            Line::Mention { id, label, ranges, quote } => (id.clone(), label, mention(ranges, quote, style)),
            Line::Event { id, label, trigger, arguments } => {
                let trigger = (TRIGGER.to_owned(), trigger.clone());
                let all = std::iter::once(trigger).chain(self.arguments(stem, label, arguments));
                (id.clone(), label, TargetRecord::Relation(all.collect()))
            }
            Line::Relation { id, label, arguments } => {
                (id.clone(), label, TargetRecord::Relation(self.arguments(stem, label, arguments)))
            }
            Line::Equivalence { label, members } => {
                let member = |id: &String| (MEMBER.to_owned(), id.clone());
                (String::new(), label, TargetRecord::Relation(members.iter().map(member).collect()))
            }
            Line::Attribute { .. } | Line::Note { .. } | Line::Reference { .. } => return None,
        };
        Some(AnnotationRecord { id, label: label.clone(), target, ..AnnotationRecord::default() })
    }
}

fn mention(ranges: &[CodePointRange], quote: &str, style: &Style) -> TargetRecord {
    let span = |range: &CodePointRange| SpanRecord {
        range: Some((range.start.into(), range.end.into())),
        ..SpanRecord::default()
    };
    let quote = JoinedQuote { quote: quote.to_owned(), joiner: style.joiner(), lines_as_spaces: true };
    TargetRecord::Spans(SpansRecord { spans: ranges.iter().map(span).collect(), joined: Some(quote) })
}

/// The lines of a file, and how they are written.
fn annotated(file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<Annotated, Stopped> {
    let path = file.path().to_owned();
    let (mut lines, mut style, mut bytes) = (Vec::new(), Style::default(), 0_usize);
    let (mut tabs, mut fragments, mut dotted) = (0, 0, 0);
    while let Some(line) = file.next_line()? {
        let line = match line {
            Ok(line) => line,
            Err(problem) => {
                sink.problem(problem)?;
                continue;
            }
        };
        bytes = bytes.saturating_add(line.text.len());
        if bytes > EXCHANGE_RECORD_BYTES_MAX {
            let message =
                format!("the file is longer than {EXCHANGE_RECORD_BYTES_MAX} bytes, and is read as a whole");
            sink.problem(FileProblem::invalid(&path, line.number, message))?;
            break;
        }
        style.carriage_returns |= line.ending == "\r\n";
        style.is_unended = line.ending.is_empty();
        if line.text.trim().is_empty() {
            continue;
        }
        match brat_standoff::read_line(&line.text) {
            Ok(read) => {
                match &read {
                    Line::Relation { .. } => tabs += usize::from(line.text.ends_with('\t')),
                    Line::Mention { ranges, quote, .. } if ranges.len() > 1 => {
                        fragments += 1;
                        dotted += usize::from(quote.matches(" ... ").count() + 1 >= ranges.len());
                    }
                    Line::Mention { .. }
                    | Line::Event { .. }
                    | Line::Equivalence { .. }
                    | Line::Attribute { .. }
                    | Line::Note { .. }
                    | Line::Reference { .. } => {}
                }
                lines.push((line.number, read));
            }
            Err(wrong) => sink.problem(FileProblem::invalid(&path, line.number, wrong))?,
        }
    }
    style.relations_end_with_tab = tabs > 0;
    style.has_dots = fragments > 0 && dotted == fragments;
    Ok(Annotated { path, lines, style, bytes })
}
