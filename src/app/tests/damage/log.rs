//! What is wrong with a log, by itself and beside what is stored.

use super::*;

#[test]
fn a_log_that_is_wrong_is_found() {
    check("the log has no entry of revision 7", |rows| rows.remove(P, &keys::log(7)));
    check("the log has no entries of revisions 7 to 9", |rows| {
        (7..10).for_each(|revision| rows.remove(P, &keys::log(revision)));
    });
    check("the log has an entry of revision 9999", |rows| rows.put_log_entry(P, 9_999, &LogEntry::default()));
    check("projects/p, the log's entry of revision 7: a record cannot be read", |rows| {
        rows.put(P, &keys::log(7), [&[0, 0, 0, 2][..], &[0xff, 0xff]].concat());
    });
    check("projects/p, the log's entry of revision 7: the value at key", |rows| {
        rows.put(P, &keys::log(7), "");
    });
    let edit = |rows: &mut Rows, revision, edit: &dyn Fn(&mut LogEntry)| {
        let mut entry = rows.log_entry(P, revision);
        edit(&mut entry);
        rows.put_log_entry(P, revision, &entry);
    };
    check("the log's entry of revision 7: it is of 2000", |rows| edit(rows, 7, &|entry| entry.time = 2_000));
    check("has another revision or time than its commit", |rows| edit(rows, 7, &|entry| entry.time -= 1));
    check("has another revision or time than its commit", |rows| {
        let other = rows.log_entry(P, 8);
        edit(rows, 9, &|entry| entry.changes = other.changes.clone());
    });
    check("twice", |rows| edit(rows, 7, &|entry| entry.changes.push(entry.changes[0].clone())));
    check("a change of no resource", |rows| edit(rows, 7, &|entry| entry.changes = vec![Bytes::new()]));
    let last_of_b = |rows: &Rows| revision_of(rows, "b", 149);
    check("resources were changed since its log begins, and the log has", |rows| {
        edit(rows, last_of_b(rows), &|entry| entry.changes.clear());
    });
    check("articles/b/annotations/", |rows| edit(rows, last_of_b(rows), &|entry| entry.changes.clear()));
    check("deleted it, and it is there as of revision", |rows| {
        let index = index(rows, "b");
        let stored = rows.read(P, |view| index.get(view, annotation_id(149))).unwrap();
        let stored = records::decode_annotation(annotation_id(149), &stored.value).unwrap();
        let (article, id, before) = (article("b").article, stored.id, Some(stored));
        let number = rows.read(P, |view| article_table::place(view, &article)).unwrap().number;
        let change = ResourceChange::Annotation { number, article, id, before, after: None, cascaded: false };
        edit(rows, rows.head(P), &|entry| entry.changes.push(records::change(&change)));
    });
    check("changes nothing into nothing", |rows| {
        let (article, id) = (article("b").article, annotation_id(1));
        let number = rows.read(P, |view| article_table::place(view, &article)).unwrap().number;
        let change =
            ResourceChange::Annotation { number, article, id, before: None, after: None, cascaded: false };
        edit(rows, rows.head(P), &|entry| entry.changes.push(records::change(&change)));
    });
    check("goes on with a value that has ended", |rows| {
        rows.put(P, &[&keys::log(7)[..], &[0, 1]].concat(), "more");
    });
}

/// Everything agrees with everything but the log.
#[test]
fn what_the_log_does_not_say_is_found() {
    check("none deleted it since, and it is not there", |rows| {
        let index = index(rows, "b");
        rows.write(P, 1, |draft| {
            let annotation = index.get(draft, annotation_id(100))?.unwrap().annotation()?;
            index.remove(draft, annotation_id(100), Tally::of(&annotation))
        });
    });
    check("it is not what revision", |rows| {
        edit_annotation(rows, "b", 100, |annotation| annotation.label = Label::parse("", "Z").unwrap());
    });
    let restore = |rows: &mut Rows, n: u32, revision: u64| {
        let index = index(rows, "a");
        rows.write(P, 1, |draft| {
            let entry = index.get(draft, annotation_id(1))?.unwrap();
            let mut annotation = entry.annotation()?;
            annotation.id = annotation_id(n);
            annotation.revision = Revision(revision);
            let key = SortKey::of(entry.key.start(), entry.key.end(), annotation.id);
            index.insert(
                draft,
                key,
                &records::annotation(&annotation).encode_to_vec(),
                Tally::of(&annotation),
            )
        });
    };
    check("whose log entry does not name it", |rows| restore(rows, 77, 8));
    // It was deleted, and is as it was before that.
    check("deleted it, and it is there as of revision 8", |rows| restore(rows, 3, 8));
    check("projects/p: the value at key", |rows| rows.put(P, keys::PROJECT, ""));
}
