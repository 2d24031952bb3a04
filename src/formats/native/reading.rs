//! From lines to records.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{
    super::{
        exchange::{
            AnnotationRecord, ArticleRecord, FileProblem, Kept, Reader, Record, Sink, SourceFile, SpanRecord,
            SpansRecord, Stopped, TargetRecord, TextRecord, syntax,
        },
        schema_file,
    },
    lines::{
        AnchoringLine, AnnotationLine, ArgumentLine, ArticleLine, IntLine, LayerLine, Line, OlderTextLine,
        ProjectLine, SpanLine, StringsLine, SubmittedLine, ValueLine,
    },
};
use crate::{
    domain::{
        Result,
        annotations::{Anchoring, AnchoringResult, State},
        attributes::AttributeValue,
        ids::LayerId,
        layers::{LayerDetails, LayerKind},
        projects::ProjectDetails,
        revisions::Timestamp,
        text::{Text, Unit},
    },
    limits::EXCHANGE_RECORD_BYTES_MAX,
};

/// What is wrong with a line.
type Wrong = String;

/// Reads lines; an article waits for its annotations.
#[derive(Debug, Default)]
pub(super) struct NativeReader {
    article: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    record: Box<ArticleRecord>,
    /// The ranges of each annotation's spans, in all units that were sent.
    ranges: Vec<Vec<Ranges>>,
    /// Bytes of its lines.
    bytes: usize,
}

/// The ranges of a span, in each unit that it was sent in.
#[derive(Debug, Clone, Copy, Default)]
struct Ranges {
    utf8: Option<(u32, u32)>,
    utf16: Option<(u32, u32)>,
    code_points: Option<(u32, u32)>,
}

impl Reader for NativeReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let path = file.path().to_owned();
        let mut end = file.offset();
        while let Some(line) = file.next_line()? {
            let line = match line {
                Ok(line) => line,
                Err(problem) => {
                    // What follows may be of another article.
                    self.flush(Some(end), sink)?;
                    sink.problem(problem)?;
                    continue;
                }
            };
            if line.text.trim().is_empty() {
                continue;
            }
            let read = match serde_json::from_str::<Line<'_>>(&line.text) {
                Ok(read) => read,
                Err(error) => {
                    if !line.text.trim_start().starts_with("{\"annotation\"") {
                        self.flush(Some(end), sink)?;
                    }
                    sink.problem(not_a_line(&path, line.number, &error))?;
                    continue;
                }
            };
            let taken = match read {
                Line::Annotation(annotation) => self.annotation(*annotation, line.number, line.text.len()),
                other @ (Line::Project(_) | Line::LabelSchema(_) | Line::Layer(_) | Line::Article(_)) => {
                    self.flush(Some(end), sink)?;
                    self.other(other, &path, line.number, line.text.len(), sink)?
                }
            };
            if let Err(wrong) = taken {
                sink.problem(FileProblem::invalid(&path, line.number, wrong))?;
            }
            end = file.offset();
        }
        self.flush(Some(end), sink)
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        // What came of a file that was cut off on its way.
        self.flush(None, sink)
    }
}

fn not_a_line(path: &str, number: u64, error: &serde_json::Error) -> FileProblem {
    if error.is_data() {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        return FileProblem::invalid(path, number, format!("{message}, at column {}", error.column()));
    }
    syntax(path, number.saturating_sub(1), error)
}

impl NativeReader {
    fn other(
        &mut self,
        line: Line<'_>,
        path: &str,
        number: u64,
        bytes: usize,
        sink: &mut dyn Sink,
    ) -> Result<Result<(), Wrong>, Stopped> {
        let record = match line {
            Line::Project(ProjectLine { display_name, description, metadata }) => {
                let details = ProjectDetails::parse(display_name.into(), description.into(), owned(metadata));
                details.map(Record::Project).map_err(|error| error.to_string())
            }
            Line::LabelSchema(schema) => schema_file::read_json(&schema.to_string())
                .map(|schema| Record::Schema(Box::new(schema.into_definition())))
                .map_err(|error| format!("labelSchema: {error}")),
            Line::Layer(layer) => layer_record(layer),
            Line::Article(article) => {
                return Ok(article_record(*article, path, number).map(|record| {
                    self.article = Some(Waiting { record: Box::new(record), ranges: Vec::new(), bytes });
                }));
            }
            Line::Annotation(_) => return Ok(Ok(())),
        };
        match record {
            Ok(record) => sink.record(record).map(Ok),
            Err(wrong) => Ok(Err(wrong)),
        }
    }

    fn annotation(&mut self, line: AnnotationLine<'_>, number: u64, bytes: usize) -> Result<(), Wrong> {
        let Some(waiting) = &mut self.article else {
            return Err("is an annotation without an article: the line of its article comes before it, and is a good one"
                .to_owned());
        };
        waiting.bytes = waiting.bytes.saturating_add(bytes);
        if waiting.bytes > EXCHANGE_RECORD_BYTES_MAX {
            return Err(format!(
                "the article and its annotations are longer than {EXCHANGE_RECORD_BYTES_MAX} bytes"
            ));
        }
        let (record, ranges) = annotation_record(line, number)?;
        waiting.record.annotations.push(record);
        waiting.ranges.push(ranges);
        Ok(())
    }

    /// Hands on the article that waits: all of its annotations have come.
    fn flush(&mut self, resume_at: Option<u64>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let Some(Waiting { mut record, ranges, bytes: _ }) = self.article.take() else { return Ok(()) };
        record.resume_at = resume_at;
        let wrong = in_one_unit(&mut record, &ranges);
        for (line, wrong) in wrong {
            sink.problem(FileProblem::invalid(&record.path, line, wrong))?;
        }
        sink.record(Record::Article(record))
    }
}

fn owned<'l>(
    words: BTreeMap<std::borrow::Cow<'l, str>, std::borrow::Cow<'l, str>>,
) -> BTreeMap<String, String> {
    words.into_iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn time(name: &str, text: &str) -> Result<Option<Timestamp>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("{name} is {text:?}; write a time such as 2026-11-25T12:00:00.5Z");
    Timestamp::parse(text).map(Some).ok_or_else(wrong)
}

/// Both times, if there is one; the other is the same then.
fn times(create: &str, update: &str) -> Result<Option<(Timestamp, Timestamp)>, Wrong> {
    let (created, updated) = (time("createTime", create)?, time("updateTime", update)?);
    Ok(created.or(updated).zip(updated.or(created)))
}

fn layer_record(line: LayerLine<'_>) -> Result<Record, Wrong> {
    let LayerLine { id, display_name, kind, description, metadata, annotator } = line;
    let kind = match kind.as_ref() {
        "" => LayerKind::Unspecified,
        "LAYER_KIND_HUMAN" => LayerKind::Human,
        "LAYER_KIND_MODEL" => LayerKind::Model,
        "LAYER_KIND_GOLD" => LayerKind::Gold,
        other => {
            return Err(format!(
                "kind is {other:?}; write LAYER_KIND_HUMAN, LAYER_KIND_MODEL or LAYER_KIND_GOLD, or leave it out"
            ));
        }
    };
    let id = LayerId::parse("id", &id).map_err(|error| error.to_string())?;
    let details =
        LayerDetails::parse(display_name.into(), kind, description.into(), owned(metadata), annotator.into());
    details.map(|details| Record::Layer(id, details)).map_err(|error| error.to_string())
}

fn article_record(line: ArticleLine<'_>, path: &str, number: u64) -> Result<ArticleRecord, Wrong> {
    let ArticleLine {
        id,
        title,
        language,
        source_uri,
        metadata,
        text,
        text_sha256,
        older_texts,
        submitted_layers,
        create_time,
        update_time,
    } = line;
    if !text_sha256.is_empty() {
        let digest = Sha256::digest(text.as_bytes());
        let hex = digest.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        if *text_sha256 != hex {
            return Err(format!(
                "textSha256 is {text_sha256}, and the text's is {hex}: it was changed since; leave textSha256 out if that is \
                 meant"
            ));
        }
    }
    let older = |line: OlderTextLine<'_>| {
        let OlderTextLine { text, create_time } = line;
        Ok(TextRecord { text: text.into(), create_time: time("createTime", &create_time)? })
    };
    let submitted = |line: SubmittedLine<'_>| {
        let SubmittedLine { layer, submit_time } = line;
        let layer = LayerId::parse("layer", &layer).map_err(|error| error.to_string())?;
        Ok((layer, time("submitTime", &submit_time)?))
    };
    Ok(ArticleRecord {
        path: path.to_owned(),
        line: number,
        resume_at: None,
        id: id.into(),
        title: title.into(),
        language: language.into(),
        source_uri: source_uri.into(),
        metadata: owned(metadata),
        text: text.into(),
        older_texts: older_texts.into_iter().map(older).collect::<Result<_, Wrong>>()?,
        unit: None,
        annotations: Vec::new(),
        submitted: submitted_layers.into_iter().map(submitted).collect::<Result<_, Wrong>>()?,
        times: times(&create_time, &update_time)?,
    })
}

fn annotation_record(
    line: AnnotationLine<'_>,
    number: u64,
) -> Result<(AnnotationRecord, Vec<Ranges>), Wrong> {
    let AnnotationLine {
        id,
        layer,
        label,
        anchor,
        relation,
        article,
        attributes,
        note,
        score,
        state,
        anchoring,
        text_revision,
        derived_from,
        create_time,
        update_time,
    } = line;
    let mut ranges = Vec::new();
    let target = match (anchor, relation, article) {
        (Some(anchor), None, None) => {
            let spans = anchor.spans.into_iter().map(|span| {
                let (span, sent) = span_record(span);
                ranges.push(sent);
                span
            });
            TargetRecord::Spans(SpansRecord { spans: spans.collect(), joined: None })
        }
        (None, Some(relation), None) => {
            let argument = |ArgumentLine { role, annotation }| (role.into_owned(), annotation.into_owned());
            TargetRecord::Relation(relation.arguments.into_iter().map(argument).collect())
        }
        (None, None, Some(_)) => TargetRecord::Article,
        (_, _, _) => return Err("has none or several of anchor, relation and article; write one".to_owned()),
    };
    let attribute = |(name, value): (std::borrow::Cow<'_, str>, ValueLine<'_>)| {
        Ok((name.into_owned(), attribute_value(value)?))
    };
    let times = times(&create_time, &update_time)?;
    let anchoring = anchoring.map(self::anchoring).transpose()?;
    let is_kept = times.is_some() || anchoring.is_some() || text_revision != 0;
    let times = times.unwrap_or_default();
    let record = AnnotationRecord {
        line: number,
        id: id.into(),
        layer: layer.map(Into::into),
        label: label.into(),
        target,
        attributes: attributes.into_iter().map(attribute).collect::<Result<_, Wrong>>()?,
        note: note.into(),
        score,
        state: self::state(&state)?,
        derived_from: derived_from.into_iter().map(Into::into).collect(),
        kept: is_kept.then(|| Box::new(Kept { anchoring, text_revision, times })),
    };
    Ok((record, ranges))
}

fn span_record(line: SpanLine<'_>) -> (SpanRecord, Ranges) {
    let SpanLine { utf8, utf16, code_points, quote, prefix, suffix } = line;
    let both = |range: super::lines::RangeLine| (range.start, range.end);
    let ranges = Ranges { utf8: utf8.map(both), utf16: utf16.map(both), code_points: code_points.map(both) };
    let span = SpanRecord { range: None, quote: quote.into(), prefix: prefix.into(), suffix: suffix.into() };
    (span, ranges)
}

fn state(state: &str) -> Result<State, Wrong> {
    match state {
        "" | "STATE_ACCEPTED" => Ok(State::Accepted),
        "STATE_SUGGESTED" => Ok(State::Suggested),
        "STATE_REJECTED" => Ok(State::Rejected),
        other => Err(format!("state is {other:?}; write STATE_SUGGESTED, STATE_ACCEPTED or STATE_REJECTED")),
    }
}

fn anchoring(line: AnchoringLine<'_>) -> Result<Anchoring, Wrong> {
    let AnchoringLine { result, similarity, from_text_revision, needs_review } = line;
    let result = match result.strip_prefix("ANCHORING_RESULT_").unwrap_or(&result) {
        "UNCHANGED" => AnchoringResult::Unchanged,
        "SHIFTED" => AnchoringResult::Shifted,
        "MOVED" => AnchoringResult::Moved,
        "MODIFIED" => AnchoringResult::Modified,
        "ORPHANED" => AnchoringResult::Orphaned,
        other => return Err(format!("anchoring.result is {other:?}, which is none")),
    };
    Ok(Anchoring { result, similarity, from_text_revision, needs_review })
}

fn attribute_value(value: ValueLine<'_>) -> Result<AttributeValue, Wrong> {
    Ok(match value {
        ValueLine::BoolValue(value) => AttributeValue::Bool(value),
        ValueLine::IntValue(IntLine::Number(value)) => AttributeValue::Int(value),
        ValueLine::IntValue(IntLine::Text(value)) => {
            let wrong = || format!("intValue is {value:?}; write a whole number of 64 bits");
            AttributeValue::Int(value.parse().map_err(|_| wrong())?)
        }
        ValueLine::DoubleValue(value) => AttributeValue::Double(value),
        ValueLine::StringValue(value) => AttributeValue::String(value.into()),
        ValueLine::StringList(StringsLine { values }) => {
            AttributeValue::StringList(values.into_iter().map(Into::into).collect())
        }
    })
}

impl Ranges {
    fn in_unit(self, unit: Unit) -> Option<(u32, u32)> {
        match unit {
            Unit::Utf8 => self.utf8,
            Unit::Utf16 => self.utf16,
            Unit::CodePoints => self.code_points,
        }
    }

    fn units(self) -> impl Iterator<Item = Unit> {
        Unit::ALL.into_iter().filter(move |unit| self.in_unit(*unit).is_some())
    }
}

/// Gives all spans of an article their ranges in one unit, and leaves out annotations whose ranges disagree; answers what is
/// wrong, by line. Older files count one unit, files of people another, and some may be mixed.
fn in_one_unit(record: &mut ArticleRecord, ranges: &[Vec<Ranges>]) -> Vec<(u64, Wrong)> {
    let has_all = |unit: &Unit| {
        ranges.iter().flatten().all(|it| it.in_unit(*unit).is_some() || it.units().next().is_none())
    };
    let unit = Unit::ALL.into_iter().find(has_all);
    record.unit = Some(unit.unwrap_or(Unit::Utf8));
    let needs_texts = !record.text.is_ascii() || !record.older_texts.is_empty() || unit.is_none();
    let texts: Vec<Text> = if needs_texts {
        record
            .older_texts
            .iter()
            .map(|older| &older.text)
            .chain([&record.text])
            .map(|it| Text::new(it.as_str()))
            .collect()
    } else {
        Vec::new()
    };
    let latest = u32::try_from(record.older_texts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let mut wrong = Vec::new();
    let mut place = 0;
    record.annotations.retain_mut(|annotation| {
        let sent = ranges.get(place).map_or(&[][..], Vec::as_slice);
        place += 1;
        let revision = match &annotation.kept {
            Some(kept) if kept.text_revision != 0 => kept.text_revision,
            Some(_) | None => latest,
        };
        if let Some(kept) = &mut annotation.kept {
            kept.text_revision = revision;
        }
        let TargetRecord::Spans(spans) = &mut annotation.target else { return true };
        let index = usize::try_from(revision).unwrap_or(usize::MAX).checked_sub(1);
        let text = index.and_then(|index| texts.get(index));
        for (number, (span, sent)) in spans.spans.iter_mut().zip(sent).enumerate() {
            match agreed(*sent, text, record.unit.unwrap_or(Unit::Utf8)) {
                Ok(range) => span.range = range,
                Err(message) => {
                    wrong.push((annotation.line, format!("anchor.spans[{number}]: {message}")));
                    return false;
                }
            }
        }
        true
    });
    wrong
}

/// A span's range in `unit`, if it has one. Without a text, which is ASCII then, all units count the same.
fn agreed(sent: Ranges, text: Option<&Text>, unit: Unit) -> Result<Option<(u64, u64)>, Wrong> {
    let Some(first) = sent.units().next() else { return Ok(None) };
    let mut converted = None;
    for other in sent.units() {
        let Some((start, end)) = sent.in_unit(other) else { continue };
        let range = match text {
            // What is off the text is refused where it is held against it.
            Some(text) => match (text.position(other, start), text.position(other, end)) {
                (Ok(start), Ok(end)) => (start.in_unit(unit), end.in_unit(unit)),
                (_, _) if other == unit => (start, end),
                (_, _) => return Err(format!("the range in {other} is none of the text")),
            },
            None => (start, end),
        };
        match converted {
            None => converted = Some(range),
            Some(expected) if expected == range => {}
            Some(_) => {
                return Err(format!("the ranges in {first} and in {other} are not of the same characters"));
            }
        }
    }
    Ok(converted.map(|(start, end)| (start.into(), end.into())))
}
