//! The flags that say what an annotation says beside its label.

use clap::{Args, ValueEnum};

use super::{
    attribute::{self, Attribute},
    failure::Failure,
    target_arguments::Reference,
};
use crate::{domain::ids::ArticleName, proto::v1};

/// What an annotation says beside its label.
#[derive(Debug, Args)]
#[command(next_help_heading = "What else it says")]
pub(super) struct DetailArguments {
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute::parse, help = attribute::HELP_SHORT,
          long_help = attribute::HELP)]
    pub(super) attribute: Vec<Attribute>,
    /// A remark, or why it was rejected.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(super) note: Option<String>,
    /// How sure a model is, from 0 to 1.
    #[arg(long, value_name = "0..1", value_parser = score)]
    pub(super) score: Option<f64>,
    /// What the review says.
    #[arg(long)]
    pub(super) state: Option<State>,
    /// An annotation that it was made from, of any project, or by its UUID one of the article; may be given again.
    #[arg(long, value_name = "ID")]
    pub(super) derived_from: Vec<Reference>,
}

/// What a review says of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// Nobody has looked at it yet.
    Suggested,
    /// It holds.
    Accepted,
    /// It does not hold.
    Rejected,
}

impl From<State> for v1::State {
    fn from(state: State) -> Self {
        match state {
            State::Suggested => Self::Suggested,
            State::Accepted => Self::Accepted,
            State::Rejected => Self::Rejected,
        }
    }
}

impl DetailArguments {
    /// The annotation with what the flags say.
    ///
    /// # Errors
    ///
    /// When an attribute is given twice.
    pub(super) fn onto(
        self,
        annotation: v1::Annotation,
        article: &ArticleName,
    ) -> Result<v1::Annotation, Failure> {
        let Self { attribute, note, score, state, derived_from } = self;
        Ok(v1::Annotation {
            attributes: attribute::map(attribute).map_err(Failure::Usage)?,
            note: note.unwrap_or_default(),
            score,
            state: state.map_or(v1::State::Unspecified, v1::State::from).into(),
            derived_from: derived_from.into_iter().map(|from| from.name(article)).collect(),
            ..annotation
        })
    }
}

/// Parses a number from 0 to 1.
fn score(value: &str) -> Result<f64, String> {
    match value.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("must be a number from 0 to 1, such as 0.93".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_from_0_to_1() {
        for (text, expected) in [("0", 0.0), ("1", 1.0), ("0.93", 0.93), ("1e-3", 0.001)] {
            assert_eq!(score(text), Ok(expected), "{text}");
        }
        for text in ["", "-0.1", "1.01", "93", "NaN", "inf", "0,9"] {
            assert!(score(text).unwrap_err().contains("from 0 to 1"), "{text}");
        }
    }
}
