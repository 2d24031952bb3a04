//! What was imported, exported or converted, in words.

use crate::{
    cli::{
        render::{columns_of, printable, shortened},
        table::{counted, thousands},
    },
    formats::Loss,
    proto::v1,
};

/// Examples of one loss.
const EXAMPLES_SHOWN: usize = 3;
/// Columns of them together, unless the first one has more by itself.
const EXAMPLES_COLUMNS_MAX: usize = 100;
/// Columns of one: an article's id and an annotation's, however long they are.
const EXAMPLE_COLUMNS_MAX: usize = 180;

/// What was done: `done` stands before the counts, and `where_to` after them.
pub(in crate::cli) fn summary_shown(done: &str, where_to: &str, summary: &v1::ExchangeSummary) -> String {
    let v1::ExchangeSummary { records, failed, losses: _, revision: _, articles, annotations, present } =
        summary;
    let mut counts = vec![counted(*articles, "article"), counted(*annotations, "annotation")];
    let others = records.saturating_sub(articles.saturating_add(*annotations));
    if others > 0 {
        counts.push(counted(others, "record") + " of the project");
    }
    let last = counts.pop().unwrap_or_default();
    let some = |count: u64, said: String| if count > 0 { format!("  {said}\n") } else { String::new() };
    format!(
        "{done} {} and {last}{where_to}\n{}{}",
        counts.join(", "),
        some(*present, format!("{} of them there already", thousands(*present))),
        some(*failed, format!("{} refused", counted(*failed, "record"))),
    )
}

/// What is not carried over, a line each.
pub(in crate::cli) fn losses_shown<'l>(title: &str, losses: impl IntoIterator<Item = &'l Loss>) -> String {
    let line = |Loss { feature, count, examples }: &Loss| {
        let mut columns = 0_usize;
        let fits = |example: &String| {
            let is_first = columns == 0;
            columns = columns.saturating_add(columns_of(example));
            is_first || columns <= EXAMPLES_COLUMNS_MAX
        };
        let shown =
            examples.iter().take(EXAMPLES_SHOWN).map(|example| shortened(example, EXAMPLE_COLUMNS_MAX));
        let shown: Vec<_> = shown.take_while(fits).collect();
        let is_all = u64::try_from(shown.len()).is_ok_and(|shown| shown >= *count);
        let more = if is_all { "" } else { "; …" };
        let examples = if shown.is_empty() { String::new() } else { format!(": {}{more}", shown.join("; ")) };
        format!("  {:>5}  {}{examples}\n", thousands(*count), printable(feature))
    };
    let lines: String = losses.into_iter().map(line).collect();
    if lines.is_empty() { lines } else { format!("{title}:\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_what_is_new_what_was_there_and_what_was_refused() {
        let summary =
            v1::ExchangeSummary { records: 1_203, articles: 1, annotations: 1_200, ..Default::default() };
        assert_eq!(
            summary_shown("imported", " into p", &summary),
            "imported 1 article, 1,200 annotations and 2 records of the project into p\n"
        );
        let summary = v1::ExchangeSummary { records: 1_201, failed: 1, present: 7, ..summary };
        assert_eq!(
            summary_shown("imported", "", &summary),
            "imported 1 article and 1,200 annotations\n  7 of them there already\n  1 record refused\n"
        );
    }

    #[test]
    fn losses_are_counted_and_located() {
        let loss = |count, examples: &[&str]| Loss {
            feature: "notes".to_owned(),
            count,
            examples: examples.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            losses_shown(
                "lost",
                &[loss(1_234, &["a/1", "a/2", "a/3", "a/4"]), loss(1, &["b"]), loss(2, &[])]
            ),
            "lost:\n  1,234  notes: a/1; a/2; a/3; …\n      1  notes: b\n      2  notes\n"
        );
        let long = "x".repeat(90);
        assert_eq!(
            losses_shown("lost", &[loss(2, &[&long, &long])]),
            format!("lost:\n      2  notes: {long}; …\n")
        );
        assert_eq!(losses_shown("lost", &[]), "");
    }
}
