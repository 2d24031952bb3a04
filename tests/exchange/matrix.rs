//! From native files to each format and back: what is missing then is what the format said that it loses.

use std::collections::BTreeMap;

use spandrel::{
    domain::{
        annotations::{Annotation, State, Target},
        attributes::AttributeValue,
    },
    formats::{
        Format,
        exchange::{ArticleContents, Feature},
    },
};

use crate::files::{read, write};

pub(crate) const FILE: &str = r#"{"article":{"id":"plain","text":"Ada met Bob in Kyoto."}}
{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}
{"annotation":{"label":"PLACE","anchor":{"spans":[{"quote":"Kyoto"}]}}}
{"article":{"id":"emoji","text":"😀 Ada met Bob."}}
{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}
{"annotation":{"label":"SMILE","anchor":{"spans":[{"quote":"😀"}]}}}
{"article":{"id":"described","title":"A title","language":"en","metadata":{"year":"y1843"},"text":"Ada met Bob."}}
{"annotation":{"label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}
{"article":{"id":"details","text":"Ada met Bob in Kyoto with Eve."}}
{"annotation":{"label":"A","anchor":{"spans":[{"quote":"Ada"}]},"note":"a countess"}}
{"annotation":{"label":"B","anchor":{"spans":[{"quote":"met"}]},"score":0.25}}
{"annotation":{"label":"C","anchor":{"spans":[{"quote":"Bob"}]},"state":"STATE_SUGGESTED"}}
{"annotation":{"label":"D","anchor":{"spans":[{"quote":"Kyoto"}]},"state":"STATE_REJECTED"}}
{"annotation":{"label":"E","anchor":{"spans":[{"quote":"with"}]},"attributes":{"Kind":{"stringValue":"word"},"Sure":{"boolValue":true},"Count":{"intValue":"3"}}}}
{"annotation":{"label":"F","layer":"alice","anchor":{"spans":[{"quote":"Eve"}]}}}
{"article":{"id":"shapes","text":"Ada met Bob in Kyoto with Eve."}}
{"annotation":{"label":"NEST","anchor":{"spans":[{"quote":"Ada met Bob"}]}}}
{"annotation":{"label":"IN","anchor":{"spans":[{"quote":"Ada"}]}}}
{"annotation":{"label":"CROSS","anchor":{"spans":[{"quote":"Bob in Kyoto"}]}}}
{"annotation":{"label":"PARTS","anchor":{"spans":[{"quote":"with"},{"quote":"."}]}}}
{"article":{"id":"whole","text":"Ada met Bob."}}
{"annotation":{"label":"letter","article":{}}}
{"article":{"id":"related","text":"Ada met Bob with Eve."}}
{"annotation":{"id":"T1","label":"PER","anchor":{"spans":[{"quote":"Ada"}]}}}
{"annotation":{"id":"T2","label":"PER","anchor":{"spans":[{"quote":"Bob"}]}}}
{"annotation":{"id":"T3","label":"PER","anchor":{"spans":[{"quote":"Eve"}]}}}
{"annotation":{"id":"R1","label":"meets","relation":{"arguments":[{"role":"who","annotation":"T1"},{"role":"whom","annotation":"T2"}]}}}
{"annotation":{"id":"R2","label":"trio","relation":{"arguments":[{"role":"one","annotation":"T1"},{"role":"two","annotation":"T2"},{"role":"three","annotation":"T3"}]}}}
"#;

/// What an annotation is, without its details.
fn identity(article: &ArticleContents, annotation: &Annotation) -> String {
    let of = |annotation: &Annotation| match &annotation.target {
        Target::Spans(mention) => mention.quotes.join("|"),
        Target::Relation(_) => "relation".to_owned(),
        Target::Article => "article".to_owned(),
    };
    let used = annotation.target.arguments().iter().map(|argument| {
        let used = article.annotations.iter().find(|other| other.id == argument.annotation).unwrap();
        of(used)
    });
    format!("{} {} {:?}", annotation.label, of(annotation), used.collect::<Vec<_>>())
}

/// The details of an annotation, by the feature that they are.
fn details(annotation: &Annotation) -> Vec<(Feature, String)> {
    let mut details = Vec::new();
    let mut put = |is: bool, feature: Feature, detail: String| {
        if is {
            details.push((feature, detail));
        }
    };
    put(annotation.layer.as_str() != "default", Feature::Layers, annotation.layer.to_string());
    put(!annotation.note.is_empty(), Feature::Notes, annotation.note.clone());
    put(annotation.score.is_some(), Feature::Scores, format!("{:?}", annotation.score));
    put(annotation.state == State::Suggested, Feature::Suggestions, String::new());
    put(annotation.state == State::Rejected, Feature::Rejections, String::new());
    let roles: Vec<_> = annotation.target.arguments().iter().map(|it| it.role.as_str()).collect();
    put(!roles.is_empty(), Feature::Roles, roles.join(" "));
    for (name, value) in &annotation.attributes {
        let feature = match value {
            AttributeValue::String(_) => Feature::StringAttributes,
            AttributeValue::Bool(true) => Feature::Flags,
            _ => Feature::OtherAttributes,
        };
        if ["Kind", "Sure", "Count"].contains(&name.as_str()) {
            put(true, feature, format!("{name} {value:?}"));
        }
    }
    details
}

/// What of `before` is missing in `after`, as losses count it. What depends on the shape of spans is one number.
fn missing(before: &[ArticleContents], after: &[ArticleContents]) -> BTreeMap<String, u64> {
    let mut missing = BTreeMap::<String, u64>::new();
    let mut miss = |what: &str| *missing.entry(what.to_owned()).or_default() += 1;
    for article in before {
        // Where ids are lost, texts and what is said tell articles apart.
        let same = after.iter().find(|other| other.id == article.id);
        let same = same.or_else(|| {
            let place = before.iter().position(|other| other.id == article.id).unwrap();
            after.get(place).filter(|other| other.text.as_str() == article.text.as_str())
        });
        let Some(same) = same else { panic!("{} is gone", article.id) };
        assert_eq!(same.text.as_str(), article.text.as_str(), "{}", article.id);
        let details_of_article = [
            (Feature::ArticleIds, same.id != article.id),
            (Feature::Titles, same.details.title != article.details.title),
            (Feature::Languages, same.details.language != article.details.language),
            (
                Feature::Metadata,
                article
                    .details
                    .metadata
                    .iter()
                    .any(|(name, value)| same.details.metadata.get(name) != Some(value)),
            ),
        ];
        for (feature, is_lost) in details_of_article {
            if is_lost {
                miss(feature.name());
            }
        }
        let mut left: Vec<_> = same.annotations.iter().collect();
        for annotation in &article.annotations {
            let wanted = identity(article, annotation);
            let Some(place) = left.iter().position(|other| identity(same, other) == wanted) else {
                miss("annotations");
                continue;
            };
            let found = details(left.remove(place));
            for detail in details(annotation) {
                if !found.contains(&detail) {
                    miss(detail.0.name());
                }
            }
        }
    }
    missing
}

/// Losses that leave out an annotation.
const SHAPES: [Feature; 10] = [
    Feature::Spans,
    Feature::DiscontinuousSpans,
    Feature::CrossingSpans,
    Feature::NestedSpans,
    Feature::EmptySpans,
    Feature::Relations,
    Feature::OtherRelations,
    Feature::NestedRelations,
    Feature::ArticleLabels,
    Feature::Orphans,
];

#[test]
fn what_is_missing_is_what_was_said_to_be_lost() {
    let native = read(Format::Native, &[("p.jsonl", FILE)]);
    assert_eq!(native.problems, [""; 0]);
    let before: Vec<_> = native.contents().cloned().collect();
    let mut wrong = Vec::new();
    println!("| format | lost |\n| --- | --- |");
    for format in Format::ALL {
        let id = format.facts().id;
        let written = write(format, &before);
        let again = crate::files::read_in(
            format,
            spandrel::formats::exchange::UnitChoice::Of(
                format.facts().unit.unwrap_or(spandrel::domain::text::Unit::CodePoints),
            ),
            &written.as_files(),
        );
        assert_eq!(again.problems, [""; 0], "{id}");
        let after: Vec<_> = again.contents().cloned().collect();
        let mut said = BTreeMap::<String, u64>::new();
        for loss in written.losses.clone().into_vec() {
            let is_shape = SHAPES.iter().any(|shape| shape.name() == loss.feature);
            // Where a file came from is no part of these, and neither are what files need not say.
            if [Feature::SourceUris, Feature::AnnotationIds].iter().any(|it| it.name() == loss.feature) {
                continue;
            }
            *said.entry(if is_shape { "annotations".to_owned() } else { loss.feature }).or_default() +=
                loss.count;
        }
        let missing = missing(&before, &after);
        println!("| {id} | {said:?} |");
        if missing != said {
            wrong.push(format!("{id}: missing {missing:?}, said {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
