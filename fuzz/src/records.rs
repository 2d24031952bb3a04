//! What is stored, decoded from what nobody stored: it is refused or understood, and never a panic. What is
//! understood is the same after it was written again.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, LazyLock},
};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use prost::Message;
use spandrel::{
    app::{App, Settings, answers::Versions},
    domain::{
        self, Problem,
        annotations::{State, TargetKind},
        ids::{AnnotationId, ArticleId, LayerId, ProjectId},
        layers::{LayerCounts, Tally},
    },
    grpc::convert::changes::RENDERERS,
    proto::stored,
    store::{
        annotation_index::AnnotationIndex,
        article_table::{self, ArticlePlace},
        catalog,
        committer::{Backend, Committer, Options, full_key},
        engine::{Clock, Engine, EngineExt, Partition, Revision, Timestamp},
        keys::{self, ArticleNumber, Generation},
        long_values,
        memory::{Disk, MemoryBackend},
        project_table, records,
        runs::RunTable,
        sort_key::{DocumentPosition, SortKey},
        verify,
    },
};

use super::{
    fixture,
    rows::{self, StoredRows},
};

const ARTICLE: ArticleNumber = ArticleNumber(1);

/// Every decoder in turn, by the first byte.
pub fn check(data: &[u8]) {
    let Some((which, rest)) = data.split_first() else { return };
    let input = &mut Unstructured::new(rest);
    // Input that ends early asks nothing more.
    let _ = match which % 12 {
        0 => project(rest),
        1 => article(rest),
        2 => annotation(rest),
        3 => change(rest),
        4 => entries_of_the_log(rest),
        5 => statistics(rest),
        6 => sort_keys(rest),
        7 => catalog_entries(input),
        8 => long_value(input),
        9 => run(input),
        10 => index(input),
        _ => folder(input),
    };
}

/// Decoded, encoded and decoded again it is the same, or it is refused as damage.
fn again<T: Debug + PartialEq>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> domain::Result<T>,
    write: impl Fn(&T) -> Vec<u8>,
) {
    if let Some(read_once) = unless_damaged(read(bytes)) {
        let written = write(&read_once);
        assert_eq!(read(&written).as_ref(), Ok(&read_once), "{written:02x?}");
    }
}

/// What was read, or nothing when it was refused as what it is: damage.
fn unless_damaged<T>(read: domain::Result<T>) -> Option<T> {
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            assert!(matches!(error.problem, Problem::StorageCorrupt(_)), "{error:?}");
            None
        }
    }
}

fn project(bytes: &[u8]) -> Result<()> {
    let read = |bytes: &[u8]| records::read_project(records::decode(bytes)?);
    again(bytes, read, |project| records::project(project).encode_to_vec());
    Ok(())
}

fn article(bytes: &[u8]) -> Result<()> {
    let read = |bytes: &[u8]| records::read_article(records::decode(bytes)?);
    again(bytes, read, |article| records::article(article).encode_to_vec());
    Ok(())
}

fn annotation(bytes: &[u8]) -> Result<()> {
    let id = AnnotationId::from_bytes([7; 16]);
    let read = |bytes: &[u8]| records::decode_annotation(id, bytes);
    again(bytes, read, |annotation| records::annotation(annotation).encode_to_vec());
    Ok(())
}

fn change(bytes: &[u8]) -> Result<()> {
    again(bytes, records::read_change, |change| records::change(change).to_vec());
    Ok(())
}

fn entries_of_the_log(bytes: &[u8]) -> Result<()> {
    again(bytes, records::decode::<stored::LogEntry>, Message::encode_to_vec);
    for change in records::decode::<stored::LogEntry>(bytes).unwrap_or_default().changes {
        unless_damaged(records::read_change(&change));
    }
    Ok(())
}

fn statistics(bytes: &[u8]) -> Result<()> {
    again(bytes, records::decode::<stored::AnnotationStatistics>, Message::encode_to_vec);
    let key = keys::statistics(ARTICLE, Generation::FIRST);
    let rows = StoredRows([(key, Bytes::copy_from_slice(bytes))].into());
    unless_damaged(AnnotationIndex::new(ARTICLE, Generation::FIRST).count(&rows));
    Ok(())
}

fn sort_keys(bytes: &[u8]) -> Result<()> {
    if let Some(key) = unless_damaged(SortKey::decode(bytes)) {
        assert_eq!(key.encode(), bytes);
    }
    if let Some(position) = DocumentPosition::decode(bytes) {
        assert_eq!(position.encode(), bytes);
    }
    Ok(())
}

fn catalog_entries(input: &mut Unstructured<'_>) -> Result<()> {
    let mut rows = StoredRows::default();
    for _ in 0..input.int_in_range(0..=3)? {
        let (key, value) = catalog_row(input)?;
        rows.0.insert(key, value);
    }
    let entries: Vec<_> = catalog::entries(&rows, Partition(0)).map_while(unless_damaged).collect();
    for entry in entries {
        let mut written = rows.clone();
        written
            .commit(|draft| {
                catalog::activate(draft, &entry);
                Ok(())
            })
            .unwrap();
        let read = catalog::entries(&written, entry.partition).next().unwrap().unwrap();
        assert_eq!(read, catalog::Entry { state: catalog::State::Active, ..entry.clone() });
        unless_damaged(catalog::find(&rows, &entry.id));
        unless_damaged(written.commit(|draft| catalog::release(draft, &entry)));
    }
    let id = ProjectId::parse("", "p").unwrap();
    unless_damaged(catalog::find(&rows, &id));
    unless_damaged(rows.commit(|draft| catalog::reserve(draft, &id, fixture::uid())));
    Ok(())
}

/// A row of the catalog.
fn catalog_row(input: &mut Unstructured<'_>) -> Result<(Bytes, Bytes)> {
    Ok(match input.int_in_range(0..=4)? {
        0 => (Bytes::from_static(keys::PROJECT_NUMBERS), number(input)?),
        1 => rows::packed(input, keys::PROJECT_IDS)?,
        2 => {
            // The row that finds project p.
            let number = number(input)?;
            let table = RunTable::new(Bytes::from_static(keys::PROJECT_IDS));
            let mut rows = StoredRows::default();
            unless_damaged(rows.commit(|draft| table.insert(draft, &catalog::id_hash("p"), &number)));
            // None that is too long for a packed row.
            rows.0.pop_first().ok_or(arbitrary::Error::IncorrectFormat)?
        }
        3 => (keys::catalog_entry(input.int_in_range(0..=3)?), rows::bytes(input)?.into()),
        _ => {
            let uid = if input.ratio(1, 16)? { Bytes::new() } else { Bytes::from_static(&[9; 16]) };
            let id = if input.ratio(1, 8)? { input.arbitrary()? } else { "p".to_owned() };
            let entry = stored::CatalogEntry { id, state: input.int_in_range(0..=4)?, uid };
            (keys::catalog_entry(input.int_in_range(0..=3)?), entry.encode_to_vec().into())
        }
    })
}

/// A number of an article or a project, mostly a small one.
fn number(input: &mut Unstructured<'_>) -> Result<Bytes> {
    let number = if input.ratio(1, 4)? { input.arbitrary()? } else { input.int_in_range(0..=3_u64)? };
    Ok(match input.int_in_range(0..=4)? {
        0 => rows::bytes(input)?.into(),
        1 | 2 => Bytes::copy_from_slice(&number.to_be_bytes()),
        _ => Bytes::copy_from_slice(&number.to_be_bytes()[4..]),
    })
}

fn long_value(input: &mut Unstructured<'_>) -> Result<()> {
    let key = keys::article(ARTICLE);
    let mut rows = StoredRows::default();
    for _ in 0..input.int_in_range(0..=4)? {
        let (key, value) = long_value_row(input, &key)?;
        rows.0.insert(key, value);
    }
    unless_damaged(long_values::get(&rows, &key));
    for row in long_values::scan(&rows, &keys::articles(), key.len()) {
        unless_damaged(row);
    }
    let value = rows::bytes(input)?;
    if unless_damaged(rows.commit(|draft| long_values::put(draft, &key, &value))).is_some() {
        assert_eq!(long_values::get(&rows, &key), Ok(Some(value.into())));
        rows.commit(|draft| long_values::delete(draft, &key)).unwrap();
        assert_eq!(long_values::get(&rows, &key), Ok(None));
    }
    Ok(())
}

/// The first row of a long value at `key`, or one of the others.
fn long_value_row(input: &mut Unstructured<'_>, key: &[u8]) -> Result<(Bytes, Bytes)> {
    let value = rows::bytes(input)?;
    if input.arbitrary()? {
        let chunk: u16 = if input.ratio(1, 8)? { input.arbitrary()? } else { input.int_in_range(0..=3)? };
        return Ok(([key, &chunk.to_be_bytes()].concat().into(), value.into()));
    }
    let length = match input.int_in_range(0..=3)? {
        0 => input.arbitrary()?,
        1 => input.int_in_range(4_000..=13_000)?,
        _ => u32::try_from(value.len()).unwrap(),
    };
    Ok((Bytes::copy_from_slice(key), [&length.to_be_bytes(), &value[..]].concat().into()))
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let prefix = keys::annotations(ARTICLE, Generation::FIRST);
    let table = RunTable::grouped(prefix.clone(), input.int_in_range(0..=2)?);
    let mut rows = StoredRows::default();
    for _ in 0..input.int_in_range(0..=4)? {
        let (key, row) = rows::packed(input, &prefix)?;
        rows.0.insert(key, row);
    }
    // What is as it should be stays so, and answers as a map does.
    let whole = unless_damaged(table.verify(&rows)).is_some();
    let entries = || table.ascending(&rows, &[], None).collect::<domain::Result<BTreeMap<_, _>>>();
    let mut model = unless_damaged(entries()).filter(|_| whole);
    unless_damaged(table.has_several_rows(&rows));
    for _ in 0..input.int_in_range(0..=12)? {
        let (key, value) = (rows::key(input)?, rows::bytes(input)?);
        let (operation, fits) = (input.int_in_range(0..=4)?, RunTable::fits(key.len(), value.len()));
        let got = match operation {
            0 => table.get(&rows, &key),
            1 => rows.commit(|draft| table.insert(draft, &key, &value)),
            2 => rows.commit(|draft| table.add(draft, &key, &value).map(|_| None)),
            3 => rows.commit(|draft| table.remove(draft, &key)),
            _ => table.ascending(&rows, &key, Some(&value)).collect::<domain::Result<Vec<_>>>().map(|_| None),
        };
        let got = unless_damaged(got);
        let Some(model) = &mut model else { continue };
        let entry = (Bytes::from(key), Bytes::from(value));
        let expected = match operation {
            0 => Some(model.get(&entry.0).cloned()),
            1 => fits.then(|| model.insert(entry.0, entry.1)),
            2 => fits.then(|| {
                model.entry(entry.0).or_insert(entry.1);
                None
            }),
            3 => Some(model.remove(&entry.0)),
            _ => Some(None),
        };
        assert_eq!(got, expected);
        assert_eq!(table.verify(&rows), Ok(()));
        let entries = table.ascending(&rows, &[], None).collect::<domain::Result<BTreeMap<_, _>>>();
        assert_eq!(entries.as_ref(), Ok(&*model));
    }
    Ok(())
}

fn index(input: &mut Unstructured<'_>) -> Result<()> {
    let index = AnnotationIndex::new(ARTICLE, Generation::FIRST);
    let mut rows = StoredRows::default();
    if input.arbitrary()? {
        for _ in 0..input.int_in_range(0..=40)? {
            let (key, value) = (sort_key(input)?, rows::bytes(input)?);
            rows.commit(|draft| index.insert(draft, key, &value, tally())).unwrap();
        }
        assert_eq!(index.verify(&rows), Ok(()));
    }
    for _ in 0..input.int_in_range(0..=3)? {
        let (key, value) = row_of_index(input)?;
        if input.ratio(1, 4)? { drop(rows.0.remove(&key)) } else { drop(rows.0.insert(key, value)) }
    }
    // What is no annotation is not held against the counts, which changes are.
    let is_counted = |rows: &StoredRows| {
        let counts =
            index.counted(rows).ok().flatten().map(|layers| layers.into_iter().map(|(_, counts)| counts));
        let one = tally().counts();
        let expected =
            (0..index.count(rows).unwrap_or(0)).fold(LayerCounts::default(), |sum, _| sum.plus(one));
        counts.is_some_and(|counts| counts.fold(LayerCounts::default(), LayerCounts::plus) == expected)
    };
    let mut whole = unless_damaged(index.verify(&rows)).is_some() && is_counted(&rows);
    for _ in 0..input.int_in_range(0..=8)? {
        let (key, value) = (sort_key(input)?, rows::bytes(input)?);
        let done = match input.int_in_range(0..=4)? {
            0 => index.get(&rows, key.id()).map(drop),
            1 => rows.commit(|draft| index.insert(draft, key, &value, tally())).map(drop),
            2 => rows.commit(|draft| index.remove(draft, key.id(), tally())).map(drop),
            3 => match index.get(&rows, key.id()) {
                Ok(Some(found)) => {
                    rows.commit(|draft| index.replace(draft, (found.key, tally()), (key, tally()), &value))
                }
                other => other.map(drop),
            },
            _ => {
                let window = (key.start(), key.end().saturating_add(1));
                let entries = index.in_document_order(&rows, Some(window), None);
                entries.and_then(|mut entries| entries.try_for_each(|entry| entry.map(drop)))
            }
        };
        let done = unless_damaged(done).is_some();
        assert!(done || !whole, "an operation failed on an index that is as it should be");
        if whole {
            assert_eq!(index.verify(&rows), Ok(()));
        }
        whole &= done;
    }
    Ok(())
}

/// What every annotation counts as.
fn tally() -> Tally<'static> {
    static LAYER: LazyLock<LayerId> = LazyLock::new(|| LayerId::parse("", LayerId::DEFAULT).unwrap());
    Tally {
        layer: &LAYER,
        kind: TargetKind::Spans,
        is_orphaned: false,
        state: State::Accepted,
        needs_review: false,
    }
}

/// A place of one of few annotations.
fn sort_key(input: &mut Unstructured<'_>) -> Result<SortKey> {
    let start = if input.ratio(1, 16)? { input.arbitrary()? } else { input.int_in_range(0..=3_000_u32)? };
    let length =
        if input.ratio(1, 8)? { input.int_in_range(0..=3 << 20)? } else { input.int_in_range(0..=9)? };
    let id = AnnotationId::from_bytes([input.int_in_range(0..=40)?; 16]);
    Ok(SortKey::of(start, start.saturating_add(length), id))
}

fn row_of_index(input: &mut Unstructured<'_>) -> Result<(Bytes, Bytes)> {
    let (run, ids) =
        (keys::annotations(ARTICLE, Generation::FIRST), keys::annotation_ids(ARTICLE, Generation::FIRST));
    Ok(match input.int_in_range(0..=4)? {
        0 => rows::packed(input, &run)?,
        1 => rows::packed(input, &ids)?,
        2 => {
            let statistics = stored::AnnotationStatistics {
                by_length_class: input.arbitrary()?,
                has_directory: input.arbitrary()?,
                changed_revision: input.arbitrary()?,
                base: None,
            };
            let value = if input.arbitrary()? {
                statistics.encode_to_vec()
            } else {
                let value = statistics.encode_length_delimited_to_vec();
                [&u32::try_from(value.len()).unwrap().to_be_bytes()[..], &value].concat()
            };
            (keys::statistics(ARTICLE, Generation::FIRST), value.into())
        }
        3 => (keys::statistics(ARTICLE, Generation::FIRST), rows::bytes(input)?.into()),
        _ => long_value_row(input, &keys::long_annotation(ARTICLE, Generation::FIRST, &[1; 16]))?,
    })
}

/// A whole folder of rows that nobody wrote, or one with some of them damaged: it is opened, read and written to.
fn folder(input: &mut Unstructured<'_>) -> Result<()> {
    let mut rows: BTreeMap<Bytes, Bytes> = match input.ratio(3, 4)? {
        true => fixture::stored_rows().iter().cloned().collect(),
        false => BTreeMap::new(),
    };
    for _ in 0..input.int_in_range(0..=4)? {
        let (key, value) = if input.arbitrary()? || rows.is_empty() {
            row_of_folder(input)?
        } else {
            let at = input.choose_index(rows.len())?;
            let (key, value) = rows.iter().nth(at).unwrap();
            (key.clone(), damaged(input, value)?)
        };
        rows.insert(key, value);
    }
    let mut backend = MemoryBackend::open(&Disk::default());
    backend.apply(rows.into_iter().map(|(key, value)| (key, Some(value))).collect()).unwrap();
    unless_damaged(verify::verify(&backend, &mut |_| {}));
    let versions = Versions::new();
    let clock: Clock = Arc::new(|| Timestamp(0));
    let options =
        Options { clock: Arc::clone(&clock), observer: versions.observer(), free_space_floor_bytes: 0 };
    let engine = Committer::start(Box::new(backend), options).unwrap();
    fixture::block_on(use_folder(Arc::clone(&engine) as Arc<dyn Engine>, versions, clock));
    engine.close();
    Ok(())
}

async fn use_folder(engine: Arc<dyn Engine>, versions: Arc<Versions>, clock: Clock) {
    let settings = Settings::with_texts_of(1 << 20);
    for partition in (0..3).map(Partition) {
        let _ = engine.head(partition);
        let _ = engine.log_after(partition, Revision(0), 1 << 20).await;
        let _ = engine.log_after(partition, Revision(u64::MAX), 1 << 20).await;
        let read = engine.read(partition, |view| {
            unless_damaged(project_table::get(view));
            for article in article_table::articles(view, ArticleNumber(0)) {
                let Some((number, stored)) = unless_damaged(article) else { break };
                let index = ArticlePlace::of(number, &stored).annotations();
                unless_damaged(index.verify(view));
                let entries = index.in_document_order(view, None, None);
                if let Some(mut entries) = unless_damaged(entries) {
                    unless_damaged(entries.try_for_each(|entry| entry.map(drop)));
                }
            }
            unless_damaged(article_table::find(view, &ArticleId::parse("", "a").unwrap()));
            unless_damaged(article_table::numbers_in_use(view));
            Ok(())
        });
        unless_damaged(read.await.map(drop));
    }
    let opened = App::open(Arc::clone(&engine), versions, clock, settings, RENDERERS).await;
    if let Some((app, _sweeper)) = unless_damaged(opened) {
        let _ = app.list_projects(10, "").await;
        fixture::ask_everything(&app).await;
    }
    for partition in (0..3).map(Partition) {
        let _ = engine.trim_log(partition, Revision(u64::MAX)).await;
    }
}

fn damaged(input: &mut Unstructured<'_>, value: &Bytes) -> Result<Bytes> {
    let mut value = value.to_vec();
    if value.is_empty() || input.ratio(1, 4)? {
        return Ok(rows::bytes(input)?.into());
    }
    for _ in 0..input.int_in_range(1..=4)? {
        let at = input.choose_index(value.len())?;
        value[at] = input.arbitrary()?;
    }
    if input.ratio(1, 4)? {
        value.truncate(input.choose_index(value.len())?);
    }
    Ok(value.into())
}

/// A row at a key that somebody reads.
fn row_of_folder(input: &mut Unstructured<'_>) -> Result<(Bytes, Bytes)> {
    let partition = Partition(input.int_in_range(0..=2)?);
    let article = ArticleNumber(input.int_in_range(0..=3)?);
    let (key, value) = match input.int_in_range(0..=8)? {
        0 => catalog_row(input)?,
        1 => row_of_index(input)?,
        2 => (Bytes::from_static(keys::HEAD), input.arbitrary::<[u8; 24]>()?.to_vec().into()),
        3 => (Bytes::from_static(keys::HEAD), rows::bytes(input)?.into()),
        4 => {
            let key = keys::log(input.int_in_range(0..=4)?);
            long_value_row(input, &key)?
        }
        5 => long_value_row(input, &keys::article(article))?,
        6 => rows::packed(input, keys::ARTICLE_IDS)?,
        7 => (keys::sweep(article), rows::bytes(input)?.into()),
        _ => (Bytes::from_static(keys::ARTICLE_NUMBERS), number(input)?),
    };
    Ok((full_key(partition, &key), value))
}
