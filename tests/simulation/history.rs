//! Whether what concurrent clients were answered is linearizable, project by project. Knows nothing of how the server
//! was driven: it is given what clients saw, and what the logs of the projects' lives hold in the end.
//!
//! Writes say at which revision they were committed and reads at which they were read, and the commits of a project
//! are numbered without a gap. So nothing is searched for: the commits are replayed on the model in their order, each
//! must be what one client asked for, and each answer must be that of the state at its revision. Where an answer says
//! no revision, as a refusal does, some state must give it between the newest one that somebody knew of before the
//! call and the newest one that can have been there when it returned.

mod makers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{
    calls::{Answer, Call, Commit, Etag, Outcome, Place, Refusal},
    comparing::{blank, newest_etag, page_fits, said, stamp_after},
    model::{Effect, State},
};

/// A call of a client. Times only say what came before what.
#[derive(Debug, Clone)]
pub struct Event {
    pub client: usize,
    pub invoked: u64,
    /// None when it never was.
    pub returned: Option<u64>,
    pub call: Call,
    pub outcome: Outcome,
}

/// One life of a project, from its creation to its deletion or the end.
#[derive(Debug, Clone)]
pub struct Life {
    pub project: String,
    /// How its etags begin.
    pub etag: String,
    /// All its commits, the oldest first.
    pub commits: Vec<Commit>,
}

/// What was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub acknowledged_writes: usize,
    pub reads: usize,
    pub refusals: usize,
    pub unknown: usize,
    /// Commits whose clients never heard of them.
    pub unheard: usize,
}

/// Says what is wrong with a history.
pub fn check(events: &[Event], lives: &[Life]) -> Result<Summary, String> {
    let mut history = History { events, lives: Vec::new(), committed: vec![None; events.len()] };
    for life in lives {
        let replayed = history.replay(life)?;
        history.lives.push(replayed);
    }
    history.learn();
    for index in 0..history.lives.len() {
        history.check_alone(index)?;
    }
    let mut summary = Summary::default();
    for (index, event) in events.iter().enumerate() {
        history.check_event(index, event).map_err(|wrong| format!("{wrong}\n  {}", said(event)))?;
        match &event.outcome {
            Outcome::Unknown if history.committed[index].is_some() => summary.unheard += 1,
            Outcome::Unknown => summary.unknown += 1,
            Outcome::Refused(_) => summary.refusals += 1,
            Outcome::Ok(..) if event.call.writes() => summary.acknowledged_writes += 1,
            Outcome::Ok(..) => summary.reads += 1,
        }
    }
    Ok(summary)
}

struct History<'e> {
    events: &'e [Event],
    lives: Vec<Replayed<'e>>,
    /// The life and revision of the commit that an event made.
    committed: Vec<Option<(usize, u64)>>,
}

struct Replayed<'e> {
    life: &'e Life,
    /// By revision, from before the first commit on.
    states: Vec<State>,
    /// When the call of each commit began.
    begun: Vec<u64>,
    /// When somebody was told of a revision, and the newest that anybody was told of by then.
    known: BTreeMap<u64, u64>,
    /// When its delete began, if it was deleted.
    deleted_from: Option<u64>,
    /// When its delete had returned.
    deleted_by: Option<u64>,
}

impl Replayed<'_> {
    /// The newest revision that somebody knew of before `time`.
    fn known(&self, time: u64) -> u64 {
        self.known.range(..time).next_back().map_or(0, |(_, revision)| *revision)
    }

    /// The newest revision that there can have been at `time`.
    fn possible(&self, time: u64) -> u64 {
        // Nor may anybody be answered from a commit that is not there yet.
        let is_there = |seen: u64| seen < time || seen == u64::MAX;
        let commits = self.begun.iter().zip(&self.life.commits);
        let possible = commits.take_while(|(begun, commit)| **begun < time && is_there(commit.seen)).count();
        u64::try_from(possible).unwrap()
    }

    fn state(&self, revision: u64) -> Option<&State> {
        usize::try_from(revision).ok().and_then(|revision| self.states.get(revision))
    }

    /// The states that a call may have met.
    fn window(&self, invoked: u64, returned: u64) -> impl Iterator<Item = &State> {
        (self.known(invoked).max(1)..=self.possible(returned)).filter_map(|revision| self.state(revision))
    }

    /// Whether it was there all the time between.
    fn stood_throughout(&self, invoked: u64, returned: u64) -> bool {
        self.known(invoked) > 0 && self.deleted_from.is_none_or(|deleted| deleted > returned)
    }
}

impl<'e> History<'e> {
    /// Notes when somebody was told of which revision.
    fn learn(&mut self) {
        for (event, committed) in self.events.iter().zip(&self.committed) {
            let Some(returned) = event.returned else { continue };
            let mut told = Vec::new();
            if let (Some((life, revision)), Outcome::Ok(..)) = (committed, &event.outcome) {
                told.push((*life, *revision));
            } else if let Outcome::Ok(answer, revision) = &event.outcome
                && !event.call.writes()
            {
                let of = |etag: &str| self.lives.iter().position(|replayed| replayed.life.etag == etag);
                let checked = u64::from(event.call.checks());
                let life = answer.life().and_then(of);
                let newest = revision.map(|revision| revision - checked).or_else(|| newest_etag(answer));
                told.extend(life.zip(newest));
                if let Answer::Projects(projects) = answer {
                    told.extend(projects.iter().filter_map(|(at, one)| Some((of(&one.etag.life)?, *at))));
                }
            }
            for (life, revision) in told {
                let known = &mut self.lives[life].known;
                let newest = known.entry(returned).or_default();
                *newest = revision.max(*newest);
            }
        }
        for replayed in &mut self.lives {
            let mut newest = 0;
            for revision in replayed.known.values_mut() {
                newest = newest.max(*revision);
                *revision = newest;
            }
        }
    }

    /// A project begins when there is none of its name.
    fn check_alone(&self, index: usize) -> Result<(), String> {
        let Some(creation) = self.committed.iter().position(|made| *made == Some((index, 1))) else {
            return Ok(());
        };
        let (event, life) = (&self.events[creation], self.lives[index].life);
        let twin = self.lives_of(&life.project).find(|other| {
            other.life.etag != life.etag
                && event.returned.is_some_and(|returned| other.stood_throughout(event.invoked, returned))
        });
        twin.map_or(Ok(()), |_| {
            Err(format!("{} was created while it existed\n  {}", life.project, said(event)))
        })
    }

    fn lives_of<'h>(&'h self, project: &'h str) -> impl Iterator<Item = &'h Replayed<'e>> {
        self.lives.iter().filter(move |replayed| replayed.life.project == project)
    }

    /// Whether there may have been no project of this name at some time between.
    fn may_be_missing(&self, project: &str, invoked: u64, returned: u64) -> bool {
        !self.lives_of(project).any(|replayed| replayed.stood_throughout(invoked, returned))
    }

    fn check_event(&self, index: usize, event: &Event) -> Result<(), String> {
        let Some(returned) = event.returned else { return Ok(()) };
        let Event { client: _, invoked, returned: _, call, outcome } = event;
        let (answer, revision) = match outcome {
            Outcome::Unknown => return Ok(()),
            Outcome::Refused(refusal) => return self.check_refusal(call, refusal, *invoked, returned),
            Outcome::Ok(answer, revision) => (answer, *revision),
        };
        if call.writes() {
            if let Some((life, revision)) = self.committed[index] {
                let known = self.lives[life].known(*invoked);
                return if known < revision {
                    Ok(())
                } else {
                    Err(format!("it was committed at {revision}, and {known} was known before it began"))
                };
            }
            if let Some(revision) = revision {
                return Err(format!("it was acknowledged, and commit {revision} is lost"));
            }
        }
        match call {
            Call::ListProjects => self.check_projects(answer, *invoked, returned),
            _ if call.writes() || (call.checks() && revision.is_none()) => {
                let done = |state: &State| match state.write(call, stamp_after(state)) {
                    Effect::Committed(..) => call.checks(),
                    Effect::Unchanged(_) => true,
                    Effect::Refused(_) => false,
                };
                self.check_somewhere(
                    call,
                    *invoked,
                    returned,
                    "it was acknowledged, and is not in the log",
                    done,
                )
            }
            _ if call.checks() => {
                let at = revision.map(|revision| revision - 1);
                let fits = |state: &State| match state.write(call, stamp_after(state)) {
                    Effect::Committed(_, expected, _) => {
                        (state.revision == 0 || Some(state.revision) == at)
                            && blank(&expected) == blank(answer)
                    }
                    Effect::Unchanged(_) | Effect::Refused(_) => false,
                };
                self.check_somewhere(call, *invoked, returned, "no state gives this answer to a check", fits)
            }
            _ => self.check_read(call, answer, revision, *invoked, returned),
        }
    }

    /// Some state between gives what was answered.
    fn check_somewhere(
        &self,
        call: &Call,
        invoked: u64,
        returned: u64,
        wrong: &str,
        fits: impl Fn(&State) -> bool,
    ) -> Result<(), String> {
        let project = call.project().unwrap_or_default();
        let mut states = self.lives_of(project).flat_map(|replayed| replayed.window(invoked, returned));
        let missing = self.may_be_missing(project, invoked, returned);
        if states.any(&fits) || (missing && fits(&State::default())) {
            return Ok(());
        }
        Err(format!("{wrong}{}", self.windows(project, invoked, returned)))
    }

    fn check_refusal(
        &self,
        call: &Call,
        refusal: &Refusal,
        invoked: u64,
        returned: u64,
    ) -> Result<(), String> {
        if let (Call::CreateProject { project, .. }, "RESOURCE_EXISTS") = (call, refusal.reason) {
            // An id is held from before the first commit until after the last.
            let held = self.lives_of(project).any(|replayed| {
                replayed.begun.first().is_some_and(|begun| *begun < returned)
                    && replayed.deleted_by.is_none_or(|deleted| deleted > invoked)
            });
            return if held { Ok(()) } else { Err("there was no such project".to_owned()) };
        }
        let behind = self.behind(call);
        let refused = |state: &State| match call {
            Call::ListProjects => false,
            _ if call.writes() || call.checks() => {
                matches!(state.write(call, stamp_after(state)), Effect::Refused(expected) if expected == *refusal)
            }
            _ => state.read(call, behind).is_err_and(|expected| expected == *refusal),
        };
        let wrong = "no state refuses it for that";
        match self.check_somewhere(call, invoked, returned, wrong, refused) {
            Err(_) if self.is_refused_step_by_step(call, refusal, invoked, returned) => Ok(()),
            checked => checked,
        }
    }

    /// Whether a commit on annotations meets several states on its way: each of its articles is looked up by itself and
    /// once, and then all of it is decided. Of what is wrong with it, it may be told another thing than by any one of
    /// them.
    fn is_refused_step_by_step(&self, call: &Call, refusal: &Refusal, invoked: u64, returned: u64) -> bool {
        let Call::CommitAnnotations { project, writes, .. } = call else { return false };
        let refuses = |judged: &Result<(), Refusal>| judged.as_ref() == Err(refusal);
        self.lives_of(project).any(|replayed| {
            let mut states: Vec<_> = replayed.window(invoked, returned).collect();
            let mut looked_up: BTreeMap<&str, &State> = BTreeMap::new();
            for write in writes {
                let known = looked_up.get(write.article.as_str());
                let candidates = known.map_or(states.as_slice(), std::slice::from_ref);
                if candidates.iter().any(|state| refuses(&state.prepare(write))) {
                    return true;
                }
                let Some(passes) = candidates.iter().position(|state| state.prepare(write).is_ok()) else {
                    return false;
                };
                if known.is_none() {
                    states.drain(..passes);
                    looked_up.insert(&write.article, states[0]);
                }
            }
            let decide = |state: &State| state.clone().decide(writes, &mut Vec::new()).map(drop);
            states.into_iter().any(|state| refuses(&decide(state)))
        })
    }

    fn check_read(
        &self,
        call: &Call,
        answer: &Answer,
        revision: Option<u64>,
        invoked: u64,
        returned: u64,
    ) -> Result<(), String> {
        let behind = self.behind(call);
        let gives = |state: &State| state.read(call, behind).is_ok_and(|expected| expected == *answer);
        let Some(revision) = revision else {
            return self.check_somewhere(call, invoked, returned, "no state gives this answer", gives);
        };
        let project = call.project().unwrap_or_default();
        let fits = |replayed: &Replayed<'_>| {
            let Some(state) = replayed.state(revision).filter(|state| state.revision > 0) else {
                return false;
            };
            if revision > replayed.possible(returned) {
                return false;
            }
            let later = || replayed.window(invoked, returned).filter(|later| later.revision >= revision);
            if let (Call::ListArticles { text: true, .. }, Ok(expected)) = (call, state.read(call, behind)) {
                return revision >= replayed.known(invoked) && page_fits(&expected, answer, state, later());
            }
            // A page of annotations may be kept, and then says when it was read, as long as it is right.
            let kept = matches!(call, Call::ListAnnotations { .. });
            gives(state) && (revision >= replayed.known(invoked) || (kept && later().any(gives)))
        };
        if self.lives_of(project).any(fits) {
            return Ok(());
        }
        let mut model = String::new();
        for state in self.lives_of(project).filter_map(|replayed| replayed.state(revision)) {
            let _ = write!(model, "\n  the model: {:?}", state.read(call, behind));
        }
        let windows = self.windows(project, invoked, returned);
        Err(format!("that is not what stood at revision {revision}{windows}{model}"))
    }

    /// The number of the article that a page begins behind.
    fn behind(&self, call: &Call) -> u64 {
        let Call::ListArticles { after: Some(after), .. } = call else { return 0 };
        let Place::Article(Etag { life, revision }, id) = &after.place else { return 0 };
        let replayed = self.lives.iter().find(|replayed| replayed.life.etag == *life);
        replayed.and_then(|replayed| replayed.state(*revision)?.number(id)).unwrap_or_default()
    }

    fn check_projects(&self, answer: &Answer, invoked: u64, returned: u64) -> Result<(), String> {
        let Answer::Projects(projects) = answer else { return Err("that is no list of projects".to_owned()) };
        let mut listed = BTreeSet::new();
        for (revision, project) in projects {
            if !listed.insert(&project.id) {
                return Err(format!("{} is listed twice", project.id));
            }
            let get = Call::GetProject { project: project.id.clone() };
            self.check_read(&get, &Answer::Project(project.clone()), Some(*revision), invoked, returned)?;
        }
        for Replayed { life, .. } in &self.lives {
            if !listed.contains(&life.project) && !self.may_be_missing(&life.project, invoked, returned) {
                return Err(format!("{} is not listed", life.project));
            }
        }
        Ok(())
    }

    fn windows(&self, project: &str, invoked: u64, returned: u64) -> String {
        let mut windows = String::new();
        for replayed in self.lives_of(project) {
            let (known, possible) = (replayed.known(invoked), replayed.possible(returned));
            let life = &replayed.life.etag;
            let _ = write!(windows, "\n  {project} ({life}): {known} was known, {possible} possible");
        }
        windows
    }
}
