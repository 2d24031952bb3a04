//! `spandrel annotation update`.

use clap::Args;

use super::{ANNOTATION, InArticle, done};
use crate::{
    cli::{
        detail_arguments::DetailArguments,
        failure::Failure,
        output::Output,
        target_arguments::{Reference, TargetArguments},
    },
    client::{Client, Server},
    proto::v1::{self, annotation::Target},
};

/// What `update` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Update {
    #[command(flatten)]
    article: InArticle,
    /// The annotation: its UUID or its full name.
    #[arg(value_name = "ID")]
    annotation: Reference,
    /// What is said.
    #[arg(long, allow_hyphen_values = true)]
    label: Option<String>,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    details: DetailArguments,
    /// An attribute that it loses; may be given again. Those that no flag names stay.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    no_attribute: Vec<String>,
    /// It has no score any more.
    #[arg(long, conflicts_with = "score")]
    no_score: bool,
    /// It was made from nothing.
    #[arg(long, conflicts_with = "derived_from")]
    no_derived_from: bool,
    /// Only if it still has this etag.
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    /// Check everything and store nothing.
    #[arg(long)]
    validate_only: bool,
}

/// What is asked for, and what has to be read before.
#[derive(Debug, PartialEq)]
struct Plan {
    request: v1::UpdateAnnotationRequest,
    /// Attributes that are set or lost, while the others stay.
    attributes: Option<Attributes>,
}

#[derive(Debug, PartialEq)]
struct Attributes {
    set: std::collections::BTreeMap<String, v1::AttributeValue>,
    lost: Vec<String>,
}

impl Update {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let validate_only = self.validate_only;
        let Plan { mut request, attributes } = self.plan()?;
        let client = Client::connect(server).await?;
        if let (Some(attributes), Some(annotation)) = (attributes, request.annotation.as_mut()) {
            // An update replaces all attributes. With the etag of those that were read nobody else's are lost.
            let read = client.call(v1::GetAnnotationRequest { name: annotation.name.clone() }).await?;
            attributes.onto(annotation, read);
        }
        let annotation = client.call(request).await?;
        if output.json {
            return output.print_json(ANNOTATION, &annotation, &[]);
        }
        let verb = if validate_only { "valid, not stored: " } else { "updated " };
        output.print(&done(&annotation, verb))
    }

    fn plan(self) -> Result<Plan, Failure> {
        let Self {
            article,
            annotation,
            label,
            target,
            details,
            no_attribute,
            no_score,
            no_derived_from,
            etag,
            validate_only,
        } = self;
        let article = article.name();
        let name = annotation.name(&article);
        let text_revision = target.text_revision();
        let target = target.target(&article)?;
        let path = match &target {
            Some(Target::Anchor(_)) => "anchor",
            Some(Target::Relation(_)) => "relation",
            Some(Target::Article(_)) => "article",
            None => "",
        };
        let changes_attributes = !details.attribute.is_empty() || !no_attribute.is_empty();
        let paths = [
            ("label", label.is_some()),
            (path, target.is_some()),
            ("attributes", changes_attributes),
            ("note", details.note.is_some()),
            ("score", details.score.is_some() || no_score),
            ("state", details.state.is_some()),
            ("derived_from", !details.derived_from.is_empty() || no_derived_from),
        ];
        let paths: Vec<_> =
            paths.iter().filter(|(_, given)| *given).map(|(path, _)| (*path).to_owned()).collect();
        if paths.is_empty() {
            let message = "nothing is to be changed: say what, such as --label, --quote, --state or --note";
            return Err(Failure::Usage(message.to_owned()));
        }
        let label = label.unwrap_or_default();
        let annotation =
            v1::Annotation { name, label, target, text_revision, etag, ..v1::Annotation::default() };
        let mut annotation = details.onto(annotation, &article)?;
        let set = std::mem::take(&mut annotation.attributes);
        if let Some(both) = no_attribute.iter().find(|name| set.contains_key(*name)) {
            return Err(Failure::Usage(format!(
                "the attribute {both} is both set and lost: give one of the two"
            )));
        }
        Ok(Plan {
            request: v1::UpdateAnnotationRequest {
                annotation: Some(annotation),
                update_mask: Some(prost_types::FieldMask { paths }),
                validate_only,
                ..v1::UpdateAnnotationRequest::default()
            },
            attributes: changes_attributes.then_some(Attributes { set, lost: no_attribute }),
        })
    }
}

impl Attributes {
    /// Gives the annotation the attributes that were read, changed, and the etag that they were read with.
    fn onto(self, annotation: &mut v1::Annotation, read: v1::Annotation) {
        let Self { set, lost } = self;
        annotation.attributes = read.attributes;
        annotation.attributes.retain(|name, _| !lost.contains(name));
        annotation.attributes.extend(set);
        if annotation.etag.is_empty() {
            annotation.etag = read.etag;
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command, annotation, attribute};

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    fn plan(arguments: &[&str]) -> Result<Plan, Failure> {
        let line = ["spandrel", "annotation", "update", "p", "a", ID];
        let parsed = Cli::try_parse_from(line.iter().chain(arguments)).unwrap().command;
        let Command::Ask(Ask::Annotation(annotation::Annotation::Update(update))) = parsed else {
            panic!("{arguments:?} is another command");
        };
        update.plan()
    }

    #[test]
    fn the_mask_names_what_is_given() {
        let check = |arguments: &[&str], expected: &[&str]| {
            let request = plan(arguments).unwrap().request;
            assert_eq!(request.annotation.unwrap().name, format!("projects/p/articles/a/annotations/{ID}"));
            assert_eq!(request.update_mask.unwrap().paths, expected, "{arguments:?}");
        };
        check(&["--label", "ORG"], &["label"]);
        check(&["--quote", "q", "--prefix", "-"], &["anchor"]);
        check(&["--relation", ID], &["relation"]);
        check(&["--whole-article"], &["article"]);
        check(&["--note", ""], &["note"]);
        check(&["--no-score"], &["score"]);
        check(&["--no-derived-from"], &["derived_from"]);
        check(&["--attribute", "a=1"], &["attributes"]);
        check(&["--no-attribute", "a"], &["attributes"]);
        let all = ["--state", "suggested", "--score", "0", "--derived-from", ID, "--label", "L"];
        check(&all, &["label", "score", "state", "derived_from"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let check = |arguments: &[&str], message: &str| {
            let Err(Failure::Usage(said)) = plan(arguments) else { panic!("{arguments:?} is taken") };
            assert!(said.contains(message), "{said}");
        };
        check(&[], "nothing is to be changed: say what");
        check(&["--etag", "x", "--validate-only"], "nothing is to be changed");
        check(&["--quote", "q", "--whole-article"], "about one thing");
        check(&["--attribute", "a=1", "--no-attribute", "a"], "give one of the two");
    }

    #[test]
    fn attributes_that_no_flag_names_stay() {
        let value = |argument: &str| {
            let it = attribute::parse(argument).unwrap();
            (it.name, it.value)
        };
        let Plan { request, attributes } =
            plan(&["--attribute", "b=2", "--attribute", "d=new", "--no-attribute", "c"]).unwrap();
        let read = v1::Annotation {
            attributes: [value("a=1"), value("b=1"), value("c=1")].into(),
            note: "not asked for".into(),
            etag: "read".into(),
            ..v1::Annotation::default()
        };
        let mut annotation = request.annotation.unwrap();
        attributes.unwrap().onto(&mut annotation, read.clone());
        assert_eq!(annotation.attributes, [value("a=1"), value("b=2"), value("d=new")].into());
        assert_eq!((annotation.etag.as_str(), annotation.note.as_str()), ("read", ""));

        let Plan { request, attributes } = plan(&["--no-attribute", "c", "--etag", "mine"]).unwrap();
        let mut annotation = request.annotation.unwrap();
        attributes.unwrap().onto(&mut annotation, read);
        assert_eq!(annotation.etag, "mine");
        assert_eq!(plan(&["--label", "L"]).unwrap().attributes, None);
    }
}
