//! Takes files as they come, and puts tables of annotations to the tables of articles that they belong to.

use super::{annotation_rows, article_rows, joining, table::Table};
use crate::{
    formats::exchange::{FileProblem, Reader, Sink, SourceFile, Stopped},
    limits::PARQUET_WAITING_BYTES_MAX,
};

/// Reads tables.
#[derive(Debug, Default)]
pub(super) struct ParquetReader {
    waiting: Vec<Named>,
    /// The pairs whose annotations cannot be read: their articles are not read without.
    broken: Vec<String>,
}

/// A table that waits for another one.
#[derive(Debug)]
struct Named {
    table: Table,
    /// Its path without the extension.
    stem: String,
    /// Its path without what kind of table it is: the same for those that belong together.
    pair: String,
    is_of_annotations: bool,
}

const ARTICLES: &str = "articles";
const ANNOTATIONS: &str = "annotations";

impl Reader for ParquetReader {
    fn file(&mut self, file: &mut SourceFile<'_>, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let bytes = match file.whole_bytes()? {
            Ok(bytes) => bytes,
            Err(problem) => return sink.problem(problem),
        };
        match Table::open(file.path(), bytes) {
            Ok(table) => self.table(table, file.stem(), sink),
            Err(message) => {
                self.broken.extend(pair_of(file.stem(), ANNOTATIONS));
                sink.problem(file.invalid(0, message))
            }
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), Stopped> {
        for Named { table, stem, pair, is_of_annotations } in std::mem::take(&mut self.waiting) {
            if self.broken.contains(&pair) {
                let message = "its table of annotations cannot be read, so its articles are left out";
                sink.problem(FileProblem::invalid(&table.path, 0, message))?;
            } else if is_of_annotations {
                let message =
                    "there is no table of its articles: send the articles.parquet that belongs to it, too";
                sink.problem(FileProblem::invalid(&table.path, 0, message))?;
            } else {
                joining::read(&table, &stem, None, sink)?;
            }
        }
        Ok(())
    }
}

impl ParquetReader {
    fn table(&mut self, table: Table, stem: &str, sink: &mut dyn Sink) -> Result<(), Stopped> {
        let path = table.path.clone();
        let is_of_annotations = annotation_rows::are_in(&table);
        // A table of annotations that lost a column may look like one of articles.
        let is_misnamed = !is_of_annotations && pair_of(stem, ANNOTATIONS).is_some();
        if is_misnamed || (!is_of_annotations && !article_rows::are_in(&table)) {
            self.broken.extend(pair_of(stem, ANNOTATIONS));
            let message = format!(
                "it has the columns {}; articles need text, or tokens with ner_tags; annotations, which are in a file with \
                 annotations in its name, need article, label, and start and end, or spans, or kind",
                table.names().join(", ")
            );
            return sink.problem(FileProblem::invalid(&path, 0, message));
        }
        let name = if is_of_annotations { ANNOTATIONS } else { ARTICLES };
        let Some(pair) = pair_of(stem, name) else {
            if !is_of_annotations {
                return joining::read(&table, stem, None, sink);
            }
            let message = "it is a table of annotations: call it annotations.parquet, and send the articles.parquet that \
                           belongs to it, too";
            return sink.problem(FileProblem::invalid(&path, 0, message));
        };
        let fits = |other: &Named| other.pair == pair && other.is_of_annotations != is_of_annotations;
        if let Some(at) = self.waiting.iter().position(fits) {
            let other = self.waiting.remove(at);
            return if is_of_annotations {
                joining::read(&other.table, &other.stem, Some(&table), sink)
            } else {
                joining::read(&table, stem, Some(&other.table), sink)
            };
        }
        let held =
            self.waiting.iter().map(|named| named.table.bytes()).fold(table.bytes(), usize::saturating_add);
        if held > PARQUET_WAITING_BYTES_MAX {
            let message = format!(
                "the tables that wait for the ones that belong to them have {held} bytes; at most \
                 {PARQUET_WAITING_BYTES_MAX} are allowed: send each articles.parquet right after its annotations.parquet"
            );
            return sink.problem(FileProblem::invalid(&path, 0, message));
        }
        self.waiting.push(Named { table, stem: stem.to_owned(), pair, is_of_annotations });
        Ok(())
    }
}

/// A path without the last `name` in the name of its file; none if it is not in there.
fn pair_of(stem: &str, name: &str) -> Option<String> {
    let folder = stem.rfind('/').map_or(0, |at| at.saturating_add(1));
    let at = stem.rfind(name).filter(|at| *at >= folder)?;
    let end = at.saturating_add(name.len());
    Some([stem.get(..at)?, "*", stem.get(end..)?].concat())
}
