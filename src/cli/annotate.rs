//! `spandrel annotate`.

use clap::{ArgGroup, Args};
use uuid::Uuid;

use super::{
    annotation::{ANNOTATION, done},
    arguments,
    detail_arguments::DetailArguments,
    failure::Failure,
    output::Output,
    target_arguments::{TARGET, TargetArguments},
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1,
};

/// What `annotate` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).multiple(true).args(TARGET))]
pub(super) struct Annotate {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// What is said.
    #[arg(long, allow_hyphen_values = true)]
    label: String,
    /// The annotator's or model's pass that it belongs to.
    #[arg(long, default_value = LayerId::DEFAULT, value_parser = arguments::layer)]
    layer: LayerId,
    /// The annotation's id; the server makes one otherwise.
    #[arg(long, value_name = "UUID", value_parser = arguments::uuid)]
    id: Option<Uuid>,
    /// Check everything and store nothing.
    #[arg(long)]
    validate_only: bool,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    details: DetailArguments,
}

impl Annotate {
    /// Asks the server.
    pub(super) async fn run(self, server: &Server, output: &mut Output) -> Result<(), Failure> {
        let validate_only = self.validate_only;
        let request = self.request()?;
        let client = Client::connect(server).await?;
        let annotation = client.call(request).await?;
        if output.json {
            return output.print_json(ANNOTATION, &annotation, &[]);
        }
        let verb = if validate_only { "valid, not stored: " } else { "created " };
        output.print(&done(&annotation, verb))
    }

    fn request(self) -> Result<v1::CreateAnnotationRequest, Failure> {
        let Self { project, article, label, layer, id, validate_only, target, details } = self;
        let article = project.article(article);
        let annotation = v1::Annotation {
            layer: layer.to_string(),
            label,
            target: target.target(&article)?,
            text_revision: target.text_revision(),
            ..v1::Annotation::default()
        };
        Ok(v1::CreateAnnotationRequest {
            parent: article.to_string(),
            annotation_id: id.map_or_else(String::new, |id| id.hyphenated().to_string()),
            annotation: Some(details.onto(annotation, &article)?),
            validate_only,
            ..v1::CreateAnnotationRequest::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::{Ask, Cli, Command},
        proto::v1::annotation::Target,
    };

    fn request(arguments: &[&str]) -> Result<v1::CreateAnnotationRequest, Failure> {
        let line = ["spandrel", "annotate", "p", "a", "--label", "ORG"].iter().chain(arguments);
        let Command::Ask(Ask::Annotate(annotate)) = Cli::try_parse_from(line).unwrap().command else {
            panic!("{arguments:?} is another command");
        };
        annotate.request()
    }

    #[test]
    fn what_is_given_is_sent_and_nothing_else() {
        let id = "0190163D-8694-739B-AEA5-966C26F8AD91";
        let sent = request(&["--quote", "x", "--validate-only", "--id", id]).unwrap();
        let spans = vec![v1::Span { quote: "x".into(), ..v1::Span::default() }];
        let expected = v1::CreateAnnotationRequest {
            parent: "projects/p/articles/a".into(),
            annotation_id: id.to_lowercase(),
            annotation: Some(v1::Annotation {
                layer: "default".into(),
                label: "ORG".into(),
                target: Some(Target::Anchor(v1::Anchor { spans })),
                ..v1::Annotation::default()
            }),
            validate_only: true,
            request_id: String::new(),
        };
        assert_eq!(sent, expected);
    }

    #[test]
    fn what_it_says_beside_its_label_is_sent() {
        let id = "0190163d-8694-739b-aea5-966c26f8ad91";
        let details = ["--attribute", "a=1", "--attribute", "b=x", "--note", "-", "--score", "0.5"];
        let more = ["--state", "rejected", "--derived-from", id, "--layer", "gold", "--text-revision", "2"];
        let sent = request(&[&["--utf8", "0..1"], &details[..], &more].concat()).unwrap();
        let annotation = sent.annotation.unwrap();
        assert_eq!(annotation.attributes.len(), 2);
        assert_eq!((annotation.note.as_str(), annotation.score), ("-", Some(0.5)));
        assert_eq!((annotation.state(), annotation.layer.as_str()), (v1::State::Rejected, "gold"));
        assert_eq!(annotation.derived_from, [format!("projects/p/articles/a/annotations/{id}")]);
        assert_eq!(annotation.text_revision, 2);
        let twice = request(&["--whole-article", "--attribute", "a=1", "--attribute", "a=2"]);
        assert!(matches!(twice, Err(Failure::Usage(message)) if message.contains("given twice")));
    }
}
