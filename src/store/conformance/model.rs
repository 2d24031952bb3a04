//! Random writes, against a map.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// One group of commits; `None` is a refusal.
    Commits(Vec<Option<Writes>>),
    Check(Writes),
    Maintain(Writes),
    TrimLog(u64),
    Reopen,
}

type Writes = Vec<(Bytes, Option<Bytes>)>;

fn writes() -> impl Strategy<Value = Writes> {
    // Keys that are close to each other, and bytes at which orders and carries go wrong.
    let byte = prop_oneof![Just(0x00), Just(0x7f), Just(0xfe), Just(0xff), Just(0xff), any::<u8>()];
    let key = (0x05..0x08u8, proptest::collection::vec(byte, 0..9))
        .prop_map(|(tag, rest)| [&[tag], &rest[..]].concat().into());
    let value = (any::<u8>(), prop_oneof![0..20usize, 0..4_096usize])
        .prop_map(|(byte, length)| vec![byte; length].into());
    proptest::collection::vec((key, proptest::option::weighted(0.7, value)), 0..60)
}

fn step() -> impl Strategy<Value = Step> {
    let commits = proptest::collection::vec(proptest::option::weighted(0.8, writes()), 1..6);
    prop_oneof![
        8 => commits.prop_map(Step::Commits),
        1 => writes().prop_map(Step::Check),
        3 => writes().prop_map(Step::Maintain),
        1 => (0..30u64).prop_map(Step::TrimLog),
        2 => Just(Step::Reopen),
    ]
}

fn draft_of(writes: Writes, refuse: bool) -> Arc<dyn Decision> {
    decision(move |draft| {
        for (key, value) in writes.clone() {
            draft.change(Change { scope: 0, record: key.clone() });
            match value {
                Some(value) => draft.put(key, value),
                None => draft.delete(key),
            }
        }
        if refuse { Err(refusal()) } else { Ok(()) }
    })
}

/// What the engine should hold.
#[derive(Default)]
struct Model {
    rows: BTreeMap<Bytes, Bytes>,
    log: Vec<Vec<Bytes>>,
    floor: usize,
}

impl Model {
    fn write(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => drop(self.rows.insert(key.clone(), value.clone())),
                None => drop(self.rows.remove(key)),
            }
        }
    }

    async fn take<H: Harness>(&mut self, fixture: &mut Fixture<H>, step: Step) {
        match step {
            Step::Commits(group) => {
                let mut begun = Vec::new();
                for writes in &group {
                    let draft = draft_of(writes.clone().unwrap_or_default(), writes.is_none());
                    begun.push(fixture.begin(P, draft, Mode::Apply).await);
                }
                for (writes, begun) in group.iter().zip(begun) {
                    let answer = begun.await.unwrap();
                    let Some(writes) = writes else {
                        assert_eq!(answer, Err(refusal()));
                        continue;
                    };
                    self.write(writes);
                    self.log.push(writes.iter().map(|(key, _)| key.clone()).collect());
                    let revision = u64::try_from(self.log.len()).unwrap();
                    assert_eq!(answer.unwrap().stamp.revision, Revision(revision));
                }
            }
            Step::Check(writes) => drop(fixture.check(P, draft_of(writes, false)).await.unwrap()),
            Step::Maintain(writes) => {
                self.write(&writes);
                fixture.engine.maintain(P, Maintenance::of(writes)).await.unwrap();
            }
            Step::TrimLog(through) => {
                fixture.engine.trim_log(P, Revision(through)).await.unwrap();
                self.floor = self.floor.max(usize::try_from(through).unwrap().min(self.log.len()));
            }
            Step::Reopen => fixture.reopen(),
        }
    }

    async fn check<H: Harness>(&self, fixture: &Fixture<H>) {
        assert_eq!(fixture.rows(P).await, self.rows);
        let log = fixture.log(P, u64::try_from(self.floor).unwrap()).await;
        let records = |commit: Commit| commit.changes.into_iter().map(|change| change.record).collect();
        assert_eq!(log.into_iter().map(records).collect::<Vec<Vec<_>>>(), self.log[self.floor..]);
        assert_eq!(fixture.rows(Q).await.len(), 1);
    }
}

pub(super) async fn any_sequence_of_writes_does_what_a_map_does<H: Harness>(_: Fixture<H>) {
    let handle = tokio::runtime::Handle::current();
    let run = move || {
        let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
        let steps = proptest::collection::vec(step(), 1..25);
        TestRunner::new(config).run(&steps, |steps| {
            handle.block_on(async {
                let (mut fixture, mut model) = (Fixture::<H>::new(), Model::default());
                fixture.put(Q, &[("beside", "")]).await;
                for step in steps {
                    model.take(&mut fixture, step).await;
                    model.check(&fixture).await;
                }
                fixture.reopen();
                model.check(&fixture).await;
                fixture.engine.close();
            });
            Ok(())
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}
