//! What `verify` finds: a database that the application wrote has nothing wrong, and one thing that is broken is named.

mod database;
mod kept;
mod log;
mod random;
mod recovery;
mod unreadable;

use bytes::Bytes;
use prost::Message as _;
use uuid::Uuid;

use self::database::{A, B_SENTENCE, LogEntry, P, Q, Rows, Statistics, annotation_id, healthy, trimmed};
use super::*;
use crate::{
    domain::{
        annotations::{Annotation, Mention, Target},
        layers::Tally,
        revisions::ProjectUid,
        spans::{Anchor, Empty},
    },
    limits::{REVISION_MAX, VALUE_BYTES_MAX},
    store::{
        annotation_index::AnnotationIndex,
        article_table,
        catalog::{self, id_hash},
        keys::{ArticleNumber, Generation},
        project_table,
        records::{self, ResourceChange},
        runs::RunTable,
        sort_key::SortKey,
    },
};

const C: Partition = Partition::CATALOG;

/// Breaks a database, and expects the problem to be named.
fn check(expected: &str, damage: impl FnOnce(&mut Rows)) {
    let mut rows = healthy();
    damage(&mut rows);
    let report = rows.verify();
    assert_eq!(report.problem_count, u64::try_from(report.problems.len()).unwrap());
    let is_named = report.problems.iter().any(|problem| problem.contains(expected));
    assert!(is_named, "{expected:?} is not named in {:#?}", report.problems);
}

fn index(rows: &Rows, id: &str) -> AnnotationIndex {
    AnnotationIndex::new(rows.number(id), Generation::FIRST)
}

/// Changes an annotation's record where it stands, and nothing else.
fn edit_annotation(rows: &mut Rows, id: &str, n: u32, edit: impl FnOnce(&mut Annotation)) {
    let (id, index) = (annotation_id(n), index(rows, id));
    rows.write(P, 1, |draft| {
        let entry = index.get(draft, id)?.unwrap();
        let before = entry.annotation()?;
        let mut annotation = before.clone();
        edit(&mut annotation);
        let (old, new) = ((entry.key, Tally::of(&before)), (entry.key, Tally::of(&annotation)));
        index.replace(draft, old, new, &records::annotation(&annotation).encode_to_vec())
    });
}

/// The revision of the newest log entry that names the annotation.
fn revision_of(rows: &Rows, id: &str, n: u32) -> u64 {
    let index = index(rows, id);
    let entry = rows.read(P, |view| index.get(view, annotation_id(n))).unwrap();
    entry.annotation().unwrap().revision.0
}

fn edit_article(rows: &mut Rows, id: &str, edit: impl FnOnce(&mut records::StoredArticle)) {
    let number = rows.number(id);
    rows.write(P, 1, |draft| {
        let mut stored = article_table::get(draft, number)?.unwrap();
        edit(&mut stored);
        article_table::put(draft, number, &stored)
    });
}

#[test]
fn nothing_is_wrong_with_what_the_application_wrote() {
    for (rows, is_trimmed) in [(healthy(), false), (trimmed(), true)] {
        let mut shown = 0;
        let report = crate::store::verify::verify(&rows.backend(), &mut |_| shown += 1).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!((report.projects, report.articles, report.annotations), (1, 6, 155));
        let texts = [A, A, &B_SENTENCE.repeat(1_000), "somebody reads this"].map(str::len);
        let texts: usize = texts.iter().sum::<usize>() + TEXT_STAGED_ABOVE_BYTES + 1;
        assert_eq!(report.text_bytes, u64::try_from(texts).unwrap());
        // A deleted project; a deleted article, which the whole log can bring back.
        assert_eq!((report.deleted_articles, report.unswept), (1, 1));
        assert_eq!(report.rows, u64::try_from(rows.0.len()).unwrap());
        let logged = rows.head(P) - if is_trimmed { rows.head(P) / 2 } else { 0 };
        assert_eq!(report.log_commits, logged + rows.head(C));
        assert!(shown > 5, "{shown}");
    }
    let empty = Rows(std::collections::BTreeMap::new());
    assert_eq!(empty.verify().problem_count, 0);
}

#[test]
fn keys_and_rows_that_nobody_writes_are_found() {
    check("partition 9: the catalog does not know it, and it has 2 rows", |rows| {
        rows.put(Partition(9), keys::HEAD, vec![0; 24]);
        rows.put(Partition(9), keys::PROJECT, "x");
    });
    check("projects/p: the row at b\"O\" belongs to nothing", |rows| rows.put(P, &[0x4f], "x"));
    check("the catalog: the row at b\" \" belongs to nothing", |rows| rows.put(C, &[0x20], "x"));
    check("once projects/q: the row at b\"O\" belongs to nothing", |rows| rows.put(Q, &[0x4f], "x"));
    check("belongs to nothing", |rows| {
        let key = [&keys::sweep(ArticleNumber(1))[..], &[0]].concat();
        rows.put(P, &key, "");
    });
    check("has 4097 bytes, over 4096", |rows| {
        let key = keys::text_chunk(rows.number("b"), Generation::FIRST, 0);
        rows.put(P, &key, vec![b'x'; VALUE_BYTES_MAX + 1]);
    });
    check("has 66 bytes, over 64", |rows| rows.put(P, &[0x02; 62], ""));
}

#[test]
fn keys_of_the_backend_itself_are_left_to_it() {
    let mut rows = healthy();
    for key in [&b"\x00"[..], b"\x00\x00", b"\x01\x02\x03"] {
        rows.0.insert(Bytes::from_static(key), Bytes::from_static(b"spandrel"));
    }
    assert_eq!(rows.verify().problems, Vec::<String>::new());
}

#[test]
fn a_head_that_is_wrong_is_found() {
    check("projects/p: a head has 23 bytes, not 24", |rows| rows.put(P, keys::HEAD, vec![0; 23]));
    check("the catalog: a head has 0 bytes, not 24", |rows| rows.put(C, keys::HEAD, ""));
    check("it keeps those after 0 up to 0", |rows| rows.remove(P, keys::HEAD));
    let head = |rows: &mut Rows, revision: u64, time: i64, floor: u64| {
        rows.put(P, keys::HEAD, [revision.to_be_bytes(), time.to_be_bytes(), floor.to_be_bytes()].concat());
    };
    check("a head has revision 8 and a log without the first 9", |rows| head(rows, 8, 2_000, 9));
    check("the log has no entry of revision", |rows| head(rows, rows.head(P) + 1, 1_000_000, 0));
    check("the log has no entries of revisions", |rows| head(rows, REVISION_MAX, 1_000_000, 0));
    check("it keeps those after 3 up to", |rows| head(rows, rows.head(P), 1_000_000, 3));
    check("what comes after it of 1000000", |rows| head(rows, rows.head(P), 1_000_000, 0));
    check("the last commit was at 5", |rows| head(rows, rows.head(P), 5, 0));
    check("and the last one is 7", |rows| head(rows, 7, 1_000_000, 0));
}

#[test]
fn a_catalog_that_is_wrong_is_found() {
    let ids = || RunTable::new(Bytes::from_static(keys::PROJECT_IDS));
    check("it does not say which project number is the next", |rows| rows.remove(C, keys::PROJECT_NUMBERS));
    check("number 2 is in use, and the next one is 2", |rows| {
        rows.put(C, keys::PROJECT_NUMBERS, 2_u32.to_be_bytes().to_vec());
    });
    check("leads to project number 1, which has no entry", |rows| rows.remove(C, &keys::catalog_entry(1)));
    check("partition 1: the catalog does not know it", |rows| rows.remove(C, &keys::catalog_entry(1)));
    check("partition 1: a catalog entry has no state", |rows| rows.put(C, &keys::catalog_entry(1), ""));
    check("projects/p: has project number 1, and its id does not lead there", |rows| {
        rows.write(C, 1, |draft| ids().remove(draft, &id_hash("p")));
    });
    check("leads to project number 7, which has no entry", |rows| {
        rows.write(C, 1, |draft| ids().insert(draft, &id_hash("p"), &7_u32.to_be_bytes()));
    });
    check("leads to project number 1, which it does not name", |rows| {
        rows.write(C, 1, |draft| ids().insert(draft, &id_hash("z"), &1_u32.to_be_bytes()));
    });
    check("leads to project number 2, which it does not name", |rows| {
        rows.write(C, 1, |draft| ids().insert(draft, &id_hash("q"), &2_u32.to_be_bytes()));
    });
    check("is not 4 bytes", |rows| {
        rows.write(C, 1, |draft| ids().insert(draft, &id_hash("z"), b"seven"));
    });
    check("the catalog: a packed row has format 7, not 1", |rows| rows.put(C, keys::PROJECT_IDS, vec![7]));
    check("the catalog, the log's entry of revision 2", |rows| rows.put(C, &keys::log(2), "x"));
    check("the log's entry of revision 2 has changes of resources", |rows| {
        let mut entry = rows.log_entry(C, 2);
        entry.changes.push(Bytes::new());
        rows.put_log_entry(C, 2, &entry);
    });
}

#[test]
fn a_project_that_is_wrong_is_found() {
    check("projects/p: is in use, and has no row of its own", |rows| rows.remove(P, keys::PROJECT));
    check("is incomplete", |rows| rows.remove(P, &[keys::PROJECT, &[0, 2]].concat()));
    check("goes on with a value that has ended", |rows| {
        rows.put(P, &[keys::PROJECT, &[0, 3]].concat(), "more");
    });
    let edit = |rows: &mut Rows, edit: fn(&mut crate::domain::projects::Project)| {
        rows.write(P, 1, |draft| {
            let mut project = project_table::get(draft)?.unwrap();
            edit(&mut project);
            project_table::put(draft, &project)
        });
    };
    check("the catalog has life", |rows| edit(rows, |project| project.uid = ProjectUid(Uuid::nil())));
    check("and its row is of life", |rows| edit(rows, |project| project.id = super::project("z").project));
    check("it is not what revision 1 wrote", |rows| {
        edit(rows, |project| project.details.display_name = "another".to_owned());
    });
    check("projects/p: is of revision 0", |rows| edit(rows, |project| project.revision = Revision(0)));
    check("projects/p: was made at 9", |rows| edit(rows, |project| project.create_time = Timestamp(9_999)));
}

/// A server finishes what a crash cut off, so that nothing is wrong with it.
#[test]
fn a_creation_or_deletion_that_was_cut_off_is_no_problem() {
    let check = |unswept: u64, cut_off: fn(&mut Rows)| {
        let mut rows = healthy();
        cut_off(&mut rows);
        let report = rows.verify();
        assert_eq!((report.problems, report.unswept), (Vec::new(), 1 + unswept));
    };
    check(1, |rows| {
        rows.write(C, 1, |draft| catalog::reserve(draft, &project("r").project, ProjectUid(Uuid::nil())));
    });
    // The fence is down, and the catalog was not told.
    check(0, |rows| {
        rows.write(C, 1, |draft| {
            let entry = catalog::Entry {
                id: project("q").project,
                partition: Q,
                uid: catalog::entries(draft, Q).next().unwrap()?.uid,
                state: catalog::State::Active,
            };
            catalog::activate(draft, &entry);
            RunTable::new(Bytes::from_static(keys::PROJECT_IDS)).insert(
                draft,
                &id_hash("q"),
                &Q.0.to_be_bytes(),
            )
        });
    });
    // Swept in part: the head goes first.
    check(0, |rows| rows.remove(Q, keys::HEAD));
    // A long text was staged, and its article never came.
    check(1, |rows| {
        let number = ArticleNumber(900);
        rows.put(P, &keys::sweep(number), "");
        rows.put(P, &keys::text_chunk(number, Generation::FIRST, 0), "half a text");
    });
}

#[test]
fn articles_that_are_wrong_are_found() {
    let ids = || RunTable::new(Bytes::from_static(keys::ARTICLE_IDS));
    check("articles/a: has number 2, and its id does not lead there", |rows| {
        rows.write(P, 1, |draft| ids().remove(draft, &id_hash("a")));
    });
    check("leads to article number 3, which is b", |rows| {
        rows.write(P, 1, |draft| ids().insert(draft, &id_hash("a"), &3_u64.to_be_bytes()));
    });
    check("an article's number is not 8 bytes", |rows| {
        rows.write(P, 1, |draft| ids().insert(draft, &id_hash("a"), b"three"));
    });
    check("is empty", |rows| rows.put(P, keys::ARTICLE_IDS, vec![1]));
    let remove = |rows: &mut Rows| rows.remove(P, &keys::article(ArticleNumber(2)));
    check("leads to article number 2, which has no row", remove);
    check("hangs on an article that is not there and not to be swept", remove);
    check(
        "projects/p/articles/a: revision 3 wrote it and none deleted it since, and it is not there",
        remove,
    );
    check("article number 2: the value at key", |rows| rows.put(P, &keys::article(ArticleNumber(2)), "x"));
    check("article number 2: a record cannot be read", |rows| {
        rows.put(P, &keys::article(ArticleNumber(2)), [&[0, 0, 0, 2][..], &[0xff, 0xff]].concat());
    });
    let further = |rows: &Rows| [&keys::article(rows.number("d"))[..], &[0, 2]].concat();
    check("is incomplete", |rows| rows.remove(P, &further(rows)));
    check("goes on with a value that has ended", |rows| {
        rows.put(P, &[&keys::article(ArticleNumber(2))[..], &[0, 1]].concat(), "more");
    });
    check("articles/a: has number 2, and numbers below 2 were given away", |rows| {
        rows.put(P, keys::ARTICLE_NUMBERS, 2_u64.to_be_bytes().to_vec());
    });
    check("and numbers below 0 were given away", |rows| rows.remove(P, keys::ARTICLE_NUMBERS));
    // The articles that are there are not the only ones that had numbers.
    check("entry of revision 3: it is of article number 2, and numbers below 2 were given away", |rows| {
        rows.put(P, keys::ARTICLE_NUMBERS, 2_u64.to_be_bytes().to_vec());
    });
    check("articles/a: it is not what revision", |rows| {
        edit_article(rows, "a", |stored| stored.article.details.title = "another".to_owned());
    });
    check("articles/a: is of revision 9999", |rows| {
        edit_article(rows, "a", |stored| stored.article.revision = Revision(9_999));
    });
    check("changed it, and it is there as of revision 1", |rows| {
        edit_article(rows, "a", |stored| stored.article.revision = Revision(1));
    });
    check("articles/a: it is there as of revision 5, whose log entry does not name it", |rows| {
        edit_article(rows, "a", |stored| stored.article.revision = Revision(5));
    });
    check("article number 2 is marked to be swept, and is there", |rows| {
        rows.put(P, &keys::sweep(ArticleNumber(2)), "");
    });
    check("article number 5000 is marked to be swept, and was never given away", |rows| {
        rows.put(P, &keys::sweep(ArticleNumber(5_000)), "");
    });
    check("the sweep's mark at", |rows| rows.put(P, &keys::sweep(ArticleNumber(1)), "x"));
    check("hangs on an article that is not there", |rows| rows.remove(P, &keys::sweep(ArticleNumber(1))));
}

#[test]
fn texts_that_are_wrong_are_found() {
    let chunk = |rows: &Rows, id: &str, chunk| keys::text_chunk(rows.number(id), Generation::FIRST, chunk);
    check("articles/b: its text does not go on at", |rows| rows.remove(P, &chunk(rows, "b", 2)));
    check("articles/b: its text does not go on at", |rows| rows.put(P, &chunk(rows, "b", 2), "short"));
    check("articles/b: its text has 20480 bytes, and should have 24000", |rows| {
        rows.remove(P, &chunk(rows, "b", 5));
    });
    check("articles/a: its text does not go on at", |rows| rows.put(P, &chunk(rows, "a", 1), "more"));
    check("articles/d: its text does not go on at", |rows| rows.put(P, &chunk(rows, "d", 0), ""));
    check("articles/a: the SHA-256 of its text is another", |rows| {
        rows.put(P, &chunk(rows, "a", 0), A.replace("Ana", "Eva"));
    });
    check("is of a text that the article does not have", |rows| {
        rows.put(P, &keys::text_chunk(rows.number("a"), Generation(2), 0), A);
    });
    check("articles/a: the length of its text is", |rows| {
        edit_article(rows, "a", |stored| stored.article.text.length.code_points += 1);
    });
    check("articles/a: its text is not UTF-8", |rows| {
        use sha2::Digest as _;
        let text = [0xff_u8; A.len()];
        rows.put(P, &chunk(rows, "a", 0), text.to_vec());
        edit_article(rows, "a", |stored| stored.article.text.sha256 = sha2::Sha256::digest(text).into());
    });
}

#[test]
fn annotations_that_are_wrong_are_found() {
    let statistics = |rows: &Rows, id: &str| keys::statistics(rows.number(id), Generation::FIRST);
    let run = |rows: &Rows, id: &str| keys::annotations(rows.number(id), Generation::FIRST);
    check("the statistics say", |rows| rows.remove(P, &statistics(rows, "a")));
    check("the statistics say", |rows| {
        let key = statistics(rows, "b");
        let mut of_b = Statistics::read(&rows.get(P, &key)).unwrap();
        of_b.head.by_length_class[0] += 1;
        rows.put(P, &key, of_b.write());
    });
    check("the statistics say", |rows| {
        let key = statistics(rows, "b");
        let mut of_b = Statistics::read(&rows.get(P, &key)).unwrap();
        of_b.layers.layers[0].spans += 1;
        rows.put(P, &key, of_b.write());
    });
    check("and the last revision is", |rows| {
        let key = statistics(rows, "b");
        let mut of_b = Statistics::read(&rows.get(P, &key)).unwrap();
        of_b.head.changed_revision = 1_000_000;
        rows.put(P, &key, of_b.write());
    });
    check("a reference is kept and not meant", |rows| {
        let index = index(rows, "b");
        rows.write(P, 1, |draft| index.add_reference(draft, annotation_id(1), annotation_id(2)));
    });
    check("are none", |rows| rows.put(P, &statistics(rows, "a"), "x"));
    check("there are statistics of nothing", |rows| {
        rows.put(P, &statistics(rows, "d"), Statistics::default().write());
    });
    check("is not in order: the first row, and only it, is at the prefix", |rows| {
        rows.remove(P, &keys::annotation_ids(rows.number("b"), Generation::FIRST));
    });
    check("the directory has not", |rows| {
        let directory = RunTable::new(keys::annotation_ids(rows.number("b"), Generation::FIRST));
        rows.write(P, 1, |draft| directory.remove(draft, annotation_id(7).as_bytes()));
    });
    check("the run has not", |rows| {
        let directory = RunTable::new(keys::annotation_ids(rows.number("b"), Generation::FIRST));
        rows.write(P, 1, |draft| directory.insert(draft, &[7; 16], &[0; 8]));
    });
    check("is not where the directory says", |rows| {
        let directory = RunTable::new(keys::annotation_ids(rows.number("b"), Generation::FIRST));
        rows.write(P, 1, |draft| directory.insert(draft, annotation_id(7).as_bytes(), &[0; 8]));
    });
    check("is not in order: the first row, and only it, is at the prefix", |rows| {
        rows.remove(P, &run(rows, "b"));
    });
    check("a packed row has format 120, not 1", |rows| rows.put(P, &run(rows, "a"), "x"));
    check("is not the sort key of an annotation", |rows| {
        rows.write(P, 1, |draft| RunTable::new(run(&healthy(), "a")).insert(draft, &[9; 25], b"\0x"));
    });
    let long =
        |rows: &Rows| keys::long_annotation(rows.number("b"), Generation::FIRST, annotation_id(0).as_bytes());
    check("has no value", |rows| rows.remove(P, &long(rows)));
    check("is incomplete", |rows| {
        let value = rows.get(P, &long(rows));
        rows.put(P, &long(rows), value.slice(..value.len() - 1));
    });
    check("is no annotation's", |rows| {
        let key = keys::long_annotation(rows.number("a"), Generation::FIRST, &[7; 16]);
        rows.put(P, &key, rows.get(P, &long(rows)));
    });
    check("is of annotations that the article does not have", |rows| {
        rows.put(P, &keys::statistics(rows.number("a"), Generation(2)), "");
    });
}

#[test]
fn annotations_whose_records_are_wrong_are_found() {
    check("stands at [0, 4), and its spans at [0, 5)", |rows| {
        edit_annotation(rows, "a", 1, |annotation| resolve(annotation, &[(0, 5)]));
    });
    check("articles/a/annotations/", |rows| edit_annotation(rows, "a", 1, |it| resolve(it, &[(0, 5)])));
    check("which is no place of the text", |rows| {
        let spans = vec![crate::domain::text::TextRange {
            start: crate::domain::text::Position::default(),
            end: crate::domain::text::Position { utf8: 4, utf16: 4, code_points: 4 },
        }];
        edit_annotation(rows, "a", 1, |annotation| {
            mention(annotation).anchor = Anchor::from_ranges(spans).unwrap();
        });
    });
    check("its quotes are not what its spans cover", |rows| {
        edit_annotation(rows, "a", 1, |annotation| mention(annotation).quotes = vec!["Ana".to_owned()]);
    });
    check("its quotes are not what its spans cover", |rows| {
        edit_annotation(rows, "a", 1, |annotation| mention(annotation).quotes.clear());
    });
    check("counts in text revision 2, and the latest is 1", |rows| {
        edit_annotation(rows, "a", 1, |annotation| annotation.text_revision = 2);
    });
    check("is of revision 9999", |rows| {
        edit_annotation(rows, "a", 1, |annotation| annotation.revision = Revision(9_999));
    });
    check("are not in order", |rows| {
        let index = index(rows, "a");
        rows.write(P, 1, |draft| {
            let entry = index.get(draft, annotation_id(1))?.unwrap();
            let annotation = entry.annotation()?;
            let same = (entry.key, Tally::of(&annotation));
            index.replace(draft, same, same, b"\x1a\x01\x01")
        });
    });
}

fn resolve(annotation: &mut Annotation, ranges: &[(u32, u32)]) {
    let text = crate::domain::text::Text::new(A);
    let Some(TargetRequest::Spans(spans)) = database::content("X", ranges).target else { unreachable!() };
    let mention = mention(annotation);
    mention.anchor = Anchor::resolve(&text, &spans, Empty::Refused).unwrap();
    mention.quotes = mention.anchor.quotes(&text);
}

fn mention(annotation: &mut Annotation) -> &mut Mention {
    let Target::Spans(mention) = &mut annotation.target else { unreachable!() };
    mention
}

#[test]
fn a_thousand_problems_are_listed_and_all_are_counted() {
    let mut rows = healthy();
    for number in 0..1_500_u64 {
        rows.put(P, &[&[0x4f][..], &number.to_be_bytes()].concat(), "x");
    }
    let report = rows.verify();
    assert_eq!((report.problem_count, report.problems.len()), (1_500, 1_000));
}
