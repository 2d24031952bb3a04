//! The flags that say what an annotation is about.

use std::str::FromStr;

use clap::Args;
use uuid::Uuid;

use super::{
    arguments::{self, RangeArgument},
    failure::Failure,
};
use crate::{
    domain::ids::{AnnotationId, AnnotationName, ArticleName},
    proto::v1::{self, annotation::Target},
};

/// The flags by their ids.
pub(super) const TARGET: [&str; 6] = ["quote", "utf8", "utf16", "code_points", "relation", "whole_article"];

/// What an annotation is about.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it is about")]
pub(super) struct TargetArguments {
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
    /// The text revision that the ranges count in; once an article was revised, ranges without quotes need it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    text_revision: Option<u32>,
    /// Another annotation of the article and layer that takes part, and what it is to the relation, such as Agent=ID; may
    /// be given again. ID is a UUID or a full name.
    #[arg(long, value_name = "[ROLE=]ID")]
    relation: Vec<ArgumentArgument>,
    /// The article as a whole.
    #[arg(long)]
    whole_article: bool,
}

/// Which annotation is meant: its id, or its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    Id(Uuid),
    Name(Box<AnnotationName>),
}

/// `ROLE=ID`, or an `ID` that has no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArgumentArgument {
    role: String,
    annotation: Reference,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        if value.contains('/') {
            let name = AnnotationName::parse("", value).map_err(|error| error.problem.to_string())?;
            return Ok(Self::Name(Box::new(name)));
        }
        arguments::uuid(value).map(Self::Id).map_err(|must_be| format!("{must_be}, or a full name"))
    }
}

impl Reference {
    /// The full name; a bare id is one of `article`.
    pub(super) fn name(self, article: &ArticleName) -> String {
        match self {
            Self::Id(id) => article.annotation(AnnotationId::from(id)).to_string(),
            Self::Name(name) => name.to_string(),
        }
    }
}

impl FromStr for ArgumentArgument {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        // A role may hold anything, a name has no equals sign.
        let (role, annotation) = value.rsplit_once('=').unwrap_or(("", value));
        Ok(Self { role: role.to_owned(), annotation: annotation.parse()? })
    }
}

impl TargetArguments {
    /// The text revision that ranges count in; 0 when it is not said.
    pub(super) fn text_revision(&self) -> u32 {
        self.text_revision.unwrap_or(0)
    }

    /// What the annotation of the article is to be about; none when no flag says it.
    ///
    /// # Errors
    ///
    /// When the flags say several things, or not as much of each part.
    pub(super) fn target(&self, article: &ArticleName) -> Result<Option<Target>, Failure> {
        let spans = self.spans()?;
        let given = [!spans.is_empty(), !self.relation.is_empty(), self.whole_article];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(Failure::Usage(
                "an annotation is about one thing: spans (--quote or a range), other annotations (--relation), or \
                 the whole article (--whole-article)"
                    .to_owned(),
            ));
        }
        if self.text_revision.is_some() && spans.is_empty() {
            let message = "--text-revision says what ranges count in: it stands beside --utf8, --utf16 or --code-points";
            return Err(Failure::Usage(message.to_owned()));
        }
        if !spans.is_empty() {
            return Ok(Some(Target::Anchor(v1::Anchor { spans })));
        }
        if self.whole_article {
            return Ok(Some(Target::Article(v1::WholeArticle {})));
        }
        let argument = |it: &ArgumentArgument| v1::Argument {
            role: it.role.clone(),
            annotation: it.annotation.clone().name(article),
        };
        let arguments: Vec<_> = self.relation.iter().map(argument).collect();
        Ok((!arguments.is_empty()).then_some(Target::Relation(v1::Relation { arguments })))
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        target: TargetArguments,
    }

    fn target(arguments: &[&str]) -> Result<Option<Target>, Failure> {
        let line = Line::try_parse_from(["line"].iter().chain(arguments)).unwrap();
        let project = arguments::project("p").unwrap();
        line.target.target(&project.article(arguments::article("a").unwrap()))
    }

    fn spans(arguments: &[&str]) -> Vec<v1::Span> {
        match target(arguments).unwrap().unwrap() {
            Target::Anchor(anchor) => anchor.spans,
            other @ (Target::Relation(_) | Target::Article(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_given_of_a_span_is_sent_and_nothing_else() {
        let range = Some(v1::Range { start: 0, end: 3 });
        let empty = v1::Span::default;
        assert_eq!(spans(&["--utf8", "0..3"]), [v1::Span { utf8: range, ..empty() }]);
        assert_eq!(spans(&["--utf16", "0..3"]), [v1::Span { utf16: range, ..empty() }]);
        assert_eq!(spans(&["--code-points", "0..3"]), [v1::Span { code_points: range, ..empty() }]);
        let quote = ["--quote", "ZTE", "--prefix", "-", "--suffix", " to"];
        let expected = v1::Span { quote: "ZTE".into(), prefix: "-".into(), suffix: " to".into(), ..empty() };
        assert_eq!(spans(&quote), [expected]);
    }

    #[test]
    fn flags_given_again_are_further_parts() {
        let parts = spans(&["--quote", "a", "--utf8", "0..1", "--quote", "b", "--utf8", "4..5"]);
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[1].quote.as_str(), parts[1].utf8), ("b", Some(v1::Range { start: 4, end: 5 })));
    }

    #[test]
    fn a_relation_has_arguments_in_roles_or_without() {
        let name = format!("projects/p/articles/a/annotations/{ID}");
        let check = |given: &str, role: &str| {
            let argument = v1::Argument { role: role.to_owned(), annotation: name.clone() };
            let relation = v1::Relation { arguments: vec![argument] };
            assert_eq!(target(&["--relation", given]).unwrap(), Some(Target::Relation(relation)), "{given}");
        };
        check(ID, "");
        check(&ID.to_uppercase(), "");
        check(&name, "");
        check(&format!("={ID}"), "");
        check(&format!("Agent={ID}"), "Agent");
        check(&format!("a=b={name}"), "a=b");
        let error = "Agent=7".parse::<ArgumentArgument>().unwrap_err();
        assert!(error.contains("such as 0190163d-") && error.ends_with("or a full name"), "{error}");
        assert!("x=projects/p".parse::<ArgumentArgument>().is_err());
    }

    #[test]
    fn an_annotation_is_about_one_thing() {
        assert_eq!(target(&[]).unwrap(), None);
        assert_eq!(target(&["--whole-article"]).unwrap(), Some(Target::Article(v1::WholeArticle {})));
        let check = |arguments: &[&str], message: &str| {
            let Err(Failure::Usage(said)) = target(arguments) else { panic!("{arguments:?} is taken") };
            assert!(said.contains(message), "{said}");
        };
        check(&["--whole-article", "--quote", "q"], "about one thing");
        check(&["--relation", ID, "--utf8", "0..1"], "about one thing");
        check(&["--relation", ID, "--whole-article"], "about one thing");
        check(&["--text-revision", "2", "--whole-article"], "stands beside --utf8");
        check(
            &["--quote", "a", "--utf8", "0..1", "--utf8", "4..5"],
            "--quote is given once and --utf8 2 times",
        );
    }
}
