//! The longest label schemas are copied and restored, also within the log, which holds two of them at each change.

use super::*;
use crate::{domain::schema::SchemaMode, limits::SCHEMA_BYTES_MAX, store::verify::verify};

/// A schema nearly as long as one may be.
fn long_schema(letter: char) -> SchemaDefinition {
    let mut definition = SchemaDefinition { mode: SchemaMode::Closed, ..SchemaDefinition::default() };
    loop {
        let label = LabelDefinition {
            label: format!("{letter}{}", definition.labels.len()),
            description: letter.to_string().repeat(4_000),
            ..LabelDefinition::default()
        };
        definition.labels.push(label);
        if definition.bytes() > SCHEMA_BYTES_MAX {
            definition.labels.pop();
            return definition;
        }
    }
}

#[tokio::test]
async fn the_longest_schemas_are_restored() {
    let mut busy = Busy::new(7).await;
    let mut set = async |definition| {
        let mask = Mask::parse("mask", Some(&["mode".to_owned(), "labels".to_owned()])).unwrap();
        let update =
            SchemaUpdate { project: project("p"), definition, mask, etag: String::new(), force: false };
        let (_, updated) = busy.app.update_label_schema(update, Mode::Apply.into()).await.unwrap();
        busy.record(updated.revision, Event::Schema(Some(updated.value)));
        updated.revision
    };
    set(long_schema('a')).await;
    let last = set(long_schema('b')).await;
    // All of it in the rows and in the log; and a second one that the log alone tells.
    let mut backup = Steps::begin(&busy.app, Room::OF_A_VIEW);
    while backup.backup.copying.as_ref().is_none_or(|it| matches!(it.stage, Stage::LabelSchema)) {
        assert!(backup.step().await.is_none());
    }
    let undone = busy.app.undo_commit(&project("p"), last, Mode::Apply.into()).await.unwrap();
    let back = undone.commit.stamp.revision;
    let first = State::at(Revision(last.0 - 1), &busy.journal).schema.unwrap();
    let restored_schema = Arc::new(ProjectSchema { revision: back, ..(*first).clone() });
    busy.record(back, Event::Schema(Some(restored_schema)));
    let summary = backup.finish().await;
    let revision = summary.projects[0].revision;
    let (backend, _) = restored(&backup.file);
    let view = PartitionView::new(&*backend, Partition(1));
    assert_eq!((revision, State::stored(&view)), (back, State::at(revision, &busy.journal)));
    assert_eq!(verify(&*backend, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    // It is held by, and undone, as it was.
    let app = open(backend).await;
    let (_, schema) = app.get_label_schema(&project("p")).await.unwrap();
    assert_eq!(schema, busy.now.schema.unwrap());
    app.undo_commit(&project("p"), revision, Mode::Apply.into()).await.unwrap();
    let (_, schema) = app.get_label_schema(&project("p")).await.unwrap();
    assert_eq!(schema.schema.definition(), &long_schema('b'));
}
