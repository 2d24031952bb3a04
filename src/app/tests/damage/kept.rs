//! What is wrong with what is kept for undos and retries.

use super::*;

/// What an undo of its deletion would bring back.
#[test]
fn deleted_articles_that_are_wrong_are_found() {
    let gone = ArticleNumber(1);
    let deleted = "projects/p/articles/gone, deleted by revision";
    check(&format!("{deleted} 163: its text has 0 bytes, and should have 17"), |rows| {
        rows.remove(P, &keys::text_chunk(gone, Generation::FIRST, 0));
    });
    check(&format!("{deleted} 163: the SHA-256 of its text is another"), |rows| {
        rows.put(P, &keys::text_chunk(gone, Generation::FIRST, 0), "nobody reads that");
    });
    check("the annotations of ArticleNumber(1), Generation(1): the statistics say", |rows| {
        rows.remove(P, &keys::statistics(gone, Generation::FIRST));
    });
    let index = AnnotationIndex::new(gone, Generation::FIRST);
    check("none deleted it since, and it is not there", |rows| {
        rows.write(P, 1, |draft| {
            let annotation = index.get(draft, annotation_id(1))?.unwrap().annotation()?;
            index.remove(draft, annotation_id(1), Tally::of(&annotation))
        });
    });
    check("it is not what revision", |rows| {
        rows.write(P, 1, |draft| {
            let entry = index.get(draft, annotation_id(1))?.unwrap();
            let mut annotation = entry.annotation()?;
            annotation.label = Label::parse("label", "Z").unwrap();
            let value = records::annotation(&annotation).encode_to_vec();
            index.replace(
                draft,
                (entry.key, Tally::of(&annotation)),
                (entry.key, Tally::of(&annotation)),
                &value,
            )
        });
    });
    let mark = |rows: &mut Rows, revision: u64| {
        rows.put(P, &keys::sweep(gone), revision.to_be_bytes().to_vec());
    };
    check("article number 1, deleted by revision 162: that deleted no such article", |rows| mark(rows, 162));
    check("says no revision that there was", |rows| mark(rows, 0));
    check("says no revision that there was", |rows| mark(rows, rows.head(P) + 1));
}

#[test]
fn requests_that_are_wrong_are_found() {
    let known = |revision: u64, first: u64, records: u64, bucket: u32| {
        let numbers = [&bucket.to_be_bytes()[..], &records.to_be_bytes(), &first.to_be_bytes()].concat();
        [&revision.to_be_bytes()[..], &numbers].concat()
    };
    let buckets = |rows: &mut Rows, change: fn(&mut Vec<u8>)| {
        let mut row = rows.get(P, keys::REQUEST_BUCKETS).to_vec();
        change(&mut row);
        rows.put(P, keys::REQUEST_BUCKETS, row);
    };
    // Then a retry would be done again.
    check("projects/p, its requests: 0 are known, and the log has", |rows| {
        rows.remove(P, keys::REQUEST_BUCKETS);
    });
    check("the catalog, its requests: 0 are known, and the log has 2", |rows| {
        rows.remove(C, keys::REQUEST_BUCKETS);
    });
    check("its requests: the buckets of requests are none", |rows| {
        rows.put(P, keys::REQUEST_BUCKETS, "1234567");
    });
    check("its requests: the buckets of requests end within one", |rows| buckets(rows, |row| row.push(0)));
    check("its requests: the buckets of requests are not in order", |rows| buckets(rows, |row| row[7] = 200));
    check("its requests: the buckets of requests are not in order", |rows| {
        buckets(rows, |row| row.copy_within(8..28, 28));
    });
    check("bucket 1 has 3 records, not 2", |rows| buckets(rows, |row| row[39] -= 1));
    check("bucket 1 has rows and is not known", |rows| buckets(rows, |row| row[31] = 2));
    check("bucket 2 does not begin with what revision", |rows| buckets(rows, |row| row[31] = 2));
    check("bucket 1 does not begin with what revision", |rows| buckets(rows, |row| row[47] -= 1));
    check("its requests are forgotten up to 9999, and the last is", |rows| {
        rows.put(P, keys::REQUEST_BUCKETS, 9_999_u64.to_be_bytes().to_vec());
    });
    check("bucket 9 has 0 records, not 1", |rows| rows.put(P, keys::REQUEST_BUCKETS, known(7, 8, 1, 9)));
    let table = || RunTable::new(keys::requests(1));
    let first = |rows: &Rows| rows.read(P, |view| Ok(table().ascending(view, &[], None).next().unwrap()?.0));
    check("bucket 1 has 2 records, not 3", |rows| {
        let key = first(rows);
        rows.write(P, 1, |draft| table().remove(draft, &key));
    });
    check("leads to revision 7, which did not carry it out", |rows| {
        let key = first(rows);
        rows.write(P, 1, |draft| table().insert(draft, &key, &7_u64.to_be_bytes()));
    });
    check("leads to revision 170, which did not carry it out", |rows| {
        rows.write(P, 1, |draft| table().insert(draft, &[7; 17], &170_u64.to_be_bytes()));
    });
    check("the record of a request has no revision", |rows| {
        rows.write(P, 1, |draft| table().insert(draft, &[7; 17], b"170"));
    });
    // The entry that a retry would be answered from.
    let edit = |rows: &mut Rows, edit: fn(&mut LogEntry)| {
        let mut entry = rows.log_entry(P, 170);
        edit(&mut entry);
        rows.put_log_entry(P, 170, &entry);
    };
    check("are known, and the log has", |rows| edit(rows, |entry| entry.request = None));
    check("a request's id is no UUID", |rows| edit(rows, |entry| entry.request = Some(Bytes::new())));
    check("it undoes revision 170, which did not come before it", |rows| {
        edit(rows, |entry| entry.undone = 170);
    });
}
