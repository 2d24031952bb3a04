//! What arguments are parsed into.

use std::str::FromStr;

use uuid::Uuid;

use crate::{
    domain::ids::{ArticleId, LayerId, ProjectId, ProjectName},
    proto::v1,
};

/// Parses PROJECT: an id, or `projects/{project}`.
pub(super) fn project(value: &str) -> Result<ProjectName, String> {
    let id = value.strip_prefix("projects/").unwrap_or(value);
    let project = ProjectId::parse("", id).map_err(|error| error.problem.to_string())?;
    Ok(ProjectName { project })
}

/// Parses ARTICLE.
pub(super) fn article(value: &str) -> Result<ArticleId, String> {
    ArticleId::parse("", value).map_err(|error| error.problem.to_string())
}

/// Parses a layer.
pub(super) fn layer(value: &str) -> Result<LayerId, String> {
    LayerId::parse("", value).map_err(|error| error.problem.to_string())
}

/// Parses an annotation's id.
pub(super) fn uuid(value: &str) -> Result<Uuid, String> {
    value.parse().map_err(|_| "must be a UUID, such as 0190163d-8694-739b-aea5-966c26f8ad91".to_owned())
}

/// Parses `KEY=VALUE`.
pub(super) fn metadata(value: &str) -> Result<(String, String), String> {
    match value.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

/// A half-open range, `A..B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RangeArgument {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl FromStr for RangeArgument {
    type Err = String;

    fn from_str(value: &str) -> Result<Self, String> {
        let wrong =
            || "must be A..B, two numbers such as 3..9: A is the first position, B the one after the last";
        let (start, end) = value.split_once("..").ok_or_else(wrong)?;
        if let Some(last) = end.strip_prefix('=').and_then(|last| last.trim().parse::<u32>().ok()) {
            let end = u64::from(last) + 1;
            return Err(format!("a range ends before B: for {value} write {start}..{end}"));
        }
        let number = |text: &str| text.trim().parse::<u32>();
        let (start, end) = (number(start).map_err(|_| wrong())?, number(end).map_err(|_| wrong())?);
        if start > end {
            return Err(format!("{start} is after {end}: the smaller number comes first"));
        }
        Ok(Self { start, end })
    }
}

impl From<RangeArgument> for v1::Range {
    fn from(range: RangeArgument) -> Self {
        Self { start: range.start, end: range.end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_numbers() {
        let check = |text: &str, start, end| {
            assert_eq!(text.parse(), Ok(RangeArgument { start, end }), "{text}");
        };
        check("0..0", 0, 0);
        check("3..9", 3, 9);
        check(" 3 .. 9 ", 3, 9);
        check("0..4294967295", 0, u32::MAX);
    }

    #[test]
    fn what_is_no_range_is_refused_with_the_form_it_should_have() {
        let check = |text: &str, message: &str| {
            let error = text.parse::<RangeArgument>().unwrap_err();
            assert!(error.contains(message), "{text}: {error}");
        };
        for text in
            ["", "3", "..", "3..", "..9", "a..b", "-1..2", "3...9", "3..9..12", "0..4294967296", "3-9"]
        {
            check(text, "must be A..B, two numbers such as 3..9");
        }
        check("9..3", "9 is after 3");
        check("3..=9", "for 3..=9 write 3..10");
        check("3..=4294967295", "write 3..4294967296");
    }

    #[test]
    fn a_project_is_an_id_or_a_name() {
        assert_eq!(project("demo").unwrap().to_string(), "projects/demo");
        assert_eq!(project("projects/demo").unwrap().to_string(), "projects/demo");
        assert!(project("de mo").unwrap_err().contains("is not an id"));
        assert!(project("projects/demo/articles/a").unwrap_err().contains("is not an id"));
    }

    #[test]
    fn an_annotations_id_is_a_uuid() {
        assert!(uuid("0190163d-8694-739b-aea5-966c26f8ad91").is_ok());
        assert!(uuid("7").unwrap_err().contains("such as 0190163d-"));
    }

    #[test]
    fn metadata_is_a_key_and_a_value() {
        assert_eq!(metadata("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert_eq!(metadata("a=").unwrap(), ("a".to_owned(), String::new()));
        assert!(metadata("=b").is_err());
        assert!(metadata("a").is_err());
    }
}
