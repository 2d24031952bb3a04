//! From an article to its two files.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    io,
};

use super::{
    super::{
        brat_config::{self, MEMBER, TRIGGER},
        brat_standoff::{self, Argument as LineArgument, Line},
        exchange::{
            AnnotationRecord, ArticleContents, Feature, LocalId, Output, ProjectContents, TargetRecord,
            Writer, count_losses, count_project_losses, file_path_of, in_file_order, names_of,
        },
    },
    FACTS,
    layout::{Layout, LineKey, Ranks, Style},
    reference_attribute, statements,
};
use crate::domain::{
    annotations::{Annotation, Argument, Target},
    ids::AnnotationId,
    schema::SchemaDefinition,
    text::{CodePointRange, Unit},
};

/// Writes two files an article.
#[derive(Debug)]
pub(super) struct BratWriter {
    unit: Unit,
    counted: Vec<Feature>,
}

impl BratWriter {
    pub(super) fn new(unit: Unit) -> Self {
        // Whether these are carried shows in each.
        const LOOKED_AT: [Feature; 3] = [Feature::OtherAttributes, Feature::SourceUris, Feature::Metadata];
        Self { unit, counted: FACTS.carries.iter().copied().chain(LOOKED_AT).collect() }
    }
}

impl Writer for BratWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        project.schema.as_ref().map_or(Ok(()), |schema| write_schema(schema, output))
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        let details = &article.details;
        let path = file_path_of(&article.id, &details.source_uri);
        if !details.source_uri.is_empty() && details.source_uri != format!("{path}.txt") {
            output.loss(Feature::SourceUris.name(), article.id.to_string());
        }
        if details.metadata.keys().any(|name| !Layout::is_key(name)) {
            output.loss(Feature::Metadata.name(), article.id.to_string());
        }
        let layout = Layout::kept(&details.metadata);
        let annotations = self.writable(article, output);
        let lines = self.lines(article, &annotations, &layout, output);
        let text = format!("{path}.txt");
        output.write(&text, article.text.as_str().as_bytes())?;
        output.close(&text)?;
        let annotated = format!("{path}.ann");
        output.write(&annotated, written(&lines, &layout.style).as_bytes())?;
        output.close(&annotated)
    }

    fn finish(&mut self, _: &mut dyn Output) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what `annotation.conf` can say of a schema.
fn write_schema(schema: &SchemaDefinition, output: &mut dyn Output) -> io::Result<()> {
    let mut said = schema.clone();
    // There it is nothing that is declared.
    said.attributes.retain(|attribute| *attribute != reference_attribute());
    let (file, losses) = brat_config::write(&said);
    for loss in losses.into_vec() {
        let count = usize::try_from(loss.count).unwrap_or(usize::MAX);
        let examples = loss.examples.into_iter().chain(std::iter::repeat(String::new()));
        examples.take(count).for_each(|example| output.loss(&loss.feature, example));
    }
    if !file.is_empty() {
        output.write("annotation.conf", file.as_bytes())?;
        output.close("annotation.conf")?;
    }
    Ok(())
}

fn written(lines: &[Line], style: &Style) -> String {
    let ending = if style.carriage_returns { "\r\n" } else { "\n" };
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.to_string());
        if style.relations_end_with_tab && matches!(line, Line::Relation { .. }) {
            text.push('\t');
        }
        text.push_str(ending);
    }
    if style.is_unended {
        text.truncate(text.len().saturating_sub(ending.len()));
    }
    text
}

/// The line that an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mention,
    Event,
    Relation,
    Equivalence,
}

impl Kind {
    fn of(annotation: &Annotation) -> Self {
        let arguments = annotation.target.arguments();
        let is_numbered = |letter: char| matches!(LocalId::of(annotation.id), Some(LocalId::Numbered(own, _)) if own == letter);
        if annotation.target.mention().is_some() {
            Self::Mention
        } else if arguments.first().is_some_and(|first| first.role == TRIGGER) && !is_numbered('R') {
            Self::Event
        } else if arguments.iter().all(|argument| argument.role == MEMBER) && !is_numbered('R') {
            Self::Equivalence
        } else {
            Self::Relation
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Mention => 'T',
            Self::Event => 'E',
            Self::Relation => 'R',
            Self::Equivalence => '*',
        }
    }
}

impl BratWriter {
    /// The annotations that have lines; of the others is counted why.
    fn writable<'a>(&self, article: &'a ArticleContents, output: &mut dyn Output) -> Vec<&'a Annotation> {
        let mut kept: HashSet<_> =
            count_losses(article, &self.counted, output).iter().map(|annotation| annotation.id).collect();
        let is_argument = |argument: &Argument| {
            argument.role.is_empty() || statements::is_word(&argument.role) && !argument.role.contains(':')
        };
        loop {
            let before = kept.len();
            for annotation in &article.annotations {
                let is_line = statements::is_word(annotation.label.as_str())
                    && !annotation.label.as_str().contains(':')
                    && annotation.target.arguments().iter().all(is_argument);
                let is_whole = annotation.uses().all(|id| kept.contains(&id));
                if kept.contains(&annotation.id) && (!is_line || !is_whole) {
                    kept.remove(&annotation.id);
                    let example = format!("{}/{} {}", article.id, annotation.id, annotation.label);
                    output.loss("brat: labels and roles with spaces or colons, and what uses them", example);
                }
            }
            if kept.len() == before {
                break;
            }
        }
        for annotation in article.annotations.iter().filter(|annotation| kept.contains(&annotation.id)) {
            for (name, value) in &annotation.attributes {
                if !statements::has_line(name, value) {
                    let feature = Feature::of_attribute(value);
                    output.loss(feature.name(), format!("{}/{}", article.id, annotation.id));
                }
            }
        }
        in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id)).collect()
    }

    fn lines(
        &self,
        article: &ArticleContents,
        annotations: &[&Annotation],
        layout: &Layout,
        output: &mut dyn Output,
    ) -> Vec<Line> {
        let keeps = |annotation: &Annotation, name: &LocalId| matches!(name, LocalId::Numbered(letter, _) if *letter == Kind::of(annotation).letter());
        let names = names_of(annotations, |annotation| Kind::of(annotation).letter(), keeps);
        let mut lines = Vec::with_capacity(annotations.len());
        let mut counts: HashMap<char, u64> = HashMap::new();
        for annotation in annotations {
            let Some(name) = names.get(&annotation.id) else { continue };
            if let Some(line) = self.line(article, annotation, name, &names, &layout.style, output) {
                lines.push(line);
                let mut said = statements::lines(name, &annotation.attributes, &annotation.note);
                layout.ranks.sort(&mut said);
                lines.extend(said.into_iter().map(|line| numbered(line, &mut counts)));
            }
        }
        match &layout.order {
            Some(order) => in_order(lines, order),
            None => lines,
        }
    }

    fn line(
        &self,
        article: &ArticleContents,
        annotation: &Annotation,
        name: &str,
        names: &HashMap<AnnotationId, String>,
        style: &Style,
        output: &mut dyn Output,
    ) -> Option<Line> {
        let (id, label) = (name.to_owned(), annotation.label.to_string());
        let arguments = match &annotation.target {
            Target::Spans(mention) => {
                let spans = mention.anchor.spans();
                let range = |span: &crate::domain::text::TextRange| CodePointRange {
                    start: span.start.in_unit(self.unit),
                    end: span.end.in_unit(self.unit),
                };
                let covered: Vec<_> = spans.iter().map(|span| article.text.slice(span)).collect();
                let quote = covered.join(style.joiner()).replace(['\n', '\r'], " ");
                return Some(Line::Mention { id, label, ranges: spans.iter().map(range).collect(), quote });
            }
            Target::Relation(relation) => relation.arguments.as_slice(),
            Target::Article => return None,
        };
        let used = |argument: &Argument| names.get(&argument.annotation).cloned();
        let written = |arguments: &[Argument], output: &mut dyn Output| {
            if arguments.iter().any(|argument| argument.role.is_empty()) {
                output.loss(
                    "brat: relations without roles, which get some",
                    format!("{}/{}", article.id, annotation.id),
                );
            }
            let roles = arguments.iter().enumerate().map(|(index, argument)| match argument.role.as_str() {
                "" => format!("Arg{}", index.saturating_add(1)),
                role => role.to_owned(),
            });
            let roles: Vec<_> = roles.collect();
            let roles = brat_standoff::numbered(roles.iter().map(String::as_str));
            let both = roles.into_iter().zip(arguments);
            both.map(|(role, argument)| Some(LineArgument { role, id: used(argument)? }))
                .collect::<Option<Vec<_>>>()
        };
        Some(match Kind::of(annotation) {
            Kind::Event => {
                let (trigger, rest) = arguments.split_first()?;
                Line::Event { id, label, trigger: used(trigger)?, arguments: written(rest, output)? }
            }
            Kind::Equivalence => {
                Line::Equivalence { label, members: arguments.iter().map(used).collect::<Option<_>>()? }
            }
            Kind::Relation | Kind::Mention => {
                Line::Relation { id, label, arguments: written(arguments, output)? }
            }
        })
    }
}

/// Gives a line that says something of another one the next number of its letter.
fn numbered(mut line: Line, counts: &mut HashMap<char, u64>) -> Line {
    let (letter, id) = match &mut line {
        Line::Attribute { id, .. } => ('A', id),
        Line::Note { id, .. } => ('#', id),
        Line::Reference { id, .. } => ('N', id),
        Line::Mention { .. } | Line::Event { .. } | Line::Relation { .. } | Line::Equivalence { .. } => {
            return line;
        }
    };
    let count = counts.entry(letter).or_default();
    *count = count.saturating_add(1);
    *id = format!("{letter}{count}");
    line
}

/// The keys of the lines that these annotations have in the usual order, or with what is said of them in another one.
pub(super) fn usual_order(annotations: &[AnnotationRecord], ranks: &Ranks) -> Vec<LineKey> {
    let mut counts = HashMap::new();
    let mut keys = Vec::new();
    for AnnotationRecord { id, target, attributes, note, .. } in annotations {
        let is_equivalence = matches!(target, TargetRecord::Relation(_)) && id.starts_with('*');
        keys.push(LineKey { id: if is_equivalence { "*".to_owned() } else { id.clone() }, of: None });
        let mut said = statements::lines(id, attributes, note);
        ranks.sort(&mut said);
        keys.extend(said.into_iter().map(|line| LineKey::of(&numbered(line, &mut counts))));
    }
    keys
}

/// Lines in the order of a file, under the ids that they had there; what the file did not have comes last.
fn in_order(lines: Vec<Line>, order: &[LineKey]) -> Vec<Line> {
    let mut left: Vec<Option<Line>> = lines.into_iter().map(Some).collect();
    let mut places: HashMap<LineKey, VecDeque<usize>> = HashMap::new();
    let sort = |key: &LineKey| match &key.of {
        // The number of what says something of another one is its own here, and the order's there.
        Some(of) => {
            let letter = key.id.chars().take(1).collect::<String>().replace('M', "A");
            LineKey { id: letter, of: Some(of.clone()) }
        }
        None => key.clone(),
    };
    for (place, line) in left.iter().enumerate() {
        let Some(line) = line else { continue };
        places.entry(sort(&LineKey::of(line))).or_default().push_back(place);
    }
    let mut ordered = Vec::with_capacity(left.len());
    for key in order {
        let place = places.get_mut(&sort(key)).and_then(VecDeque::pop_front);
        let Some(mut line) = place.and_then(|place| left.get_mut(place)).and_then(Option::take) else {
            continue;
        };
        if let Line::Attribute { id, .. } | Line::Note { id, .. } | Line::Reference { id, .. } = &mut line {
            id.clone_from(&key.id);
        }
        ordered.push(line);
    }
    let mut used: HashSet<_> = order.iter().map(|key| key.id.clone()).collect();
    for line in left.into_iter().flatten() {
        let mut counts = HashMap::new();
        let mut next = line;
        loop {
            let id = LineKey::of(&next).id;
            let is_of_another =
                matches!(next, Line::Attribute { .. } | Line::Note { .. } | Line::Reference { .. });
            if !is_of_another || used.insert(id) {
                break;
            }
            next = numbered(next, &mut counts);
        }
        ordered.push(next);
    }
    ordered
}
