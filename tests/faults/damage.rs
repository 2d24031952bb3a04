//! Files of the data folder are damaged. Then the server either refuses to serve and says what to do, or all that it
//! answers is what was stored, or says that it is damaged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use spandrel::proto::v1;
use tempfile::TempDir;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::{
    check::{Checker, Findings, read_all},
    ledger::{Resource, Resources},
    mounts::folder_in_memory,
    process_death::until_worthy,
    server::{Launch, PATIENCE, Running},
    support::{Client, Seeded},
    table::{Row, rounds, say},
    verify,
    workload::{SMALL, Workload, without_text},
};

const SECTOR_BYTES: usize = 512;
const PAGE_BYTES: usize = 4_096;
/// What a refusal names; a format that does not exist yet is explained as such.
const WAYS_OUT: [&str; 2] = ["spandrel restore", "newer version"];

/// A data folder that no process uses, and what it holds.
struct Template {
    folder: TempDir,
    name: &'static str,
    holds: Resources,
    /// What a call that was cut off may or may not have written, with all that it holds.
    unsure: BTreeSet<String>,
}

impl Template {
    fn is_unsure(&self, name: &str) -> bool {
        self.unsure.iter().any(|unsure| name == unsure || name.starts_with(&format!("{unsure}/")))
    }
}

/// What was done to which file.
struct Damage {
    kind: &'static str,
    file: PathBuf,
    at: usize,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, file, at } = self;
        write!(f, "{kind} at {at} of {}", file.display())
    }
}

fn copy(from: &Path) -> TempDir {
    let to = folder_in_memory();
    let status = Command::new("cp").arg("-R").arg(from.join(".")).arg(to.path()).status().unwrap();
    assert!(status.success());
    to
}

/// Folders after a kill and after a clean stop, of a database that was opened `lives` times.
async fn templates(lives: usize, names: [&'static str; 2], seed: u64) -> Vec<Template> {
    let folder = folder_in_memory();
    let launch = Launch::over(folder.path());
    let (mut workload, mut checker) = (Workload::new(SMALL, seed), Checker::default());
    let mut templates = Vec::new();
    for life in 1..=lives {
        let mut server = launch.start().unwrap();
        if life == 1 {
            workload.set_up(&server).await;
        }
        let working = workload.begin(&server);
        until_worthy(&workload).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        workload.kill(working, &mut server).await.unwrap();
        let pending = workload.ledgers.iter().flat_map(|ledger| &ledger.pending);
        let unsure = pending.map(|write| write.name.clone()).collect();
        let killed = copy(folder.path());
        let mut server = launch.start().unwrap();
        let Findings { lost, torn, .. } = checker.check(&server, &mut workload).await;
        assert!(lost.is_empty() && torn.is_empty(), "{lost:?} {torn:?}");
        let client = server.client().await;
        let holds = read_all(&client, &mut Findings::default()).await.unwrap();
        server.close().unwrap();
        if life == lives {
            templates.push(Template { folder: killed, name: names[0], holds: holds.clone(), unsure });
            templates.push(Template {
                folder: copy(folder.path()),
                name: names[1],
                holds,
                unsure: BTreeSet::new(),
            });
        }
    }
    templates
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

/// Damages one file in a way that changes it.
fn damage(folder: &Path, seeded: &mut Seeded) -> Damage {
    let files = files(folder);
    loop {
        // The database's own file is nearly all there is.
        let database = files.iter().find(|file| file.ends_with("sled/db")).unwrap();
        let file = if seeded.below(10) < 7 { database } else { seeded.pick(&files) };
        let before = fs::read(file).unwrap();
        let mut bytes = before.clone();
        let at = if bytes.is_empty() { 0 } else { seeded.below(bytes.len()) };
        let kind = *seeded.pick(&["bit", "byte", "sector", "swap", "cut", "longer"]);
        let part = |bytes: &mut [u8], at: usize, length: usize, seeded: &mut Seeded| match kind {
            "bit" => bytes[at] ^= 1 << seeded.below(8),
            "byte" => bytes[at] = bytes[at].wrapping_add(u8::try_from(1 + seeded.below(255)).unwrap()),
            _ => bytes[at / length * length..].iter_mut().take(length).for_each(|byte| *byte = 0),
        };
        match kind {
            "cut" => bytes.truncate(at),
            "longer" => {
                let filler = *seeded.pick(&[0, 0xa5]);
                bytes.resize(before.len() + 1 + seeded.below(600_000), filler);
            }
            "swap" => {
                let pages = bytes.len() / PAGE_BYTES;
                if pages < 2 {
                    continue;
                }
                let (one, other) = (seeded.below(pages) * PAGE_BYTES, seeded.below(pages) * PAGE_BYTES);
                for offset in 0..PAGE_BYTES {
                    bytes.swap(one + offset, other + offset);
                }
            }
            _ if bytes.is_empty() => {}
            _ => part(&mut bytes, at, SECTOR_BYTES, seeded),
        }
        if bytes != before {
            fs::write(file, bytes).unwrap();
            return Damage { kind, file: file.strip_prefix(folder).unwrap().to_owned(), at };
        }
    }
}

fn is_corrupt(status: &Status) -> bool {
    status.get_error_details().error_info().is_some_and(|info| info.reason == "STORAGE_CORRUPT")
}

async fn get(client: &Client, name: &str) -> Result<Resource, Status> {
    let name = name.to_owned();
    match name.split('/').count() {
        2 => client.send(v1::GetProjectRequest { name }).await.map(Resource::Project),
        4 => client.send(v1::GetArticleRequest { name, view: 0, text_revision: 0 }).await.map(without_text),
        _ => client.get(&name).await.map(Resource::Annotation),
    }
}

/// The same but for the head, which an unsure commit may have moved.
fn is_same(found: &Resource, expected: &Resource) -> bool {
    match (found, expected) {
        (Resource::Project(found), Resource::Project(expected)) => {
            v1::Project { revision: 0, ..found.clone() } == v1::Project { revision: 0, ..expected.clone() }
        }
        _ => found == expected,
    }
}

/// How a damaged folder was taken, without anything wrong in it.
struct Outcome {
    what: &'static str,
    /// Resources that were answered as they were stored.
    compared: u64,
}

/// What a server answers that is not what was stored.
async fn check_answers(
    server: &Running,
    template: &Template,
    seeded: &mut Seeded,
) -> Result<Outcome, String> {
    let client = server.client().await;
    let mut findings = Findings::default();
    let listed = read_all(&client, &mut findings).await;
    let mut compared = 0;
    if let Some(story) = findings.lost.first() {
        return Err(format!("answers with another text or state: {story}"));
    }
    match &listed {
        Ok(found) => {
            let holds = template.holds.iter().filter(|(name, _)| !template.is_unsure(name));
            for (name, expected) in holds {
                match found.get(name) {
                    Some(found) if is_same(found, expected) => compared += 1,
                    Some(_) => return Err(format!("silently lists another {name}")),
                    None => return Err(format!("silently does not list {name}")),
                }
            }
            if let Some(name) =
                found.keys().find(|name| !template.holds.contains_key(*name) && !template.is_unsure(name))
            {
                return Err(format!("lists {name}, which was deleted"));
            }
        }
        Err(status) if is_corrupt(status) => {}
        Err(status) => return Err(format!("cannot list: {status:?}")),
    }
    let mut met_corruption = listed.is_err();
    for (name, expected) in &template.holds {
        if template.is_unsure(name) || (listed.is_ok() && seeded.below(10) != 0) {
            continue;
        }
        match get(&client, name).await {
            Ok(found) if is_same(&found, expected) => compared += u64::from(listed.is_err()),
            Ok(_) => return Err(format!("silently answers with another {name}")),
            Err(status) if is_corrupt(&status) => met_corruption = true,
            Err(status) => return Err(format!("says of {name}: {status:?}")),
        }
    }
    let what = if met_corruption { "answered STORAGE_CORRUPT" } else { "served all" };
    Ok(Outcome { what, compared })
}

/// What is wrong with how the server and `verify` take a damaged folder.
async fn judge(folder: &Path, template: &Template, seeded: &mut Seeded) -> Result<Outcome, String> {
    let offline = copy(folder);
    let (verified, _) = verify::run(offline.path(), &[]);
    let outcome = match Launch::over(folder).start() {
        Err(ended) => match ended.fault_of_refusal(&WAYS_OUT) {
            Some(fault) => return Err(format!("{fault}: {ended:?}")),
            None => Outcome { what: "refused", compared: 0 },
        },
        Ok(server) => {
            let checked = tokio::time::timeout(PATIENCE, check_answers(&server, template, seeded)).await;
            let outcome = checked.map_err(|_| "hangs while it serves".to_owned())??;
            if server.said().contains("panicked") {
                return Err(format!("panics while it serves: {}", server.said()));
            }
            outcome
        }
    };
    if verified.code() == Some(0) {
        return match outcome.what {
            "served all" => Ok(outcome),
            what => Err(format!("verify finds nothing, and serve {what}")),
        };
    }
    match verified.fault_of_refusal(&WAYS_OUT) {
        Some(fault) => Err(format!("verify {fault}: {verified:?}")),
        None => Ok(outcome),
    }
}

#[tokio::test]
async fn damage_is_refused_or_answered_and_never_served() {
    let (mut row, mut seeded) = Row::begin("damage");
    let mut all = templates(1, ["new, killed", "new, stopped"], seeded.number()).await;
    all.extend(templates(4, ["reopened, killed", "reopened, stopped"], seeded.number()).await);
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for round in 0..rounds(40, 2_000) {
        let template = &all[round % all.len()];
        let folder = copy(template.folder.path());
        let damage = damage(folder.path(), &mut seeded);
        let judged = judge(folder.path(), template, &mut seeded).await;
        let outcome = match &judged {
            Ok(outcome) => outcome.what.to_owned(),
            Err(story) => format!("WRONG: {}", story.split(':').next().unwrap_or_default()),
        };
        let outcome: String = outcome.split(" projects/").next().unwrap_or_default().to_owned();
        *outcomes.entry(format!("{:7} {outcome}", damage.kind)).or_default() += 1;
        let checked = judged.as_ref().map_or(0, |outcome| outcome.compared);
        let mut findings = Findings { checked, ..Findings::default() };
        if let Err(story) = judged {
            findings.lost.push(format!("{}, {damage}: {story}", template.name));
        }
        row.add(findings);
    }
    for (outcome, times) in outcomes {
        say(&format!("damage: {times:5} {outcome}"));
    }
    row.expect_nothing_lost();
}
