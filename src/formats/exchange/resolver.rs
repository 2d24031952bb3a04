//! Holds records against their texts and against the limits: from what a file says to the domain's own types.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    contents::{ArticleContents, ImportedArticle, OlderText, SubmittedLayer},
    local_ids::ImportKey,
    reading::{FileProblem, Sink, Stopped},
    records::{AnnotationRecord, ArticleRecord, Record, SpanRecord, SpansRecord, TargetRecord},
    units::{Candidates, Decided, UnitChoice},
};
use crate::{
    domain::{
        Error, Problem, Result,
        annotations::{self, AnchoringResult, Annotation, Argument, Label, Mention, Relation, Target},
        articles::ArticleDetails,
        attributes::attributes,
        details::{bounded, too_many},
        errors::shortened,
        ids::{AnnotationId, ArticleId, LayerId},
        layers::LayerDetails,
        projects::ProjectDetails,
        revisions::{Revision, Timestamp},
        schema::{SchemaDefinition, splits_graphemes},
        spans::{Anchor, Empty, SpanRequest},
        text::{CodePointRange, Text, Unit, Utf8Range, Utf16Range},
    },
    limits::{NOTE_BYTES_MAX, UNDECIDED_RECORDS_BYTES_MAX},
};

/// Takes what was read and held against its text.
pub trait ContentsSink {
    /// Takes what people say of the project.
    ///
    /// # Errors
    ///
    /// When it wants no more; so for all of these.
    fn project(&mut self, details: ProjectDetails) -> Result<(), Stopped>;
    /// Takes what may be said.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn schema(&mut self, schema: SchemaDefinition) -> Result<(), Stopped>;
    /// Takes a layer that is declared.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn layer(&mut self, id: LayerId, details: LayerDetails) -> Result<(), Stopped>;
    /// Takes an article.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn article(&mut self, article: ImportedArticle) -> Result<(), Stopped>;
    /// Takes what is wrong.
    ///
    /// # Errors
    ///
    /// When it wants no more.
    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped>;
    /// Takes what is not carried over.
    fn loss(&mut self, feature: &str, example: String);
}

/// The sink of readers: it holds records against their texts.
pub struct Resolver<'s> {
    layer: LayerId,
    import_id: String,
    candidates: Candidates,
    /// What waits for a quote that says what its ranges count.
    undecided: Vec<(ArticleRecord, Arc<Text>)>,
    undecided_bytes: usize,
    sink: &'s mut dyn ContentsSink,
}

impl<'s> Resolver<'s> {
    /// Annotations that name no layer are on `layer`; those of one `import_id` are known when they come again.
    pub fn new(layer: LayerId, unit: UnitChoice, import_id: &str, sink: &'s mut dyn ContentsSink) -> Self {
        let (candidates, import_id) = (Candidates::new(unit), import_id.to_owned());
        Self { layer, import_id, candidates, undecided: Vec::new(), undecided_bytes: 0, sink }
    }

    /// There are no more files.
    ///
    /// # Errors
    ///
    /// When the sink wants no more.
    pub fn finish(mut self) -> Result<(), Stopped> {
        self.give_up()
    }

    fn take(&mut self, record: ArticleRecord) -> Result<(), Stopped> {
        let text = Arc::new(Text::new(record.text.as_str()));
        let was_decided = self.candidates.is_decided();
        let decided = self.candidates.learn(&record, &text);
        if !was_decided && self.candidates.is_decided() {
            // Nothing is left undecided.
            self.give_up()?;
        }
        match decided {
            Decided::As(unit) => self.resolved(record, text, unit)?,
            Decided::NotYet(..) => {
                self.undecided_bytes = self.undecided_bytes.saturating_add(bytes_of(&record));
                self.undecided.push((record, text));
            }
        }
        if self.undecided_bytes > UNDECIDED_RECORDS_BYTES_MAX { self.give_up() } else { Ok(()) }
    }

    /// Refuses what waits, as far as nothing says yet what it counts.
    fn give_up(&mut self) -> Result<(), Stopped> {
        self.undecided_bytes = 0;
        for (record, text) in std::mem::take(&mut self.undecided) {
            let (one, other) = match self.candidates.learn(&record, &text) {
                Decided::As(unit) => {
                    self.resolved(record, text, unit)?;
                    continue;
                }
                Decided::NotYet(one, other) => (one, other),
            };
            let message = format!(
                "the ranges of {:?} mean other characters in {one} than in {other}, and no quote says which they count: say \
                 the unit",
                record.id
            );
            let error = Error::field("unit", message);
            self.sink.problem(FileProblem { path: record.path, line: record.line, error })?;
        }
        Ok(())
    }

    fn resolved(&mut self, record: ArticleRecord, text: Arc<Text>, unit: Unit) -> Result<(), Stopped> {
        let (path, line) = (record.path.clone(), record.line);
        let mut resolving = Resolving { problems: Vec::new(), lost_ids: Vec::new() };
        let article = resolving.article(record, text, unit, &self.layer, &self.import_id);
        for problem in resolving.problems {
            self.sink.problem(problem)?;
        }
        for id in resolving.lost_ids {
            self.sink.loss("what the file calls an annotation", id);
        }
        match article {
            Ok(article) => self.sink.article(article),
            Err(error) => self.sink.problem(FileProblem { path, line, error }),
        }
    }
}

impl Sink for Resolver<'_> {
    fn record(&mut self, record: Record) -> Result<(), Stopped> {
        match record {
            Record::Project(details) => self.sink.project(details),
            Record::Schema(schema) => self.sink.schema(*schema),
            Record::Layer(id, details) => self.sink.layer(id, details),
            Record::Article(article) => self.take(*article),
        }
    }

    fn problem(&mut self, problem: FileProblem) -> Result<(), Stopped> {
        self.sink.problem(problem)
    }

    fn loss(&mut self, feature: &str, example: String) {
        self.sink.loss(feature, example);
    }
}

impl std::fmt::Debug for Resolver<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("layer", &self.layer).finish_non_exhaustive()
    }
}

fn bytes_of(record: &ArticleRecord) -> usize {
    record.text.len().saturating_add(record.annotations.len().saturating_mul(size_of::<AnnotationRecord>()))
}

/// One article on its way.
struct Resolving {
    problems: Vec<FileProblem>,
    /// What is called by a name that its id cannot keep.
    lost_ids: Vec<String>,
}

/// An annotation whose id is known.
struct Named {
    record: AnnotationRecord,
    id: AnnotationId,
    layer: LayerId,
}

impl Resolving {
    fn article(
        &mut self,
        record: ArticleRecord,
        text: Arc<Text>,
        unit: Unit,
        layer: &LayerId,
        import_id: &str,
    ) -> Result<ImportedArticle> {
        let ArticleRecord {
            path,
            line,
            resume_at,
            id,
            title,
            language,
            source_uri,
            metadata,
            text: _,
            older_texts,
            unit: _,
            annotations,
            submitted,
            times,
        } = record;
        let id = ArticleId::parse("id", &id)?;
        let details = ArticleDetails::parse(title, language, source_uri, metadata)?;
        let older_texts = older_texts
            .into_iter()
            .map(|older| OlderText { text: Arc::new(Text::new(older.text)), create_time: older.create_time });
        let submitted =
            submitted.into_iter().map(|(layer, submit_time)| SubmittedLayer { layer, submit_time }).collect();
        let mut article = ArticleContents {
            id,
            details,
            text,
            older_texts: older_texts.collect(),
            times,
            annotations: Vec::with_capacity(annotations.len()),
            submitted,
        };
        let count = annotations.len();
        let mut ids = HashMap::with_capacity(count);
        let mut named = Vec::with_capacity(count);
        for (place, record) in annotations.into_iter().enumerate() {
            let (line, name) = (record.line, record.id.clone());
            match self.named(record, place, &article.id, layer, import_id, &mut ids) {
                Ok(one) => named.push(one),
                Err(error) => self.refuse(&path, line, &name, error),
            }
        }
        let mut done: Vec<(u64, String, Annotation)> = Vec::with_capacity(named.len());
        for Named { record, id, layer } in named {
            let (line, name) = (record.line, record.id.clone());
            match annotation(record, id, layer, &article, unit, &ids) {
                Ok(annotation) => done.push((line, name, annotation)),
                Err(error) => self.refuse(&path, line, &name, error),
            }
        }
        let lines = self.ordered(&path, done, &mut article.annotations);
        Ok(ImportedArticle { path, line, resume_at, article, lines })
    }

    fn refuse(&mut self, path: &str, line: u64, name: &str, error: Error) {
        let error = if name.is_empty() { error } else { error.within(name) };
        self.problems.push(FileProblem { path: path.to_owned(), line, error });
    }

    fn named(
        &mut self,
        record: AnnotationRecord,
        place: usize,
        article: &ArticleId,
        import_layer: &LayerId,
        import_id: &str,
        ids: &mut HashMap<String, AnnotationId>,
    ) -> Result<Named> {
        let layer = match &record.layer {
            Some(layer) => LayerId::parse("layer", layer)?,
            None => import_layer.clone(),
        };
        let id = if let Ok(id) = AnnotationId::parse("id", &record.id) {
            id
        } else {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let (id, is_kept) = ImportKey::new(import_id, article, &layer).annotation(place, &record.id);
            if !is_kept {
                self.lost_ids.push(record.id.clone());
            }
            id
        };
        if !record.id.is_empty() {
            if ids.contains_key(&record.id) {
                return Err(Error::field("", "is there twice; the first one stands"));
            }
            ids.insert(record.id.clone(), id);
        }
        Ok(Named { record, id, layer })
    }

    /// Puts annotations behind what they use, and refuses those that use what was refused. Answers their lines.
    fn ordered(
        &mut self,
        path: &str,
        done: Vec<(u64, String, Annotation)>,
        ordered: &mut Vec<Annotation>,
    ) -> Vec<u64> {
        let mut lines = Vec::with_capacity(done.len());
        let mut put = HashSet::with_capacity(done.len());
        let mut left = done;
        // What uses nothing that is not there yet, again and again: as deep as relations of relations are.
        loop {
            let before = left.len();
            let mut waiting = Vec::new();
            for (line, name, annotation) in left {
                if annotation.uses().all(|id| put.contains(&id)) {
                    put.insert(annotation.id);
                    ordered.push(annotation);
                    lines.push(line);
                } else {
                    waiting.push((line, name, annotation));
                }
            }
            left = waiting;
            if left.is_empty() || left.len() == before {
                break;
            }
        }
        for (line, name, annotation) in left {
            let missing = annotation.target.arguments().iter().position(|it| !put.contains(&it.annotation));
            let message = "was refused itself, or uses in the end what it is used by";
            let field = format!("relation.arguments[{}]", missing.unwrap_or_default());
            self.refuse(path, line, &name, Error::field(field, message));
        }
        lines
    }
}

fn annotation(
    record: AnnotationRecord,
    id: AnnotationId,
    layer: LayerId,
    article: &ArticleContents,
    unit: Unit,
    ids: &HashMap<String, AnnotationId>,
) -> Result<Annotation> {
    let AnnotationRecord {
        line: _,
        id: _,
        layer: _,
        label,
        target,
        attributes: sent,
        note,
        score,
        state,
        derived_from,
        kept,
    } = record;
    let text_revision = kept.as_ref().map_or(article.text_revision(), |kept| kept.text_revision);
    let stale = || Problem::TextRevisionStale { sent: text_revision, latest: article.text_revision() };
    let anchoring = kept.as_ref().and_then(|kept| kept.anchoring);
    let is_orphaned = anchoring.is_some_and(|anchoring| anchoring.result == AnchoringResult::Orphaned);
    // Only what lost its place stands in an older text.
    if text_revision != article.text_revision() && !is_orphaned {
        return Err(Error::at("text_revision", stale()));
    }
    let target = match target {
        TargetRecord::Spans(spans) => {
            let text = article.text_at(text_revision).ok_or_else(|| Error::at("text_revision", stale()))?;
            Target::Spans(mention(text, spans, unit)?)
        }
        TargetRecord::Relation(arguments) => Target::Relation(relation(arguments, ids)?),
        TargetRecord::Article => Target::Article,
    };
    let derived_from = annotations::derived_from("derived_from", &derived_from)?;
    let times = kept.as_ref().map_or((Timestamp(0), Timestamp(0)), |kept| kept.times);
    Ok(Annotation {
        id,
        layer,
        label: Label::parse("label", &label)?,
        target,
        attributes: attributes("attributes", sent)?,
        note: bounded("note", "the note", note, NOTE_BYTES_MAX)?,
        score: score.map(|score| annotations::score("score", score)).transpose()?,
        state,
        anchoring,
        derived_from,
        text_revision,
        revision: Revision(0),
        create_time: times.0,
        update_time: times.1,
    })
}

fn relation(arguments: Vec<(String, String)>, ids: &HashMap<String, AnnotationId>) -> Result<Relation> {
    let argument = |(index, (role, name)): (usize, (String, String))| {
        let missing = || {
            let message = format!("is {:?}, which is not there, or was refused", shortened(&name));
            Error::field(format!("relation.arguments[{index}]"), message)
        };
        let annotation = ids.get(&name).copied().ok_or_else(missing)?;
        Ok(Argument { role, annotation })
    };
    let arguments = arguments.into_iter().enumerate().map(argument).collect::<Result<_>>()?;
    Relation::new(arguments).map_err(|error| error.within("relation"))
}

fn mention(text: &Text, spans: SpansRecord, unit: Unit) -> Result<Mention> {
    let SpansRecord { mut spans, joined } = spans;
    let mut in_order = spans.clone();
    in_order.sort_by_key(|span| span.range.map_or((0, 0), |range| range));
    let requests = |spans: Vec<SpanRecord>| -> Result<Vec<SpanRequest>> {
        spans.into_iter().enumerate().map(|(index, span)| request(index, span, unit)).collect()
    };
    let anchor = Anchor::resolve(text, &requests(in_order)?, Empty::Allowed)?;
    if let Some(joined) = joined {
        // The quotes come in the order of the file.
        let placed = requests(std::mem::take(&mut spans))?;
        let covered = placed.iter().map(|request| {
            let anchor = Anchor::resolve(text, std::slice::from_ref(request), Empty::Allowed)?;
            Ok(text.slice(&anchor.hull()))
        });
        let covered = covered.collect::<Result<Vec<_>>>()?;
        if !joined.fits(&covered) {
            let message = format!(
                "is {:?}, and the range covers {:?}; {}",
                shortened(&joined.quote),
                shortened(&covered.join(joined.joiner)),
                hint(text, &placed, &joined.quote, unit)
            );
            return Err(Error::field("quote", message));
        }
    }
    let splits_graphemes = anchor.spans().iter().any(|span| splits_graphemes(text, span));
    Ok(Mention { quotes: anchor.quotes(text), anchor, splits_graphemes })
}

/// What may be meant by ranges that do not cover their quote.
fn hint(text: &Text, placed: &[SpanRequest], quote: &str, unit: Unit) -> String {
    let [one] = placed else { return format!("are the ranges counted in {unit}?") };
    let quoted = SpanRequest { quote: quote.to_owned(), ..one.clone() };
    match Anchor::resolve(text, &[quoted], Empty::Allowed) {
        Err(Error { problem: Problem::QuoteMismatch { matches_in_unit: Some(other), .. }, field: _ }) => {
            format!("this range fits the quote in {other}, it was read in {unit}")
        }
        Ok(_) | Err(_) => "the text may be another one than the annotations were made in".to_owned(),
    }
}

fn request(index: usize, span: SpanRecord, unit: Unit) -> Result<SpanRequest> {
    let SpanRecord { range, quote, prefix, suffix } = span;
    let mut request = SpanRequest { quote, prefix, suffix, ..SpanRequest::default() };
    let Some((start, end)) = range else { return Ok(request) };
    let offset = |offset: u64| {
        let limit = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let actual = usize::try_from(offset).unwrap_or(usize::MAX);
        u32::try_from(offset)
            .map_err(|_| too_many(&format!("spans[{index}]"), "the offset", actual, limit, "units"))
    };
    let (start, end) = (offset(start)?, offset(end)?);
    match unit {
        Unit::Utf8 => request.utf8 = Some(Utf8Range { start, end }),
        Unit::Utf16 => request.utf16 = Some(Utf16Range { start, end }),
        Unit::CodePoints => request.code_points = Some(CodePointRange { start, end }),
    }
    Ok(request)
}

#[cfg(test)]
mod tests;
