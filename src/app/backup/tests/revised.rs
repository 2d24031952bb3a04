//! What a check finds of texts that were revised, and of layers.

use super::*;
use crate::store::{
    annotation_index::AnnotationIndex,
    committer::{Batch, full_key},
    keys::Generation,
    records::GenerationBase,
    text_revision_table,
    verify::verify,
};

const P: Partition = Partition(1);
type Rows = BTreeMap<Bytes, Bytes>;

/// What there is in the end: an article with three texts, and layers.
struct Revised {
    rows: Rows,
    number: ArticleNumber,
    generations: Vec<Generation>,
}

impl Revised {
    async fn new() -> Self {
        let mut busy = Busy::new(1).await;
        let a = article("a").article;
        busy.create_article_called(a.clone(), TEXT.to_owned()).await;
        let creations = (0..9).map(|_| busy.creation(None)).collect();
        busy.write(a.clone(), creations).await;
        while busy.now.articles["a"].3.len() < 2 {
            busy.revise(a.clone()).await;
        }
        busy.submit_layer(a.clone()).await;
        while busy.now.layers.is_empty() {
            busy.change_layer().await;
        }
        let mut backup = Steps::begin(&busy.app, Room::OF_A_VIEW);
        backup.finish().await;
        let (backend, _) = restored(&backup.file);
        let view = PartitionView::new(&*backend, P);
        let (number, stored) = article_table::find(&view, &a).unwrap().unwrap();
        let texts = text_revision_table::list(&view, number, &stored, 0);
        let generations = texts.map(|text| text.unwrap().annotation_generation).collect();
        let rows = backend.ascending(&[], &[0xff; 64]).collect::<Result<Rows>>().unwrap();
        Self { rows, number, generations }
    }

    /// Breaks it, and expects the problem to be named.
    fn check(&self, expected: &str, damage: impl FnOnce(&mut Rows)) {
        let mut rows = self.rows.clone();
        damage(&mut rows);
        let mut backend = MemoryBackend::open(&Disk::default());
        backend.apply(rows.into_iter().map(|(key, value)| (key, Some(value))).collect::<Batch>()).unwrap();
        let problems = verify(&backend, &mut |_| {}).unwrap().problems;
        let is_named = problems.iter().any(|problem| problem.contains(expected));
        assert!(is_named || (expected.is_empty() && problems.is_empty()), "{expected:?}: {problems:#?}");
    }

    fn check_without(&self, key: impl AsRef<[u8]>, expected: &str) {
        self.check(expected, |rows| assert!(rows.remove(&full_key(P, key.as_ref())).is_some()));
    }

    fn check_with(&self, key: impl AsRef<[u8]>, value: &'static [u8], expected: &str) {
        self.check(expected, |rows| drop(rows.insert(full_key(P, key.as_ref()), Bytes::from_static(value))));
    }
}

#[tokio::test]
async fn texts_and_layers_that_are_wrong_are_found() {
    let revised = Revised::new().await;
    let number = revised.number;
    let [first, second, third] = *revised.generations else { panic!("{:?}", revised.generations) };
    revised.check("", |_| {});
    revised.check_without(keys::text_revision(number, 1), "it does not have each of its 3 texts once");
    revised.check_without(keys::text_revision(number, 3), "it does not have each of its 3 texts once");
    revised.check_with(keys::text_revision(number, 2), b"", "text revision is not 32 bytes");
    revised.check_without(keys::text_chunk(number, first, 0), "text revision 1: its text has 0 bytes");
    revised.check_without(keys::statistics(number, second), "the statistics say");
    revised.check_without(keys::annotations(number, third), "the statistics say");
    let unknown = Generation(9_999);
    revised.check_with(
        keys::text_chunk(number, unknown, 0),
        b"x",
        "of a text that the article does not have",
    );
    revised.check_with(
        keys::statistics(number, unknown),
        b"x",
        "of annotations that the article does not have",
    );
    revised.check_with(keys::staged(number, unknown), b"", "is marked as staged, and was never given away");
    revised.check_with(keys::staged(number, Generation(3)), b"x", "the mark of what was staged at");
    revised.check_with(keys::staged(number, Generation(90)), b"", "");
    revised.check_without(keys::GENERATIONS, "were given away");
    let moved = |base: GenerationBase| {
        let key = full_key(P, &keys::statistics(number, third));
        revised.check("did not switch to generation", |rows| {
            let mut backend = MemoryBackend::open(&Disk::default());
            let all = rows.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            backend.apply(all.collect::<Batch>()).unwrap();
            let view = PartitionView::new(&backend, P);
            let stamp = Stamp { revision: Revision(0), time: Timestamp(0) };
            let mut draft = crate::store::engine::Draft::new(&view, stamp);
            AnnotationIndex::new(number, third).set_base(&mut draft, base).unwrap();
            let (writes, _) = draft.into_parts();
            let [(_, Some(value))] = <[_; 1]>::try_from(Vec::from_iter(writes)).unwrap() else { panic!() };
            rows.insert(key.clone(), value);
        });
    };
    moved(GenerationBase { revision: Revision(2), time: Timestamp(1_000), text_revision: 3 });

    revised.check_without(keys::LAYER_TALLIES, "is not their sum");
    revised.check_without(keys::DERIVED_FORMAT, "layers are counted, and it is not said that all are");
    revised.check_without(keys::article_layers(number), "none deleted it since, and it is not there");
    let layer = revised.rows.keys().find(|key| key.get(4) == Some(&0x12)).unwrap();
    revised.check_without(layer.slice(4..), "none deleted it since, and it is not there");
    let moved = [&layer[4..20], &[layer[20] ^ 1]].concat();
    revised.check("it does not stand where its id leads", |rows| {
        let value = rows.remove(layer).unwrap();
        rows.insert(full_key(P, &moved), value);
    });
}
