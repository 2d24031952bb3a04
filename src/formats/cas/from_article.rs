//! From an article to the CAS that says the same.

use std::collections::{HashMap, HashSet};

use super::{
    feature_names::feature_of,
    model::{
        ANNOTATION, Cas, FS_ARRAY, METADATA, STRING, STRING_ARRAY, Structure, TOP, Types, Value, View,
        is_reference_list,
    },
    to_articles::{DOCUMENT_LABEL, METADATA_FIELD, OWNER},
    type_names::{
        CHAIN, DEPENDENT, GOVERNOR, HOST, LINK, RELATION_LABEL, VALUE, is_type, relation_type_of, slot_of,
        type_of, type_of_label,
    },
};
use crate::{
    domain::{
        annotations::{Annotation, Target},
        attributes::AttributeValue,
        ids::AnnotationId,
    },
    formats::exchange::{
        ArticleContents, Feature, LocalId, Output, article_id_of, count_losses, in_file_order,
    },
};

const BASE: &str = "uima.cas.AnnotationBase";
const PAIRS: [[&str; 2]; 3] = [[GOVERNOR, DEPENDENT], ["Source", "Target"], ["source", "target"]];
/// Links that come with the annotation tools.
const KNOWN_LINK: (&str, &str) = ("SemPred:arguments", "SemArgLink");

/// An article on its way.
struct Making<'a, 'o> {
    article: &'a ArticleContents,
    types: &'o mut Types,
    output: &'o mut dyn Output,
    ids: HashMap<AnnotationId, u64>,
    taken: HashSet<u64>,
    next: u64,
    sofa: u64,
    /// Where annotations that structures can refer to are.
    ranges: HashMap<AnnotationId, (u32, u32)>,
    structures: Vec<Structure>,
    places: HashMap<AnnotationId, usize>,
}

/// The CAS of an article, whose types are declared in `types`. Answers it, and tells the output what is lost.
pub(in crate::formats) fn cas_of(
    article: &ArticleContents,
    carried: &[Feature],
    types: &mut Types,
    output: &mut dyn Output,
) -> Cas {
    // Whether these are carried shows in each.
    let counted: Vec<_> = carried.iter().copied().chain([Feature::OtherRelations]).collect();
    let kept: HashSet<_> =
        count_losses(article, &counted, output).iter().map(|annotation| annotation.id).collect();
    let annotations: Vec<_> =
        in_file_order(&article.annotations).into_iter().filter(|it| kept.contains(&it.id)).collect();
    let mut making = Making {
        article,
        types,
        output,
        ids: HashMap::new(),
        taken: HashSet::new(),
        next: 1,
        sofa: 0,
        ranges: HashMap::new(),
        structures: Vec::new(),
        places: HashMap::new(),
    };
    making.name(&annotations);
    making.document();
    making.find_ranges(&annotations);
    for annotation in &annotations {
        making.annotation(annotation);
    }
    for annotation in &annotations {
        making.references(annotation);
    }
    let Making { sofa, structures, .. } = making;
    let members =
        structures.iter().filter(|structure| structure.get("sofa").is_some()).map(|it| it.id).collect();
    let text = Some(article.text.as_str().to_owned());
    Cas { views: vec![View { id: sofa, name: "_InitialView".to_owned(), text, members }], structures }
}

impl Making<'_, '_> {
    fn name(&mut self, annotations: &[&Annotation]) {
        for annotation in annotations {
            if let Some(LocalId::Number(number)) = LocalId::of(annotation.id)
                && number > 0
                && self.taken.insert(number)
            {
                self.ids.insert(annotation.id, number);
            }
        }
        self.sofa = self.fresh();
        for annotation in annotations {
            if !self.ids.contains_key(&annotation.id) {
                let id = self.fresh();
                self.ids.insert(annotation.id, id);
            }
        }
    }

    fn fresh(&mut self) -> u64 {
        while !self.taken.insert(self.next) {
            self.next += 1;
        }
        self.next
    }

    fn id(&self, annotation: AnnotationId) -> u64 {
        self.ids.get(&annotation).copied().unwrap_or_default()
    }

    fn lose(&mut self, feature: Feature, annotation: &Annotation) {
        self.output.loss(feature.name(), format!("{}/{}", self.article.id, annotation.id));
    }

    /// A structure with its place in the text.
    fn structure(&mut self, id: u64, type_name: &str, range: Option<(u32, u32)>) -> Structure {
        let mut features = vec![("sofa".to_owned(), Value::Ref(self.sofa))];
        if let Some((begin, end)) = range {
            features.push(("begin".to_owned(), Value::Int(begin.into())));
            features.push(("end".to_owned(), Value::Int(end.into())));
        }
        self.types.declare(type_name, if range.is_some() { ANNOTATION } else { BASE }, None);
        Structure { id, type_name: type_name.to_owned(), line: 0, features }
    }

    fn text(&mut self, structure: &mut Structure, feature: &str, value: &str) {
        self.types.declare(&structure.type_name, ANNOTATION, Some((feature, STRING)));
        structure.features.push((feature.to_owned(), Value::Text(value.to_owned())));
    }

    fn document(&mut self) {
        let details = &self.article.details;
        let whole = (0, self.article.text.length().utf16);
        let id = self.fresh();
        self.types.declare(METADATA, "uima.tcas.DocumentAnnotation", None);
        let mut document = self.structure(id, METADATA, Some(whole));
        let language = if details.language.is_empty() { "x-unspecified" } else { &details.language };
        document.features.push(("language".to_owned(), Value::Text(language.to_owned())));
        let own =
            details.metadata.get("documentId").map_or(self.article.id.as_str(), String::as_str).to_owned();
        self.text(&mut document, "documentId", &own);
        if !details.title.is_empty() {
            self.text(&mut document, "documentTitle", &details.title);
        }
        if !details.source_uri.is_empty() {
            self.text(&mut document, "documentUri", &details.source_uri);
        }
        for name in ["collectionId", "documentBaseUri"] {
            if let Some(value) = details.metadata.get(name) {
                self.text(&mut document, name, value);
            }
        }
        self.structures.push(document);
        for (key, value) in &details.metadata {
            if ["documentId", "collectionId", "documentBaseUri"].contains(&key.as_str()) {
                continue;
            }
            let id = self.fresh();
            let mut field = self.structure(id, METADATA_FIELD, Some((0, 0)));
            self.text(&mut field, "key", key);
            self.text(&mut field, "value", value);
            self.structures.push(field);
        }
    }

    /// Finds where spans are, and relations, which are where what they go to is.
    fn find_ranges(&mut self, annotations: &[&Annotation]) {
        for annotation in annotations {
            if let Target::Spans(mention) = &annotation.target {
                let hull = mention.anchor.hull();
                self.ranges.insert(annotation.id, (hull.start.utf16, hull.end.utf16));
            }
        }
        loop {
            let before = self.ranges.len();
            for annotation in annotations {
                let [from, to] = annotation.target.arguments() else { continue };
                let is_own = slot_of(annotation.label.as_str()).is_none()
                    || ![HOST, OWNER].contains(&from.role.as_str());
                if is_own
                    && !is_chain(annotation)
                    && self.ranges.contains_key(&from.annotation)
                    && let Some(range) = self.ranges.get(&to.annotation).copied()
                {
                    self.ranges.insert(annotation.id, range);
                }
            }
            if self.ranges.len() == before {
                break;
            }
        }
    }

    /// Writes what is a structure of its own.
    fn annotation(&mut self, annotation: &Annotation) {
        let (label, id) = (annotation.label.as_str(), self.id(annotation.id));
        let range = self.ranges.get(&annotation.id).copied();
        match &annotation.target {
            Target::Spans(_) => {
                let (type_name, value) = type_of(label);
                let mut structure = self.structure(id, &type_name, range);
                if let Some(value) = value {
                    self.text(&mut structure, VALUE, value);
                }
                self.attributes(&mut structure, annotation, if value.is_some() { &[VALUE] } else { &[] });
                self.push(annotation, structure);
            }
            Target::Relation(relation) => {
                let ([from, to], Some(range)) = (relation.arguments.as_slice(), range) else { return };
                let (type_name, said) = relation_type_of(label);
                let mut structure = self.structure(id, &type_name, Some(range));
                let roles = [from.role.as_str(), to.role.as_str()];
                let pair = PAIRS.into_iter().find(|pair| *pair == roles);
                for (name, argument) in pair.unwrap_or([GOVERNOR, DEPENDENT]).into_iter().zip([from, to]) {
                    self.types.declare(&type_name, ANNOTATION, Some((name, ANNOTATION)));
                    structure.features.push((name.to_owned(), Value::Ref(self.id(argument.annotation))));
                    if pair.is_none() && argument.role != name {
                        self.text(&mut structure, &format!("{name}Role"), &argument.role);
                    }
                }
                if let Some(label) = said {
                    self.text(&mut structure, RELATION_LABEL, label);
                }
                let reserved = [
                    RELATION_LABEL,
                    "GovernorRole",
                    "DependentRole",
                    GOVERNOR,
                    DEPENDENT,
                    "Source",
                    "Target",
                ];
                self.attributes(&mut structure, annotation, &reserved);
                self.push(annotation, structure);
            }
            Target::Article => {
                let named = type_of_label(label);
                let mut structure = self.structure(id, named.as_deref().unwrap_or(DOCUMENT_LABEL), None);
                if named.is_none() {
                    self.text(&mut structure, "label", label);
                }
                self.attributes(&mut structure, annotation, if named.is_none() { &["label"] } else { &[] });
                self.push(annotation, structure);
            }
        }
    }

    fn push(&mut self, annotation: &Annotation, structure: Structure) {
        self.places.insert(annotation.id, self.structures.len());
        self.structures.push(structure);
    }

    fn attributes(&mut self, structure: &mut Structure, annotation: &Annotation, reserved: &[&str]) {
        for (name, value) in &annotation.attributes {
            let feature = feature_of(name, reserved);
            let (range, lost, value) = match value {
                AttributeValue::Bool(value) => {
                    let lost = if *value { Feature::Flags } else { Feature::OtherAttributes };
                    ("uima.cas.Boolean", lost, Value::Bool(*value))
                }
                AttributeValue::Int(value) => {
                    let range = if feature == "order" { "uima.cas.Integer" } else { "uima.cas.Long" };
                    (range, Feature::OtherAttributes, Value::Int(*value))
                }
                AttributeValue::Double(value) => {
                    ("uima.cas.Double", Feature::OtherAttributes, Value::Double(*value))
                }
                AttributeValue::String(value) => {
                    (STRING, Feature::StringAttributes, Value::Text(value.clone()))
                }
                AttributeValue::StringList(values) => {
                    (STRING_ARRAY, Feature::OtherAttributes, Value::Texts(values.clone()))
                }
            };
            self.types.declare(&structure.type_name, ANNOTATION, Some((&feature, range)));
            // A feature has one range, whatever the annotation.
            if self.types.range(&structure.type_name, &feature) == Some(range) {
                structure.features.push((feature, value));
            } else {
                self.lose(lost, annotation);
            }
        }
    }

    /// Writes what features of others say: links, references, and chains.
    fn references(&mut self, annotation: &Annotation) {
        let arguments = annotation.target.arguments();
        if arguments.is_empty() || self.places.contains_key(&annotation.id) {
            return;
        }
        let label = annotation.label.as_str();
        let done = match (slot_of(label), arguments) {
            (Some((type_name, feature)), [host, target]) if annotation.attributes.is_empty() => {
                self.slot(annotation, &type_name, feature, [host, target])
            }
            (Some(_) | None, _) => self.chain(annotation),
        };
        if !done {
            let feature = if arguments.len() == 2 { Feature::Relations } else { Feature::OtherRelations };
            self.lose(feature, annotation);
        }
    }

    fn slot(
        &mut self,
        annotation: &Annotation,
        type_name: &str,
        feature: &str,
        [host, target]: [&crate::domain::annotations::Argument; 2],
    ) -> bool {
        let place = self.places.get(&host.annotation).copied();
        let is_host =
            place.and_then(|at| self.structures.get(at)).is_some_and(|it| it.type_name == type_name);
        if !is_host || !self.ranges.contains_key(&target.annotation) {
            return false;
        }
        let target_id = self.id(target.annotation);
        let (range, value) = if host.role == HOST {
            let link = link_type(annotation.label.as_str(), type_name, feature);
            self.types.declare(&link, TOP, Some(("role", STRING)));
            self.types.declare(&link, TOP, Some(("target", ANNOTATION)));
            let mut structure =
                Structure { id: self.id(annotation.id), type_name: link.clone(), ..Structure::default() };
            if !target.role.is_empty() {
                structure.features.push(("role".to_owned(), Value::Text(target.role.clone())));
            }
            structure.features.push(("target".to_owned(), Value::Ref(target_id)));
            let id = structure.id;
            self.structures.push(structure);
            (format!("{link}[]"), id)
        } else if target.role.is_empty() {
            (format!("{ANNOTATION}[]"), target_id)
        } else {
            return false;
        };
        self.types.declare(type_name, ANNOTATION, Some((feature, &range)));
        let is_list = self.types.range(type_name, feature).is_some_and(is_reference_list);
        let Some(structure) = place.and_then(|at| self.structures.get_mut(at)) else { return false };
        match structure.features.iter_mut().find(|(name, _)| name == feature) {
            Some((_, Value::Refs(ids))) => ids.push(value),
            Some(_) => return false,
            None if is_list => structure.features.push((feature.to_owned(), Value::Refs(vec![value]))),
            None => structure.features.push((feature.to_owned(), Value::Ref(value))),
        }
        true
    }

    /// A chain refers to its first link, and each link to the next one.
    fn chain(&mut self, annotation: &Annotation) -> bool {
        let label = annotation.label.as_str();
        let link = label
            .strip_suffix(CHAIN)
            .filter(|_| is_type(label))
            .and_then(|stem| type_of_label(&[stem, LINK].concat()));
        let (Some(link), Some(type_name)) = (link, type_of_label(label)) else { return false };
        let arguments = annotation.target.arguments();
        let places: Option<Vec<_>> =
            arguments.iter().map(|it| self.places.get(&it.annotation).copied()).collect();
        let Some(places) = places.filter(|_| annotation.attributes.is_empty()) else { return false };
        let is_free = |place: &usize| {
            let of_type = self.structures.get(*place).filter(|structure| structure.type_name == link);
            of_type.is_some_and(|structure| structure.get("next").is_none())
        };
        if !places.iter().all(is_free) || arguments.iter().any(|argument| !argument.role.is_empty()) {
            return false;
        }
        self.types.declare(&link, ANNOTATION, Some(("next", &link)));
        for (place, next) in places.iter().zip(arguments.iter().skip(1)) {
            let next = self.id(next.annotation);
            if let Some(structure) = self.structures.get_mut(*place) {
                structure.features.push(("next".to_owned(), Value::Ref(next)));
            }
        }
        let mut structure = self.structure(self.id(annotation.id), &type_name, None);
        self.types.declare(&type_name, BASE, Some(("first", &link)));
        let first = arguments.first().map(|argument| self.id(argument.annotation)).unwrap_or_default();
        structure.features.push(("first".to_owned(), Value::Ref(first)));
        self.structures.push(structure);
        true
    }
}

/// Whether a relation is a chain, by its label, and since its links have no roles.
fn is_chain(annotation: &Annotation) -> bool {
    let label = annotation.label.as_str();
    let arguments = annotation.target.arguments();
    label.ends_with(CHAIN) && is_type(label) && arguments.iter().all(|argument| argument.role.is_empty())
}

/// Tells the output if the article's id does not come back from the path of its file.
pub(in crate::formats) fn count_id_losses(article: &ArticleContents, stem: &str, output: &mut dyn Output) {
    if article_id_of(stem) != article.id.as_str() {
        output.loss(Feature::ArticleIds.name(), article.id.to_string());
    }
}

fn link_type(label: &str, type_name: &str, feature: &str) -> String {
    if label == KNOWN_LINK.0 {
        return type_of_label(KNOWN_LINK.1).unwrap_or_default();
    }
    let mut name = feature.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    [type_name, &name, LINK].concat()
}

/// The ranges of features as type systems in XML have them: a range, and what its elements are.
pub(in crate::formats) fn range_parts(range: &str) -> (&str, Option<&str>) {
    match range.strip_suffix("[]") {
        Some(element) => (FS_ARRAY, Some(element)),
        None => (range, None),
    }
}

/// Names as they are in UIMA: without what stands for no namespace.
pub(in crate::formats) fn uima_name(name: &str) -> &str {
    name.strip_prefix(super::model::NO_NAMESPACE).unwrap_or(name)
}

/// Names as they are here.
pub(in crate::formats) fn own_name(name: &str) -> String {
    if name.contains('.') || name.is_empty() {
        name.to_owned()
    } else {
        [super::model::NO_NAMESPACE, name].concat()
    }
}
