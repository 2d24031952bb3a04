//! How answers are compared with those of the model, and what is said of them.

use crate::{
    calls::{Answer, Project},
    history::Event,
    model::{Effect, Stamp, State},
};

/// What a check is answered with, or a write would be: its time is the server's choice.
pub fn stamp_after(state: &State) -> Stamp<'static> {
    Stamp { revision: state.revision + 1, time: state.time, numbers: &[] }
}

/// A page with texts leaves out what was deleted before its text was read.
pub fn page_fits<'s>(
    expected: &Answer,
    answer: &Answer,
    state: &State,
    later: impl Iterator<Item = &'s State>,
) -> bool {
    let (Answer::ArticlePage(expected, expect_more), Answer::ArticlePage(articles, more)) =
        (expected, answer)
    else {
        return false;
    };
    let later: Vec<_> = later.collect();
    let mut articles = articles.iter().peekable();
    let all = expected.iter().all(|article| {
        articles.next_if_eq(&article).is_some()
            || later.iter().any(|later| later.number(&article.id) != state.number(&article.id))
    });
    all && articles.next().is_none() && expect_more == more
}

/// The newest revision that an answer shows to be there.
pub fn newest_etag(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Articles(articles) => articles.iter().map(|article| article.etag.revision).max(),
        Answer::Annotations(annotations) => {
            annotations.iter().map(|annotation| annotation.etag.revision).max()
        }
        _ => None,
    }
}

/// An answer without what the server chooses when it really commits.
pub fn blank(answer: &Answer) -> Answer {
    let mut answer = answer.clone();
    match &mut answer {
        Answer::Project(Project { etag, created, updated, .. }) => {
            etag.life.clear();
            (*created, *updated) = (0, 0);
        }
        Answer::Articles(articles) => {
            for article in articles {
                (article.created, article.updated) = (0, 0);
            }
        }
        Answer::Written(written) => written.iter_mut().flatten().for_each(|annotation| {
            (annotation.created, annotation.updated) = (0, 0);
        }),
        _ => {}
    }
    answer
}

pub fn said(event: &Event) -> String {
    let Event { client, invoked, returned, call, outcome } = event;
    format!("client {client}, {invoked} to {returned:?}: {call:?}\n  answered {outcome:?}")
}

pub fn effect_said(effect: &Effect) -> String {
    match effect {
        Effect::Committed(_, answer, changes) => format!("{answer:?}, {changes:?}"),
        Effect::Unchanged(answer) => format!("{answer:?}, nothing to do"),
        Effect::Refused(refusal) => format!("{refusal:?}"),
    }
}
