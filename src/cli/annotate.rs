//! `spandrel annotate`.

use clap::Args;
use uuid::Uuid;

use super::{
    arguments::{self, RangeArgument},
    failure::Failure,
    output::Output,
    render::printable,
};
use crate::{
    client::{Client, Server},
    domain::ids::{ArticleId, LayerId, ProjectName},
    proto::v1::{self, annotation::Target},
};

const ANNOTATION: &str = "spandrel.v1.Annotation";

/// What `annotate` takes.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("place").required(true).multiple(true)
    .args(["quote", "utf8", "utf16", "code_points"]))]
pub(super) struct Annotate {
    /// The project's id.
    #[arg(value_parser = arguments::project)]
    project: ProjectName,
    /// The article's id.
    #[arg(value_parser = arguments::article)]
    article: ArticleId,
    /// What is said of the span.
    #[arg(long, allow_hyphen_values = true)]
    label: String,
    /// The text that the span covers; beside a range it is checked, alone it is searched for.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    quote: Vec<String>,
    /// What stands right before the quote, to tell apart equal ones.
    #[arg(long, value_name = "TEXT", requires = "quote", allow_hyphen_values = true)]
    prefix: Vec<String>,
    /// What stands right after the quote, to tell apart equal ones.
    #[arg(long, value_name = "TEXT", requires = "quote", allow_hyphen_values = true)]
    suffix: Vec<String>,
    /// The range in bytes of UTF-8, half-open: 3..9 is six bytes.
    #[arg(long, value_name = "A..B")]
    utf8: Vec<RangeArgument>,
    /// The range in UTF-16 code units, as JavaScript and Java count.
    #[arg(long, value_name = "A..B")]
    utf16: Vec<RangeArgument>,
    /// The range in code points, as Python counts.
    #[arg(long, value_name = "A..B")]
    code_points: Vec<RangeArgument>,
    /// The annotator's or model's pass that it belongs to.
    #[arg(long, default_value = LayerId::DEFAULT, value_parser = arguments::layer)]
    layer: LayerId,
    /// The annotation's id; the server makes one otherwise.
    #[arg(long, value_name = "UUID", value_parser = arguments::uuid)]
    id: Option<Uuid>,
    /// Check everything and store nothing.
    #[arg(long)]
    validate_only: bool,
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
        let verb = if validate_only { "valid, not stored:" } else { "created" };
        output.print(&shown(&annotation, verb))
    }

    fn request(self) -> Result<v1::CreateAnnotationRequest, Failure> {
        let spans = self.spans()?;
        Ok(v1::CreateAnnotationRequest {
            parent: self.project.article(self.article).to_string(),
            annotation_id: self.id.map_or_else(String::new, |id| id.hyphenated().to_string()),
            annotation: Some(v1::Annotation {
                layer: self.layer.to_string(),
                label: self.label,
                target: Some(Target::Anchor(v1::Anchor { spans })),
                ..v1::Annotation::default()
            }),
            validate_only: self.validate_only,
            ..v1::CreateAnnotationRequest::default()
        })
    }

    /// The parts of the mention: the n-th takes the n-th of each flag.
    fn spans(&self) -> Result<Vec<v1::Span>, Failure> {
        let given = [
            ("--quote", self.quote.len()),
            ("--prefix", self.prefix.len()),
            ("--suffix", self.suffix.len()),
            ("--utf8", self.utf8.len()),
            ("--utf16", self.utf16.len()),
            ("--code-points", self.code_points.len()),
        ];
        let count = given.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let most = given.iter().find(|(_, it)| *it == count);
        let fewer = given.iter().find(|(_, it)| *it != 0 && *it != count);
        if let (Some((flag, fewer)), Some((other, _))) = (fewer, most) {
            let fewer = if *fewer == 1 { "once".to_owned() } else { format!("{fewer} times") };
            return Err(Failure::Usage(format!(
                "{flag} is given {fewer} and {other} {count} times: a mention of {count} parts needs each of them \
                 {count} times"
            )));
        }
        let range = |ranges: &[RangeArgument], part: usize| ranges.get(part).copied().map(v1::Range::from);
        let text = |texts: &[String], part: usize| texts.get(part).cloned().unwrap_or_default();
        Ok((0..count)
            .map(|part| v1::Span {
                utf8: range(&self.utf8, part),
                utf16: range(&self.utf16, part),
                code_points: range(&self.code_points, part),
                quote: text(&self.quote, part),
                prefix: text(&self.prefix, part),
                suffix: text(&self.suffix, part),
            })
            .collect())
    }
}

/// The annotation as people read it: its id, and each span in its quote and its three ranges.
fn shown(annotation: &v1::Annotation, verb: &str) -> String {
    let id = annotation.name.rsplit('/').next().unwrap_or_default();
    let id = if id.is_empty() { String::new() } else { format!(" {}", printable(id)) };
    let head =
        format!("{verb}{id}  {}  in layer {}", printable(&annotation.label), printable(&annotation.layer));
    let spans = match &annotation.target {
        Some(Target::Anchor(anchor)) => anchor.spans.as_slice(),
        Some(Target::Relation(_) | Target::Article(_)) | None => &[],
    };
    let range = |range: Option<v1::Range>| {
        range.map_or_else(|| "?".to_owned(), |range| format!("{}..{}", range.start, range.end))
    };
    let mut lines = vec![head];
    for span in spans {
        if !span.quote.is_empty() {
            lines.push(format!("  quote        {}", printable(&span.quote)));
        }
        lines.push(format!("  code points  {}", range(span.code_points)));
        lines.push(format!("  utf16        {}", range(span.utf16)));
        lines.push(format!("  utf8         {}", range(span.utf8)));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Ask, Cli, Command};

    fn request(arguments: &[&str]) -> Result<v1::CreateAnnotationRequest, Failure> {
        let line = ["spandrel", "annotate", "p", "a", "--label", "ORG"].iter().chain(arguments);
        let Command::Ask(Ask::Annotate(annotate)) = Cli::try_parse_from(line).unwrap().command else {
            panic!("{arguments:?} is another command");
        };
        annotate.request()
    }

    fn spans(arguments: &[&str]) -> Vec<v1::Span> {
        match request(arguments).unwrap().annotation.unwrap().target.unwrap() {
            Target::Anchor(anchor) => anchor.spans,
            other @ (Target::Relation(_) | Target::Article(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_given_is_sent_and_nothing_else() {
        let range = Some(v1::Range { start: 0, end: 3 });
        let empty = v1::Span::default;
        assert_eq!(spans(&["--utf8", "0..3"]), [v1::Span { utf8: range, ..empty() }]);
        assert_eq!(spans(&["--utf16", "0..3"]), [v1::Span { utf16: range, ..empty() }]);
        assert_eq!(spans(&["--code-points", "0..3"]), [v1::Span { code_points: range, ..empty() }]);
        let quote = ["--quote", "ZTE", "--prefix", "-", "--suffix", " to"];
        let expected = v1::Span { quote: "ZTE".into(), prefix: "-".into(), suffix: " to".into(), ..empty() };
        assert_eq!(spans(&quote), [expected]);
        let request =
            request(&["--quote", "x", "--validate-only", "--id", "0190163D-8694-739B-AEA5-966C26F8AD91"]);
        let request = request.unwrap();
        assert_eq!(request.parent, "projects/p/articles/a");
        assert_eq!(request.annotation_id, "0190163d-8694-739b-aea5-966c26f8ad91");
        assert_eq!(request.annotation.unwrap().layer, "default");
        assert!(request.validate_only);
    }

    #[test]
    fn flags_given_again_are_further_parts() {
        let parts = spans(&["--quote", "a", "--utf8", "0..1", "--quote", "b", "--utf8", "4..5"]);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[1].quote.as_str(), parts[1].utf8), ("b", Some(v1::Range { start: 4, end: 5 })));
        let failure = request(&["--quote", "a", "--utf8", "0..1", "--utf8", "4..5"]).unwrap_err();
        assert!(
            matches!(&failure, Failure::Usage(message) if message.starts_with("--quote is given once and --utf8 2 times"))
        );
    }

    #[test]
    fn an_annotation_is_shown_in_all_units() {
        let range = |start, end| Some(v1::Range { start, end });
        let span = v1::Span {
            utf8: range(4, 8),
            utf16: range(2, 4),
            code_points: range(1, 2),
            quote: "😀\u{1b}".into(),
            ..v1::Span::default()
        };
        let annotation = v1::Annotation {
            name: "projects/p/articles/a/annotations/0190163d-8694-739b-aea5-966c26f8ad91".into(),
            layer: "default".into(),
            label: "ORG".into(),
            target: Some(Target::Anchor(v1::Anchor { spans: vec![span] })),
            ..v1::Annotation::default()
        };
        assert_eq!(
            shown(&annotation, "created"),
            "created 0190163d-8694-739b-aea5-966c26f8ad91  ORG  in layer default\n  quote        😀␛\n  \
             code points  1..2\n  utf16        2..4\n  utf8         4..8\n"
        );
    }
}
