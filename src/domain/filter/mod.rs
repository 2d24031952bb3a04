//! Filters of annotations and articles: a subset of [AIP-160](https://google.aip.dev/160), and functions that ask how
//! an annotation stands to others.
//!
//! # The language
//!
//! A filter is made of comparisons: a field, a sign, a value.
//!
//! ```
//! use spandrel::domain::filter::AnnotationFilter;
//!
//! for filter in [
//!     r#"label = "PER""#,
//!     r#"layer = gold AND score >= 0.5"#,
//!     r#"label = (PER OR ORG) AND NOT state = REJECTED"#,
//!     r#"attributes.Negation = true AND create_time > 2026-01-31T00:00:00Z"#,
//!     r#"label = PER AND before(label = ORG, 20)"#,
//! ] {
//!     assert!(AnnotationFilter::parse("filter", filter).is_ok(), "{filter}");
//! }
//! ```
//!
//! An empty filter passes everything.
//!
//! ## What joins comparisons
//!
//! `AND`, `OR` and `NOT`, in capital letters, and parentheses. `-` is `NOT`, and a space between two comparisons is
//! `AND`.
//!
//! **`OR` binds tighter than `AND`**, unlike in most programming languages: that is AIP-160's rule. So
//! `a AND b OR c` is `a AND (b OR c)`. Use parentheses; the text that a filter writes of itself has them:
//!
//! ```
//! # use spandrel::domain::filter::AnnotationFilter;
//! let text = |filter| AnnotationFilter::parse("filter", filter).unwrap().to_string();
//! assert_eq!(
//!     text("layer = gold AND label = PER OR label = ORG"),
//!     r#"layer = "gold" AND (label = "PER" OR label = "ORG")"#
//! );
//! assert_eq!(text("layer = gold -label = PER"), r#"layer = "gold" AND NOT label = "PER""#);
//! ```
//!
//! Several values of one field stand in parentheses: `label = (PER OR ORG)` is `label = PER OR label = ORG`. `!=` takes
//! one value.
//!
//! `NOT` is true of all that its comparison is not true of, also where the field has no value; `a != b` is `NOT a = b`.
//!
//! ## Values
//!
//! - **Strings** stand in double or single quotes, with the escapes `\\`, `\"`, `\'`, `\*`, `\n`, `\r`, `\t` and
//!   `\u00fc` (UTF-16, with surrogate pairs as in JSON). Without quotes, a value is a bare word: it ends at a space, a
//!   parenthesis or a comma, and has no quote, backslash or `= < > ! ; & |` in it. `CHEBI:15377`,
//!   `2026-01-31T00:00:00Z` and `projects/p/articles/a` are bare words.
//! - **A `*`** at the beginning or the end of a string is whatever is there, nothing too: `label = "PER*"`,
//!   `quote = "*burg"`, `note = "*todo*"`. `*` alone is any value that is there. In quotes, `\*` is the character.
//! - **Numbers**: `42`, `-3`, `0.5`, `2.997e9`. Integers are compared exactly, with doubles too.
//! - **`true`** and **`false`**.
//! - **Times** as RFC 3339 has them, with an offset or `Z` and up to nine digits of a second.
//! - **Names** of the API, such as `SUGGESTED` (or `STATE_SUGGESTED`).
//!
//! Strings are compared as they are: case counts, and nothing is normalised. `<`, `<=`, `>` and `>=` order them by code
//! points. What has no value is in no order: neither `score < 0.5` nor `score >= 0.5` is true where there is no score.
//!
//! ## The colon
//!
//! `:` is "has", and depends on what the field is:
//!
//! | field | example | true if |
//! | --- | --- | --- |
//! | any | `score:*` | it has a value: a string that is not empty, an attribute or an entry that is there |
//! | `attributes`, `metadata` | `attributes:Negation` | there is such an entry, as in `attributes.Negation:*` |
//! | a list | `derived_from:"projects/p/*"`, `labels:"PER"` | one of its elements is |
//! | prose: `note`, `quote`, `title`, `source_uri` | `note:"todo"` | this stands in it; with a `*`, as `=` |
//! | `language` | `language:"en"` | it is `en` or begins with `en-`, in whatever case (RFC 4647) |
//! | any other | `label:"PER"` | as `=` |
//!
//! ## Fields of annotations
//!
//! | field | is compared with | signs |
//! | --- | --- | --- |
//! | `label`, `layer`, `creator` | strings | all |
//! | `note`, `quote` | strings; the quote is what the spans cover, with a space between several | all |
//! | `state` | `SUGGESTED`, `ACCEPTED`, `REJECTED` | `=` `!=` `:` |
//! | `target` | `anchor`, `relation`, `article` | `=` `!=` `:` |
//! | `score`, `text_revision` | numbers | all |
//! | `create_time`, `update_time` | times | all |
//! | `attributes.NAME` | what the attribute is, see below | all |
//! | `id`, `name` | a UUID, a full name, or a part of one with a `*` | `=` `!=` `:` |
//! | `derived_from` | a full name, or a part of one with a `*` | `:` |
//! | `anchoring` | `*` | `:` |
//! | `anchoring.result` | `UNCHANGED`, `SHIFTED`, `MOVED`, `MODIFIED`, `ORPHANED` | `=` `!=` `:` |
//! | `anchoring.needs_review` | `true`, `false` | `=` `!=` `:` |
//! | `anchoring.similarity`, `anchoring.from_text_revision` | numbers | all |
//!
//! A quote that is too long to be kept (over 1,024 code points) is none.
//!
//! **Attributes** are of several kinds. `true` and `false` without quotes equal bools, numbers without quotes equal and
//! order ints and doubles, and every value equals the string that is written so. Strings are ordered by what is in
//! quotes or is no number. A list is compared by `:` alone: `attributes.tags:"a"`. What is of another kind is not equal
//! and in no order. A name with a dot, a space or a sign in it goes in quotes: `attributes."my name"`.
//!
//! ## Fields of articles
//!
//! | field | is compared with | signs |
//! | --- | --- | --- |
//! | `id`, `metadata.KEY` | strings | all |
//! | `title`, `source_uri`, `language` | strings | all |
//! | `name` | a full name, or a part of one with a `*` | `=` `!=` `:` |
//! | `length` (in code points), `text_revision` | numbers | all |
//! | `create_time`, `update_time` | times | all |
//! | `labels`, `layers` | whole strings: an annotation of the article has this label, or is in this layer | `:` |
//!
//! ## Functions: how an annotation stands to others
//!
//! Each takes a filter `F` of annotations, or `*` for any, and is true of an annotation if **another** one of the same
//! article passes `F` and this one's spans stand so to that one's. An annotation is never held against itself. The
//! other may be in any layer: `F` says if that matters. Functions stand wherever a comparison can, in functions too.
//!
//! | function | this one and the other |
//! | --- | --- |
//! | `overlaps(F)` | share a character |
//! | `contains(F)` | this one covers all that the other covers; both may cover the same |
//! | `within(F)` | the other covers all that this one covers; both may cover the same |
//! | `equals(F)` | cover the same |
//! | `before(F)`, `before(F, n)` | this one ends where the other starts or before, at most `n` code points before |
//! | `after(F)`, `after(F, n)` | this one starts where the other ends or behind, at most `n` code points behind |
//! | `cooccurs(F)` | are both there |
//! | `cooccurs(F, n)` | have at most `n` code points between them; none if they meet |
//!
//! Exactly:
//!
//! - **Discontinuous mentions.** `overlaps`, `contains`, `within` and `equals` go by what the spans cover: what stands
//!   between the spans of one is none of it. Spans that touch count as one, so that `[0,2) [2,5)` equals `[0,5)`.
//!   `before`, `after` and `cooccurs` with a distance go by the hull, from the first span's start to the last one's
//!   end: whatever stands in a gap is neither before nor after, and nothing is between it and the mention.
//! - **Empty spans** cover no character, so they overlap nothing. `[p,p)` is within what it stands in or at an end of:
//!   within `[a,b)` if `a <= p <= b`. It equals another `[p,p)`. At an end it is also before or after, at a distance of
//!   0, and two empty spans at one place are both before and after each other.
//! - **Relations, labels of the article, and what lost its place** in a new text have no spans. Every function is false
//!   of them and none finds them, but `cooccurs(F)` without a distance, which asks for no spans:
//!   `label = PER AND cooccurs(label = "sports")` finds the persons in articles about sports.
//!
//! ```
//! # use spandrel::domain::filter::AnnotationFilter;
//! // Persons in a sentence that names an organisation, too.
//! let filter = "label = PER AND within(label = SENTENCE AND contains(label = ORG))";
//! let filter = AnnotationFilter::parse("filter", filter).unwrap();
//! // What is gathered first: the organisations, and then the sentences around them.
//! let labels: Vec<_> = filter.inner_queries().map(|query| query.required_label()).collect();
//! assert_eq!(labels, [Some("ORG"), Some("SENTENCE")]);
//! ```
//!
//! ## What is not in the subset
//!
//! A value without a field (`Hugo`), a `*` inside a value, a field or a function behind the sign, durations, and
//! `null`. Beyond AIP-160, names and times may stand without quotes, and a function's argument is a filter.
//!
//! ## Limits
//!
//! 8 KiB, 256 comparisons and functions (each value in parentheses is one), 32 parentheses in each other, 4 functions
//! in each other, and 8 different arguments of functions.
//!
//! ## What is wrong
//!
//! The message has the column, in code points from 1, what stands there, and what would be right:
//!
//! ```
//! # use spandrel::domain::filter::AnnotationFilter;
//! let message = |filter| AnnotationFilter::parse("filter", filter).unwrap_err().to_string();
//! assert_eq!(
//!     message("label = PER AND score > high"),
//!     r#"filter: column 25: score is compared with a number, as in score >= 0.5; "high" is none"#
//! );
//! assert_eq!(
//!     message("label == PER"),
//!     r#"filter: column 7: == is written =, as in label = "PER""#
//! );
//! ```
//!
//! # Evaluation
//!
//! Pure. A filter without functions is asked of one annotation after the other. One with functions needs an article's
//! annotations several times: what passes the functions' arguments is gathered first, those of
//! [a round](AnnotationFilter::rounds) at a time, or by [`AnnotationFilter::sets`] where all annotations are at hand, and
//! [`AnnotationFilter::passes`] is then asked with these sets.
//!
//! Grammar, as AIP-160 has it:
//!
//! ```text
//! filter      = [ expression ]
//! expression  = sequence { "AND" sequence }
//! sequence    = factor { factor }
//! factor      = term { "OR" term }
//! term        = [ "NOT" | "-" ] simple
//! simple      = restriction | "(" expression ")"
//! restriction = member sign operand | function "(" ( "*" | expression ) [ "," number ] ")"
//! member      = ( word | string ) { "." ( word | string ) }
//! sign        = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//! operand     = value | "(" operand { ( "AND" | "OR" ) operand } ")"
//! ```

mod annotations;
mod articles;
mod comparison;
mod expression;
mod kind;
mod lexer;
mod parser;
mod span_set;
mod subject;
mod value;

pub use annotations::{AnnotationFilter, InnerQuery, SpanSets};
pub use articles::{ArticleAnnotations, ArticleFilter};
pub use span_set::{SpanRelation, SpanSet};
pub use subject::AnnotationSubject;
pub(in crate::domain) use value::{parse_time, write_time};

#[cfg(test)]
mod tests;
