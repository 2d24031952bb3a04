//! The catalog, and what its states say of the projects' partitions.

use std::collections::BTreeMap;

use super::{
    super::{
        catalog::{self, Entry, State, id_hash},
        engine::{Partition, View},
        keys,
        records::{self, ResourceChange},
    },
    Checker, Place,
    guard::GuardedView,
    log, project,
    resuming::Resuming,
    rows,
};
use crate::domain::{Error, Result};

/// Checks the catalog and all projects in it; returns the partitions that it knows, by how problems name them.
pub(super) fn check(checker: &mut Checker<'_>) -> BTreeMap<Partition, String> {
    let place = Place::open(checker, Partition::CATALOG, "the catalog".to_owned());
    let view = GuardedView::new(checker.backend, Partition::CATALOG);
    let shape = rows::check(checker, &place);
    checker.attempt(&"the catalog's log", |checker| {
        log::check_catalog(checker, &place, &view, &shape.logged);
        Ok(())
    });
    checker.attempt(&place, |_| catalog::ids().verify(&view));

    let mut known = BTreeMap::new();
    let mut entries = Vec::new();
    for row in Resuming::new(&view, keys::catalog_entries()) {
        // What cannot be read was said when all rows were looked at.
        let Ok((key, value)) = row else { continue };
        let Some(partition) = keys::project_number_of(&key).map(Partition) else { continue };
        let name = format!("partition {}", partition.0);
        let entry = checker.attempt(&name, |_| catalog::read(partition, &value));
        known.insert(partition, entry.as_ref().map_or(name, |entry| format!("projects/{}", entry.id)));
        entries.extend(entry);
    }
    check_ids(checker, &view, &known);
    let last = known.keys().next_back().copied();
    checker.attempt(&place, |_| check_numbers(&view, last));
    for entry in entries {
        checker.attempt(&format!("projects/{}", entry.id), |checker| check_entry(checker, &view, &entry));
        checker.show_progress();
    }
    known
}

/// Every id leads to an entry that is of it; whether every entry is led to is seen with the entry.
fn check_ids(checker: &mut Checker<'_>, view: &dyn View, known: &BTreeMap<Partition, String>) {
    // An error that ends the iteration was found when the table was verified.
    for (hash, number) in catalog::ids().ascending(view, &[], None).map_while(Result::ok) {
        let number =
            number.first_chunk().filter(|_| number.len() == 4).map(|bytes| u32::from_be_bytes(*bytes));
        let Some(number) = number else {
            checker.problem(&"the catalog", &format!("the number of id {hash:02x?} is not 4 bytes"));
            continue;
        };
        if !known.contains_key(&Partition(number)) {
            let what = format!("id {hash:02x?} leads to project number {number}, which has no entry");
            checker.problem(&"the catalog", &what);
            continue;
        }
        let entry = view.get(&keys::catalog_entry(number)).ok().flatten();
        let entry = entry.and_then(|entry| catalog::read(Partition(number), &entry).ok());
        if let Some(entry) = entry
            && (id_hash(entry.id.as_str()) != hash.as_ref() || entry.state == State::Deleted)
        {
            let what = format!("id {hash:02x?} leads to project number {number}, which it does not name");
            checker.problem(&"the catalog", &what);
        }
    }
}

/// No number is given away twice.
fn check_numbers(view: &dyn View, last: Option<Partition>) -> Result<()> {
    let Some(last) = last else { return Ok(()) };
    let next = view.get(keys::PROJECT_NUMBERS)?;
    let next = next.as_deref().and_then(|next| next.try_into().ok()).map(u32::from_be_bytes);
    match next {
        Some(next) if next > last.0 => Ok(()),
        Some(next) => Err(Error::corrupt(format!("number {} is in use, and the next one is {next}", last.0))),
        None => Err(Error::corrupt("it does not say which project number is the next")),
    }
}

fn check_entry(checker: &mut Checker<'_>, catalog: &dyn View, entry: &Entry) -> Result<()> {
    let name = format!("projects/{}", entry.id);
    if entry.state == State::Deleted {
        let name = format!("partition {}, once {name}", entry.partition.0);
        let place = Place { partition: entry.partition, name, head: None };
        checker.report.unswept += 1;
        rows::check_swept(checker, &place);
        return Ok(());
    }
    let found = checker.noted(&name, catalog::find(catalog, &entry.id));
    if found.is_some_and(|found| found.as_ref() != Some(entry)) {
        let number = entry.partition.0;
        checker.problem(&name, &format!("has project number {number}, and its id does not lead there"));
    }
    let place = Place::open(checker, entry.partition, name);
    let view = GuardedView::new(checker.backend, entry.partition);
    if view.get(keys::PROJECT)?.is_some() {
        project::check(checker, &place, &view, entry);
        return Ok(());
    }
    // A creation that was cut off has written nothing yet, a deletion has logged its last commit.
    if entry.state == State::Active && !is_fenced(&place, &view, entry)? {
        checker.problem(&place, &"is in use, and has no row of its own");
    }
    checker.report.unswept += 1;
    rows::check_swept(checker, &place);
    Ok(())
}

/// Whether the last commit of a project's partition deleted the project.
fn is_fenced(place: &Place, view: &dyn View, entry: &Entry) -> Result<bool> {
    let Some(head) = place.head else { return Ok(false) };
    let Some(commit) = log::entry(view, head.revision)? else { return Ok(false) };
    let changes =
        commit.changes.iter().map(|change| records::read_change(change)).collect::<Result<Vec<_>>>()?;
    Ok(changes.iter().any(|change| {
        matches!(change, ResourceChange::Project { before: Some(before), after: None }
            if before.id == entry.id && before.uid == entry.uid)
    }))
}
