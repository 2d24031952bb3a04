//! Prodigy's tasks that nobody here wrote come back equal.

use serde_json::Value;
use spandrel::formats::Format;

use crate::files;

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn prodigys_tasks_come_back_equal() {
    let Some(all) = files::corpus("prodigy-fashion-eval") else { return };
    let all: Vec<_> = all.into_iter().filter(|(path, _)| path.ends_with(".jsonl")).collect();
    let given: Vec<_> = all.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let read = files::read(Format::Prodigy, &given);
    assert_eq!(read.problems, [""; 0]);
    let written = files::write(Format::Prodigy, read.contents());
    let before: Vec<_> = all.iter().flat_map(|(_, bytes)| lines(bytes)).collect();
    let after: Vec<_> = written.files.values().flat_map(|bytes| lines(bytes)).collect();
    assert_eq!(before.len(), 250);
    assert_eq!(after, before);
}
