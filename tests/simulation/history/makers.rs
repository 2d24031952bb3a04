//! Whose call each commit was.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{History, Life, Replayed};
use crate::{
    calls::{Call, Change, Commit, Outcome},
    comparing::{effect_said, said},
    model::{Effect, Stamp, State},
};

/// Who is taken for the maker of a commit, of those who can be: the least.
type Rank = (bool, bool, bool, u64);

impl<'e> History<'e> {
    /// Finds out whose call each commit was, and what each left.
    pub(super) fn replay(&mut self, life: &'e Life) -> Result<Replayed<'e>, String> {
        let mut states = vec![State::unborn(&life.etag)];
        let mut makers: Vec<usize> = Vec::new();
        let (mut deleted_from, mut deleted_by) = (None, None);
        for commit in &life.commits {
            let state = states.last().unwrap();
            let what = || format!("commit {} of {} ({})", commit.revision, life.project, life.etag);
            if commit.revision != state.revision + 1 {
                return Err(format!("{} follows {}", what(), state.revision));
            }
            if commit.time < state.time {
                return Err(format!("{} goes back in time", what()));
            }
            let found = self.find(life, state, commit);
            let found = found.or_else(|why| self.find_by_exchange(life, &states, &mut makers).ok_or(why));
            let (index, next) = found.map_err(|why| format!("{} is nobody's: {commit:#?}{why}", what()))?;
            self.committed[index] = Some((self.lives.len(), commit.revision));
            let event = &self.events[index];
            if commit.changes.iter().any(|change| matches!(change, Change::Project { after: None, .. })) {
                (deleted_from, deleted_by) = (Some(event.invoked), event.returned);
            }
            makers.push(index);
            states.push(next);
        }
        let begun = makers.iter().map(|maker| self.events[*maker].invoked).collect();
        Ok(Replayed { life, states, begun, known: BTreeMap::new(), deleted_from, deleted_by })
    }

    /// The event that made the next commit, if it was taken for the maker of an earlier one, which another may have
    /// made: a delete does not say at which revision it was done.
    fn find_by_exchange(
        &mut self,
        life: &Life,
        states: &[State],
        makers: &mut [usize],
    ) -> Option<(usize, State)> {
        let next = makers.len();
        for (earlier, maker) in makers.iter_mut().enumerate().rev() {
            let Ok((other, _)) = self.find(life, &states[earlier], &life.commits[earlier]) else { continue };
            let made = self.committed[*maker].take();
            match self.find(life, &states[next], &life.commits[next]) {
                Ok((index, after)) if index == *maker => {
                    (self.committed[other], *maker) = (made, other);
                    return Some((index, after));
                }
                _ => self.committed[*maker] = made,
            }
        }
        None
    }

    /// The event that made a commit, and the state after it: the one that says so, or else one that may have.
    fn find(&self, life: &Life, state: &State, commit: &Commit) -> Result<(usize, State), String> {
        let numbers = commit.changes.iter().filter_map(|change| match change {
            Change::Article { number, before: None, .. } => Some(*number),
            _ => None,
        });
        let numbers: Vec<_> = numbers.collect();
        let stamp = Stamp { revision: commit.revision, time: commit.time, numbers: &numbers };
        let mut why = String::new();
        let mut found: Option<(Rank, usize, State)> = None;
        for (index, event) in self.events.iter().enumerate() {
            let asked = event.call.writes() && event.call.project() == Some(&life.project);
            if !asked || self.committed[index].is_some() || event.invoked >= commit.seen {
                continue;
            }
            let says_so = match &event.outcome {
                Outcome::Refused(_) => continue,
                Outcome::Ok(answer, revision) => {
                    let life_fits = answer.life().is_none_or(|answered| answered == life.etag);
                    let at = revision.unwrap_or(commit.revision);
                    // Nobody is told of a commit before it is there.
                    let late = commit.seen == u64::MAX || event.returned > Some(commit.seen);
                    if !life_fits || at != commit.revision || (revision.is_none() && !late) {
                        continue;
                    }
                    revision.is_some()
                }
                Outcome::Unknown => false,
            };
            let effect = state.write(&event.call, stamp);
            let fits = match (&effect, &event.outcome) {
                (Effect::Committed(_, answer, changes), Outcome::Ok(answered, _)) => {
                    *changes == commit.changes && answer == answered
                }
                (Effect::Committed(_, _, changes), _) => *changes == commit.changes,
                (Effect::Unchanged(_) | Effect::Refused(_), _) => false,
            };
            if !fits {
                if says_so {
                    let (said, effect) = (said(event), effect_said(&effect));
                    let _ = write!(
                        why,
                        "
  who says so: {said}
  the model: {effect}"
                    );
                }
                continue;
            }
            // Then whoever was told that it is done, unless that may have been done already: first whoever can have done
            // nothing else, since he named the state, and then the earliest.
            let heard = matches!(event.outcome, Outcome::Ok(..));
            let lenient = matches!(
                event.call,
                Call::DeleteArticle { allow_missing: true, .. }
                    | Call::DeleteProject { allow_missing: true, .. }
            );
            let named = matches!(
                event.call,
                Call::DeleteArticle { etag: Some(_), .. } | Call::DeleteProject { etag: Some(_), .. }
            );
            let rank = (!says_so, !heard || lenient, !named, event.returned.unwrap_or(u64::MAX));
            if let Effect::Committed(after, ..) = effect
                && found.as_ref().is_none_or(|(best, ..)| rank < *best)
            {
                found = Some((rank, index, *after));
            }
        }
        found.map(|(_, index, after)| (index, after)).ok_or(why)
    }
}
