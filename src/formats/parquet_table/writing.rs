//! Writes both tables, row group by row group.

use std::io;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use parquet::{
    arrow::ArrowWriter,
    basic::Compression,
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties},
    schema::types::ColumnPath,
};

use super::{
    FACTS,
    columns::{AnnotationColumns, ArticleColumns},
    project,
};
use crate::{
    domain::text::Unit,
    formats::{
        WriteOptions,
        exchange::{ArticleContents, Output, ProjectContents, Writer, count_losses, count_project_losses},
    },
    limits::{PARQUET_BATCH_BYTES, PARQUET_FILE_BYTES, PARQUET_ROW_GROUP_BYTES, PARQUET_ROW_GROUP_ROWS},
};

/// Rows of a batch.
const BATCH_ROWS: usize = 1_024;

/// Columns whose values are rarely the same.
const NO_DICTIONARY: [&str; 4] = ["id", "text", "text_sha256", "older_texts"];

/// Writes both tables.
#[derive(Debug)]
pub(super) struct ParquetWriter {
    unit: Unit,
    /// Bytes of a table after which there is another one.
    pub(super) file_bytes: usize,
    /// What the first table says of the project.
    project: Option<String>,
    /// How many pairs of tables are full.
    full: u32,
    articles: Table<ArticleColumns>,
    annotations: Table<AnnotationColumns>,
}

/// One table.
#[derive(Debug)]
struct Table<C> {
    name: &'static str,
    columns: C,
    /// Rows and bytes of text in the columns, roughly.
    rows: usize,
    bytes: usize,
    writer: Option<ArrowWriter<Vec<u8>>>,
    take: fn(&mut C) -> Result<RecordBatch, ArrowError>,
}

impl ParquetWriter {
    /// With `start` and `end` in the unit of the options.
    pub(super) fn new(options: WriteOptions) -> Self {
        Self {
            unit: options.unit.unwrap_or(Unit::CodePoints),
            file_bytes: PARQUET_FILE_BYTES,
            project: None,
            full: 0,
            articles: Table::new("articles.parquet", ArticleColumns::take),
            annotations: Table::new("annotations.parquet", AnnotationColumns::take),
        }
    }

    /// Where the tables are that are being written.
    fn folder(&self) -> String {
        if self.full == 0 { String::new() } else { format!("part-{:03}/", self.full.saturating_add(1)) }
    }

    fn close(&mut self, output: &mut dyn Output) -> io::Result<()> {
        let folder = self.folder();
        let metadata = self.project.take().map(|said| KeyValue::new(project::KEY.to_owned(), said));
        self.annotations.close(&folder, None, output)?;
        self.articles.close(&folder, metadata, output)
    }
}

impl Writer for ParquetWriter {
    fn begin(&mut self, project: &ProjectContents, output: &mut dyn Output) -> io::Result<()> {
        count_project_losses(project, FACTS.carries, output);
        self.project = project::written(project);
        Ok(())
    }

    fn article(&mut self, article: &ArticleContents, output: &mut dyn Output) -> io::Result<()> {
        if self.articles.written().max(self.annotations.written()) >= self.file_bytes {
            self.close(output)?;
            self.full = self.full.saturating_add(1);
        }
        let folder = self.folder();
        for annotation in count_losses(article, FACTS.carries, output) {
            self.annotations.columns.push(article, annotation, self.unit);
            self.annotations.added(1_024, &folder, output)?;
        }
        let texts = article.older_texts.iter().map(|older| older.text.as_str().len());
        let bytes = texts.fold(article.text.as_str().len(), usize::saturating_add);
        self.articles.columns.push(article);
        self.articles.added(bytes, &folder, output)
    }

    fn finish(&mut self, output: &mut dyn Output) -> io::Result<()> {
        self.close(output)
    }
}

impl<C: Default> Table<C> {
    fn new(name: &'static str, take: fn(&mut C) -> Result<RecordBatch, ArrowError>) -> Self {
        Self { name, columns: C::default(), rows: 0, bytes: 0, writer: None, take }
    }

    /// Bytes of the file until now, without those that its row group will have.
    fn written(&self) -> usize {
        self.writer.as_ref().map_or(0, ArrowWriter::bytes_written)
    }

    /// A row of about so many bytes is in the columns.
    fn added(&mut self, bytes: usize, folder: &str, output: &mut dyn Output) -> io::Result<()> {
        self.rows = self.rows.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.rows < BATCH_ROWS && self.bytes < PARQUET_BATCH_BYTES {
            return Ok(());
        }
        self.write_batch()?;
        self.drain(folder, output)
    }

    fn write_batch(&mut self) -> io::Result<()> {
        (self.rows, self.bytes) = (0, 0);
        let batch = (self.take)(&mut self.columns).map_err(arrow)?;
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties()));
            self.writer.insert(writer.map_err(parquet)?)
        };
        writer.write(&batch).map_err(parquet)
    }

    /// Passes on what is encoded.
    fn drain(&mut self, folder: &str, output: &mut dyn Output) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let encoded = std::mem::take(writer.inner_mut());
        if encoded.is_empty() { Ok(()) } else { output.write(&format!("{folder}{}", self.name), &encoded) }
    }

    fn close(&mut self, folder: &str, metadata: Option<KeyValue>, output: &mut dyn Output) -> io::Result<()> {
        self.write_batch()?;
        if let Some(writer) = &mut self.writer {
            if let Some(metadata) = metadata {
                writer.append_key_value_metadata(metadata);
            }
            writer.finish().map_err(parquet)?;
        }
        self.drain(folder, output)?;
        self.writer = None;
        output.close(&format!("{folder}{}", self.name))
    }
}

fn properties() -> WriterProperties {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("spandrel ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(PARQUET_ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(PARQUET_ROW_GROUP_BYTES));
    let column = |name: &str| match name {
        "older_texts" => ["older_texts", "list", "item", "text"].map(str::to_owned).to_vec(),
        name => vec![name.to_owned()],
    };
    let columns = NO_DICTIONARY.iter().map(|name| ColumnPath::new(column(name)));
    columns.fold(properties, |all, column| all.set_column_dictionary_enabled(column, false)).build()
}

fn arrow(error: ArrowError) -> io::Error {
    io::Error::other(error)
}

fn parquet(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
