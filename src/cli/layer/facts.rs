//! What people read of a layer.

use crate::{
    cli::{
        render::{columns_of, printable, shortened},
        table::{counted, moment, thousands},
        wording::{self, LABEL_COLUMNS_MAX},
    },
    proto::v1,
};

/// Whether somebody declared the layer; annotations may be on it all the same.
pub(super) fn is_declared(layer: &v1::Layer) -> bool {
    layer.revision != 0
}

/// How many annotations there are: each is counted once by what it is about.
pub(super) fn annotations(counts: &v1::LayerCounts) -> u64 {
    let v1::LayerCounts { spans, relations, article_labels, orphans, .. } = *counts;
    [spans, relations, article_labels, orphans].into_iter().fold(0, u64::saturating_add)
}

/// All that is known of a layer, a line each, without what is empty.
pub(super) fn of_project(layer: &v1::Layer) -> String {
    let counts = layer.counts.unwrap_or_default();
    let mut facts = vec![
        ("kind", wording::layer_kind(layer.kind()).to_owned()),
        ("annotator", layer.annotator.clone()),
        ("name", layer.display_name.clone()),
        ("description", layer.description.clone()),
    ];
    if !is_declared(layer) {
        facts.push(("declared", "no, but annotations are on it".to_owned()));
    }
    facts.extend(counted_facts(&counts));
    if is_declared(layer) {
        facts.push(("revision", thousands(layer.revision)));
    }
    facts.extend([
        ("created", moment(layer.create_time)),
        ("updated", moment(layer.update_time)),
        ("etag", layer.etag.clone()),
    ]);
    facts.extend(layer.metadata.iter().map(|(key, value)| ("metadata", format!("{key} = {value}"))));
    lines(&facts)
}

/// All that is known of a layer of an article, below its name.
pub(super) fn of_article(layer: &v1::ArticleLayer) -> String {
    let mut facts = vec![("state", wording::layer_state(layer.state()).to_owned())];
    facts.extend(counted_facts(&layer.counts.unwrap_or_default()));
    facts.push(("submitted", moment(layer.submit_time)));
    if layer.revision != 0 {
        facts.push(("revision", thousands(layer.revision)));
    }
    let label = |it: &v1::LabelCount| ("label", format!("{} {}", it.label, thousands(it.count)));
    facts.extend(layer.labels.iter().map(label));
    format!("{}\n{}", printable(&layer.name), lines(&facts))
}

/// That it is submitted, and what of it is not done.
pub(super) fn submitted(layer: &v1::ArticleLayer) -> String {
    let counts = layer.counts.unwrap_or_default();
    let v1::LayerCounts { suggested, needs_review, .. } = counts;
    let mut said = vec![counted(annotations(&counts), "annotation")];
    if suggested > 0 {
        said.push(format!("{} still suggested", thousands(suggested)));
    }
    said.extend(needing(needs_review));
    format!("{}: {}\n", head("submitted", layer), said.join(", "))
}

/// That it is open.
pub(super) fn reopened(layer: &v1::ArticleLayer) -> String {
    match layer.revision {
        0 => format!("{} is open: it was never submitted\n", printable(&layer.name)),
        _ => format!("{}\n", head("reopened", layer)),
    }
}

fn head(verb: &str, layer: &v1::ArticleLayer) -> String {
    format!("{verb} {}, revision {}", printable(&layer.name), thousands(layer.revision))
}

/// `ORG 12, PER 3`, and how many labels there is no room for in so many columns; the first is always there.
pub(super) fn labels(labels: &[v1::LabelCount], columns: usize) -> String {
    let counted =
        |it: &v1::LabelCount| format!("{} {}", shortened(&it.label, LABEL_COLUMNS_MAX), thousands(it.count));
    let first = |count: usize| {
        let shown: Vec<_> = labels.iter().take(count).map(counted).collect();
        match labels.len().saturating_sub(count) {
            0 => shown.join(", "),
            rest => format!("{} … {rest} more", shown.join(", ")),
        }
    };
    // Each takes a column at least.
    let counts = (1..=labels.len().min(columns)).rev();
    counts.map(first).find(|shown| columns_of(shown) <= columns).unwrap_or_else(|| first(1))
}

/// How many annotations of which kind there are, and how far the review is.
fn counted_facts(counts: &v1::LayerCounts) -> [(&'static str, String); 2] {
    let v1::LayerCounts {
        spans,
        relations,
        article_labels,
        orphans,
        suggested,
        accepted,
        rejected,
        needs_review,
    } = *counts;
    let kinds =
        [(spans, "span"), (relations, "relation"), (article_labels, "article label"), (orphans, "orphan")];
    let kinds: Vec<_> =
        kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(count, noun)).collect();
    let states = [(suggested, "suggested"), (accepted, "accepted"), (rejected, "rejected")];
    let states = states.into_iter().filter(|(count, _)| *count > 0);
    let mut review: Vec<_> = states.map(|(count, state)| format!("{} {state}", thousands(count))).collect();
    review.extend(needing(needs_review));
    let all = format!("{}: {}", thousands(annotations(counts)), kinds.join(", "));
    [("annotations", all.trim_end_matches([':', ' ']).to_owned()), ("review", review.join(", "))]
}

fn needing(needs_review: u64) -> Option<String> {
    let needs = if needs_review == 1 { "needs" } else { "need" };
    (needs_review > 0).then(|| format!("{} {needs} review", thousands(needs_review)))
}

fn lines(facts: &[(&str, String)]) -> String {
    let lines = facts.iter().filter(|(_, value)| !value.is_empty());
    lines.map(|(name, value)| format!("  {name:11}  {}\n", printable(value))).collect::<Vec<_>>().concat()
}
