//! Filters of annotations.

use std::{borrow::Cow, fmt};

use super::{
    comparison::{Comparison, Held},
    expression::Expression,
    kind::Kind,
    lexer::{Parsed, Wrong},
    parser::{self, Parser, Vocabulary, shown},
    span_set::{SpanRelation, SpanSet},
    subject::AnnotationSubject,
    value::Number,
};
use crate::{
    domain::{
        annotations::{Anchoring, AnchoringResult, State, TargetKind},
        errors::Result,
        ids::ArticleName,
    },
    limits,
};

/// Which annotations pass. Parsed once; the language is described in [`super`].
///
/// Its text, by `Display`, is the same for filters that mean the same by their form: however they are spaced, quoted or
/// put in parentheses. It is parsed to an equal filter, unless it is longer than a filter may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AnnotationFilter {
    expression: Expression<Test>,
    /// The arguments of its functions, all different, those of inner functions before those of outer ones.
    queries: Vec<Expression<Test>>,
}

/// The argument of a function, which is a filter, too.
#[derive(Debug, Clone, Copy)]
pub struct InnerQuery<'f> {
    expression: &'f Expression<Test>,
}

/// For each argument of a filter's functions, by its number in [`AnnotationFilter::inner_queries`], what passes it among
/// one article's annotations.
#[derive(Debug, Default)]
pub struct SpanSets {
    sets: Vec<SpanSet>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Compare(Field, Comparison),
    /// Another one that passes the argument of this number is there, and this one stands so to it.
    Stands(SpanRelation, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Id,
    Name,
    Layer,
    Label,
    State,
    Creator,
    Score,
    Note,
    Quote,
    Target,
    Attribute(String),
    DerivedFrom,
    TextRevision,
    CreateTime,
    UpdateTime,
    Anchoring,
    AnchoringResult,
    AnchoringSimilarity,
    AnchoringFromTextRevision,
    AnchoringNeedsReview,
}

impl Test {
    /// Whether it is a function whose argument is the query of this number.
    fn asks(&self, number: usize) -> bool {
        matches!(self, Self::Stands(_, query) if *query == number)
    }
}

const STATES: [&str; 3] = ["SUGGESTED", "ACCEPTED", "REJECTED"];
const RESULTS: [&str; 5] = ["UNCHANGED", "SHIFTED", "MOVED", "MODIFIED", "ORPHANED"];
const TARGETS: [&str; 3] = ["anchor", "relation", "article"];

const FIELDS: [(&str, Field, Kind); 19] = [
    ("id", Field::Id, Kind::AnnotationId),
    ("name", Field::Name, Kind::AnnotationName),
    ("layer", Field::Layer, Kind::Token),
    ("label", Field::Label, Kind::Token),
    ("state", Field::State, Kind::Enum(&STATES, "STATE_")),
    ("creator", Field::Creator, Kind::Token),
    ("score", Field::Score, Kind::Number),
    ("note", Field::Note, Kind::Prose),
    ("quote", Field::Quote, Kind::Prose),
    ("target", Field::Target, Kind::Enum(&TARGETS, "")),
    ("derived_from", Field::DerivedFrom, Kind::AnnotationNames),
    ("text_revision", Field::TextRevision, Kind::Number),
    ("create_time", Field::CreateTime, Kind::Time),
    ("update_time", Field::UpdateTime, Kind::Time),
    ("anchoring", Field::Anchoring, Kind::Message),
    ("anchoring.result", Field::AnchoringResult, Kind::Enum(&RESULTS, "ANCHORING_RESULT_")),
    ("anchoring.similarity", Field::AnchoringSimilarity, Kind::Number),
    ("anchoring.from_text_revision", Field::AnchoringFromTextRevision, Kind::Number),
    ("anchoring.needs_review", Field::AnchoringNeedsReview, Kind::Bool),
];

type Relating = fn(Option<u32>) -> SpanRelation;

/// The functions, and whether they take a distance.
const FUNCTIONS: [(&str, Relating, bool); 7] = [
    ("overlaps", |_| SpanRelation::Overlaps, false),
    ("contains", |_| SpanRelation::Contains, false),
    ("within", |_| SpanRelation::Within, false),
    ("equals", |_| SpanRelation::Equals, false),
    ("before", SpanRelation::Before, true),
    ("after", SpanRelation::After, true),
    ("cooccurs", SpanRelation::Cooccurs, true),
];

/// What is gathered while a filter is parsed.
#[derive(Debug, Default)]
struct Annotations {
    queries: Vec<Expression<Test>>,
    /// Functions that are open.
    depth: usize,
}

impl Default for Expression<Test> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl Vocabulary for Annotations {
    type Field = Field;
    type Test = Test;

    const SUBJECT: &'static str = "an annotation";
    const FIELDS: &'static str = "id, name, layer, label, state, creator, score, note, quote, target, attributes.NAME, \
         derived_from, text_revision, create_time, update_time, anchoring and anchoring.result, .similarity, \
         .from_text_revision and .needs_review";
    const FUNCTIONS: &'static [&'static str] =
        &["overlaps", "contains", "within", "equals", "before", "after", "cooccurs"];
    const EXAMPLE: &'static str = "label = \"PER\"";

    fn field(path: &[String]) -> Option<(Field, Kind)> {
        if let [map, name] = path
            && map == "attributes"
        {
            return Some((Field::Attribute(name.clone()), Kind::Attribute));
        }
        let path = path.join(".");
        FIELDS.iter().find(|(name, ..)| *name == path).map(|(_, field, kind)| (field.clone(), *kind))
    }

    fn entry(path: &[String], key: &str) -> Option<Field> {
        matches!(path, [map] if map == "attributes").then(|| Field::Attribute(key.to_owned()))
    }

    fn test(field: Field, comparison: Comparison) -> Test {
        Test::Compare(field, comparison)
    }

    fn call(parser: &mut Parser<'_, Self>, at: usize, name: &str) -> Parsed<Test> {
        let Some((_, relating, far)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            let names = Self::FUNCTIONS.join(", ");
            let message =
                format!("{name} is no function; the functions are {names}, as in overlaps(label = \"PER\")");
            return Err(Wrong::At(at, message));
        };
        let parenthesis = parser.at();
        parser.vocabulary.depth += 1;
        if parser.vocabulary.depth > limits::FILTER_FUNCTION_DEPTH_MAX {
            let limit = limits::FILTER_FUNCTION_DEPTH_MAX;
            return Err(Wrong::TooMany(
                "the filter",
                parser.vocabulary.depth,
                limit,
                "functions in each other",
            ));
        }
        let (inner, distance) = parser.nested(parenthesis, |parser| arguments(parser, name, *far))?;
        parser.vocabulary.depth -= 1;
        let queries = &mut parser.vocabulary.queries;
        let query = queries.iter().position(|query| *query == inner).unwrap_or_else(|| {
            queries.push(inner);
            queries.len() - 1
        });
        if queries.len() > limits::FILTER_FUNCTION_ARGUMENTS_MAX {
            let limit = limits::FILTER_FUNCTION_ARGUMENTS_MAX;
            return Err(Wrong::TooMany(
                "the filter",
                queries.len(),
                limit,
                "different arguments of functions",
            ));
        }
        Ok(Test::Stands(relating(distance), query))
    }
}

/// What stands between the parentheses of a function: a filter or `*`, and a distance where it takes one.
fn arguments(
    parser: &mut Parser<'_, Annotations>,
    name: &str,
    far: bool,
) -> Parsed<(Expression<Test>, Option<u32>)> {
    let at = parser.at();
    if parser.peeks(')') || parser.peeks(',') {
        let message = format!(
            "{name} needs to know which annotations: a filter, as in {name}(label = \"PER\"), or {name}(*) for any"
        );
        return Err(Wrong::At(at, message));
    }
    let inner = if parser.eat_word("*") { Expression::default() } else { parser.expression()? };
    let comma = parser.at();
    if !parser.eat(',') {
        return Ok((inner, None));
    }
    if !far {
        return Err(Wrong::At(
            comma,
            format!("{name} takes one argument; before, after and cooccurs take a distance"),
        ));
    }
    let at = parser.at();
    let value = parser.value()?;
    let distance = value.as_ref().and_then(|value| match value.number() {
        Some(Number::Int(distance)) => u32::try_from(distance).ok(),
        Some(Number::Double(_)) | None => None,
    });
    let Some(distance) = distance else {
        let stands = value.map_or_else(|| "nothing".to_owned(), |value| value.shown());
        let message = format!(
            "{name} takes a distance in code points, a whole number from 0 on, as in {name}(label = \"PER\", 20); \
             {stands} is none"
        );
        return Err(Wrong::At(at, message));
    };
    Ok((inner, Some(distance)))
}

impl AnnotationFilter {
    /// Parses a filter in the field `field` of a request. An empty one passes everything.
    ///
    /// # Errors
    ///
    /// FIELD_INVALID with the column, in code points from 1, and what would be right there; LIMIT_EXCEEDED for more
    /// than 8 KiB, 256 comparisons, 32 parentheses in each other, 4 functions in each other, or 8 different arguments
    /// of functions.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let (expression, Annotations { queries, depth: _ }) =
            parser::parse(field, text, Annotations::default())?;
        Ok(Self { expression, queries })
    }

    /// Whether it passes everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.expression.is_empty()
    }

    /// The layer that all have that pass, if it says so: it stands outside of OR and NOT.
    #[must_use]
    pub fn required_layer(&self) -> Option<&str> {
        required(&self.expression, &Field::Layer)
    }

    /// The label that all have that pass, if it says so: it stands outside of OR and NOT.
    #[must_use]
    pub fn required_label(&self) -> Option<&str> {
        required(&self.expression, &Field::Label)
    }

    /// The arguments of its functions: each needs only the sets of those before it. None, if it has no functions.
    #[must_use]
    pub fn inner_queries(&self) -> impl ExactSizeIterator<Item = InnerQuery<'_>> {
        self.queries.iter().map(|expression| InnerQuery { expression })
    }

    /// The inner query of this number.
    #[must_use]
    pub fn inner_query(&self, number: usize) -> Option<InnerQuery<'_>> {
        self.queries.get(number).map(|expression| InnerQuery { expression })
    }

    /// The numbers of its inner queries in rounds: those of a round need only the sets of rounds before, so that a walk
    /// through an article's annotations can gather them together.
    #[must_use]
    pub fn rounds(&self) -> Vec<Vec<usize>> {
        let mut round_of: Vec<usize> = Vec::with_capacity(self.queries.len());
        let mut rounds: Vec<Vec<usize>> = Vec::new();
        for (number, expression) in self.queries.iter().enumerate() {
            let inner = (0..number).filter(|inner| expression.has(&|test| test.asks(*inner)));
            let before = inner.filter_map(|inner| round_of.get(inner)).max();
            let round = before.map_or(0, |before| before + 1);
            round_of.push(round);
            match rounds.get_mut(round) {
                Some(queries) => queries.push(number),
                None => rounds.push(vec![number]),
            }
        }
        rounds
    }

    /// How many comparisons and functions it has, without those in functions: asking it takes time in this number.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.expression.tests()
    }

    /// What passes its inner queries among all annotations of an article: goes through them once for each query.
    pub fn sets<'s, S: AnnotationSubject + 's>(
        &self,
        article: &ArticleName,
        annotations: &(impl Iterator<Item = &'s S> + Clone),
    ) -> SpanSets {
        let mut sets = SpanSets::default();
        for (number, query) in self.inner_queries().enumerate() {
            let passing = annotations.clone().filter(|subject| query.passes(article, *subject, &sets));
            let set = SpanSet::new(passing.map(|subject| (subject.id(), subject.spans())));
            sets.put(number, set);
        }
        sets
    }

    /// Whether the annotation of `article` passes. `sets` are those of this filter and article: a function without one
    /// finds nothing.
    pub fn passes<S: AnnotationSubject>(&self, article: &ArticleName, subject: &S, sets: &SpanSets) -> bool {
        passes(&self.expression, article, subject, sets)
    }
}

impl<'f> InnerQuery<'f> {
    /// Whether the annotation of `article` passes; `sets` has those of the queries before this one.
    pub fn passes<S: AnnotationSubject>(self, article: &ArticleName, subject: &S, sets: &SpanSets) -> bool {
        passes(self.expression, article, subject, sets)
    }

    /// As [`AnnotationFilter::required_layer`].
    #[must_use]
    pub fn required_layer(self) -> Option<&'f str> {
        required(self.expression, &Field::Layer)
    }

    /// As [`AnnotationFilter::required_label`].
    #[must_use]
    pub fn required_label(self) -> Option<&'f str> {
        required(self.expression, &Field::Label)
    }
}

impl SpanSets {
    /// Puts the set of the query of this number. Until then nothing is in it.
    pub fn put(&mut self, query: usize, set: SpanSet) {
        if self.sets.len() <= query {
            self.sets.resize_with(query + 1, SpanSet::default);
        }
        if let Some(place) = self.sets.get_mut(query) {
            *place = set;
        }
    }
}

fn required<'e>(expression: &'e Expression<Test>, field: &Field) -> Option<&'e str> {
    expression.required().find_map(|test| match test {
        Test::Compare(compared, comparison) if compared == field => comparison.exact(),
        Test::Compare(..) | Test::Stands(..) => None,
    })
}

fn passes<S: AnnotationSubject>(
    expression: &Expression<Test>,
    article: &ArticleName,
    subject: &S,
    sets: &SpanSets,
) -> bool {
    expression.passes(&|test| match test {
        Test::Compare(field, comparison) => comparison.holds(&held(field, article, subject)),
        Test::Stands(relation, query) => {
            sets.sets.get(*query).is_some_and(|set| set.has(*relation, subject.id(), subject.spans()))
        }
    })
}

fn held<'s, S: AnnotationSubject>(field: &Field, article: &ArticleName, subject: &'s S) -> Held<'s> {
    let anchoring = |held: fn(Anchoring) -> Held<'s>| subject.anchoring().map_or(Held::Absent, held);
    let revision = |revision: u32| Held::Number(Number::Int(i64::from(revision)));
    match field {
        Field::Id => Held::Text(subject.id().to_string().into()),
        Field::Name => Held::Text(article.annotation(subject.id()).to_string().into()),
        Field::Layer => Held::Text(subject.layer().into()),
        Field::Label => Held::Text(subject.label().into()),
        Field::State => Held::Name(state_name(subject.state())),
        Field::Creator => Held::Text(subject.creator().into()),
        Field::Score => subject.score().map_or(Held::Absent, |score| Held::Number(Number::Double(score))),
        Field::Note => Held::Text(subject.note().into()),
        Field::Quote => match subject.quotes() {
            [] => Held::Absent,
            [quote] => Held::Text(quote.into()),
            quotes => Held::Text(Cow::Owned(quotes.join(" "))),
        },
        Field::Target => Held::Name(target_name(subject.target())),
        Field::Attribute(name) => subject.attributes().get(name).map_or(Held::Absent, Held::Attribute),
        Field::DerivedFrom => Held::Names(subject.derived_from()),
        Field::TextRevision => revision(subject.text_revision()),
        Field::CreateTime => Held::Time(subject.create_time()),
        Field::UpdateTime => Held::Time(subject.update_time()),
        Field::Anchoring => anchoring(|_| Held::Something),
        Field::AnchoringResult => anchoring(|anchoring| Held::Name(result_name(anchoring.result))),
        Field::AnchoringSimilarity => {
            anchoring(|anchoring| Held::Number(Number::Double(anchoring.similarity)))
        }
        Field::AnchoringFromTextRevision => {
            subject.anchoring().map_or(Held::Absent, |anchoring| revision(anchoring.from_text_revision))
        }
        Field::AnchoringNeedsReview => anchoring(|anchoring| Held::Bool(anchoring.needs_review)),
    }
}

fn state_name(state: State) -> &'static str {
    let [suggested, accepted, rejected] = STATES;
    match state {
        State::Suggested => suggested,
        State::Accepted => accepted,
        State::Rejected => rejected,
    }
}

fn target_name(target: TargetKind) -> &'static str {
    let [anchor, relation, article] = TARGETS;
    match target {
        TargetKind::Spans => anchor,
        TargetKind::Relation => relation,
        TargetKind::Article => article,
    }
}

fn result_name(result: AnchoringResult) -> &'static str {
    let [unchanged, shifted, moved, modified, orphaned] = RESULTS;
    match result {
        AnchoringResult::Unchanged => unchanged,
        AnchoringResult::Shifted => shifted,
        AnchoringResult::Moved => moved,
        AnchoringResult::Modified => modified,
        AnchoringResult::Orphaned => orphaned,
    }
}

impl fmt::Display for AnnotationFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expression.write(f, &|test, f| write_test(test, &self.queries, f))
    }
}

fn write_test(test: &Test, queries: &[Expression<Test>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match test {
        Test::Compare(Field::Attribute(name), comparison) => {
            f.write_str(&shown(&["attributes".to_owned(), name.clone()]))?;
            comparison.write(f, Kind::Attribute)
        }
        Test::Compare(field, comparison) => {
            let known = FIELDS.iter().find(|(_, known, _)| known == field);
            known.map_or(Ok(()), |(name, _, kind)| {
                f.write_str(name)?;
                comparison.write(f, *kind)
            })
        }
        Test::Stands(relation, query) => {
            let (name, distance) = match relation {
                SpanRelation::Overlaps => ("overlaps", None),
                SpanRelation::Contains => ("contains", None),
                SpanRelation::Within => ("within", None),
                SpanRelation::Equals => ("equals", None),
                SpanRelation::Before(distance) => ("before", *distance),
                SpanRelation::After(distance) => ("after", *distance),
                SpanRelation::Cooccurs(distance) => ("cooccurs", *distance),
            };
            write!(f, "{name}(")?;
            match queries.get(*query) {
                Some(inner) if *inner != Expression::default() => {
                    inner.write(f, &|test, f| write_test(test, queries, f))?;
                }
                Some(_) | None => f.write_str("*")?,
            }
            distance.map_or(Ok(()), |distance| write!(f, ", {distance}"))?;
            f.write_str(")")
        }
    }
}
