//! How long a test runs, and the line of the table that it leaves.

use std::{
    env,
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
};

use crate::{check::Findings, support::Seeded};

/// How many rounds to run: few, or in the long form as many as were asked for.
pub fn rounds(short: usize, long: usize) -> usize {
    if !is_long() {
        return short;
    }
    let percent = env::var("SPANDREL_FAULTS_PERCENT").map_or(100, |percent| percent.parse().unwrap());
    (long * percent / 100).max(1)
}

pub fn is_long() -> bool {
    env::var_os("SPANDREL_FAULTS").is_some_and(|form| form == "long")
}

/// Whether what is met only now and then must have been met in so many rounds.
pub fn is_thorough(rounds: u64) -> bool {
    is_long() && rounds >= 20
}

/// Says something although the test passes.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

/// Says loudly that something is not tested, and why.
pub fn say_skipped(what: &str, why: &str) {
    let line = format!("SKIPPED, NOT TESTED: {what}: {}", why.trim());
    say(&format!("\n{line}\n"));
    append("SPANDREL_FAULTS_NOTES", &line);
}

/// Appends a line to the file that an environment variable names, if it does.
fn append(variable: &str, line: &str) {
    let Some(path) = env::var_os(variable) else { return };
    let line = format!("{}\n", line.replace('\n', " "));
    File::options().create(true).append(true).open(path).unwrap().write_all(line.as_bytes()).unwrap();
}

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    fault: String,
    rounds: u64,
    checked: u64,
    /// Rounds in which something was checked.
    worthy_rounds: u64,
    long_articles: u64,
    lost: u64,
    torn: u64,
    failed_opens: u64,
    stories: Vec<String>,
    /// Whether findings are what is hoped for.
    is_control: bool,
}

impl Row {
    /// Begins a line, with the seed that its test is to use.
    pub fn begin(fault: &str) -> (Self, Seeded) {
        let chosen = env::var("SPANDREL_FAULTS_SEED").ok().map(|seed| seed.parse().unwrap());
        let seed: u64 = chosen.unwrap_or_else(|| RandomState::new().hash_one(fault));
        say(&format!("{fault}: SPANDREL_FAULTS_SEED={seed}"));
        let row = Self {
            fault: fault.to_owned(),
            rounds: 0,
            checked: 0,
            worthy_rounds: 0,
            long_articles: 0,
            lost: 0,
            torn: 0,
            failed_opens: 0,
            stories: Vec::new(),
            is_control: false,
        };
        (row, Seeded::new(seed))
    }

    /// As [`Row::begin`], for a test in which something has to be found.
    pub fn begin_control(fault: &str) -> (Self, Seeded) {
        let (row, seeded) = Self::begin(fault);
        (Self { is_control: true, ..row }, seeded)
    }

    /// Counts a round after which the server was opened.
    pub fn add(&mut self, findings: Findings) {
        let Findings { checked, long_articles, lost, torn } = findings;
        let count = |stories: &[String]| u64::try_from(stories.len()).unwrap();
        self.rounds += 1;
        self.checked += checked;
        self.worthy_rounds += u64::from(checked > 0);
        self.long_articles += long_articles;
        self.lost += count(&lost);
        self.torn += count(&torn);
        self.tell(lost.into_iter().map(|story| format!("lost: {story}")));
        self.tell(torn.into_iter().map(|story| format!("torn: {story}")));
        self.keep();
    }

    /// Counts a round after which the server could not be opened.
    pub fn add_failed_open(&mut self, story: &str) {
        self.rounds += 1;
        self.failed_opens += 1;
        self.tell(std::iter::once(format!("cannot be opened: {story}")));
        self.keep();
    }

    /// Something else that must not be.
    pub fn add_story(&mut self, story: String) {
        self.tell(std::iter::once(story));
    }

    /// What else must have gone well.
    pub fn expect(&mut self, outcome: Result<(), String>) {
        if let Err(story) = outcome {
            self.add_story(story);
        }
    }

    fn tell(&mut self, stories: impl Iterator<Item = String>) {
        for story in stories {
            if self.stories.len() < 20 && !self.is_control {
                say(&format!("{}, round {}: {story}", self.fault, self.rounds));
            }
            self.stories.push(story);
        }
    }

    /// The file grows by a line a round, so that it says how far a run came that was cut off.
    fn keep(&self) {
        let Self { fault, rounds, checked, lost, torn, failed_opens, .. } = self;
        let line = format!("{fault}\t{rounds}\t{checked}\t{lost}\t{torn}\t{failed_opens}");
        append("SPANDREL_FAULTS_TABLE", &line);
    }

    /// What was found first.
    pub fn first_story(&self) -> &str {
        self.stories.first().map_or("", String::as_str)
    }

    pub fn lost(&self) -> u64 {
        self.lost + self.torn + self.failed_opens
    }

    /// Expects that nothing was found.
    #[track_caller]
    pub fn expect_nothing_lost(&self) {
        let Self { fault, rounds, checked, long_articles, lost, torn, failed_opens, stories, .. } = self;
        say(&format!(
            "{fault}: {rounds} rounds, {checked} acknowledged writes checked, {long_articles} of long articles, {lost} \
             lost, {torn} torn, {failed_opens} failed opens"
        ));
        assert!(stories.is_empty(), "{} findings, the first: {}", stories.len(), stories[0]);
        assert!(*checked > 0, "nothing was acknowledged, so nothing was tested");
    }

    /// Expects that nothing was found although there was something to find in half of the rounds or more.
    #[track_caller]
    pub fn expect_nothing_lost_in_worthy_rounds(&self) {
        self.expect_nothing_lost();
        let Self { rounds, worthy_rounds, .. } = self;
        assert!(2 * worthy_rounds >= *rounds, "only {worthy_rounds} of {rounds} rounds tested something");
    }

    /// Rounds so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Expects that long articles were among what was checked, if that was not next to nothing.
    #[track_caller]
    pub fn expect_long_articles(&self) {
        assert!(
            self.long_articles > 0 || self.rounds < 4,
            "no long article was acknowledged, so none was tested"
        );
    }
}
