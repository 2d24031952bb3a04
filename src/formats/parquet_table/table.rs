//! A table that is read: its bytes, what it says of itself, and its rows, some at a time.

use std::panic::{self, AssertUnwindSafe};

use arrow_array::RecordBatch;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder,
        },
    },
    basic::Compression,
    file::metadata::RowGroupMetaData,
};

use super::{MAGIC, cells::Kind, pages};
use crate::limits::PARQUET_BATCH_BYTES;

/// Rows that are read at a time, at most.
const BATCH_ROWS_MAX: usize = 1_024;

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    /// The path of its file.
    pub(super) path: String,
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
}

/// The rows of a table, some at a time.
pub(super) struct Batches {
    reader: ParquetRecordBatchReader,
    /// How many rows must come yet; none after the end, or where nothing can be read.
    left: Option<u64>,
}

impl Table {
    /// The table in these bytes.
    pub(super) fn open(path: &str, bytes: Vec<u8>) -> Result<Self, String> {
        check_ends(&bytes)?;
        let bytes = Bytes::from(bytes);
        // What its arrow schema says beyond Parquet's own types makes no difference here.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let load = || ArrowReaderMetadata::load(&bytes, options).map_err(|error| error.to_string());
        let metadata = guarded(load).map_err(|error| format!("its footer cannot be read: {error}"))?;
        for column in metadata.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns) {
            let compression = column.compression();
            if !matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY) {
                // Such as ZSTD(ZstdLevel(1)).
                let (path, compression) = (column.column_path(), compression.to_string());
                let compression = compression.split('(').next().unwrap_or_default();
                return Err(format!(
                    "the column {path} is compressed by {compression}, which is not read here; write it with Snappy or \
                     without compression"
                ));
            }
            pages::check(&bytes, column)?;
        }
        Ok(Self { path: path.to_owned(), bytes, metadata })
    }

    /// Bytes of its file.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many rows it says that it has.
    pub(super) fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or_default()
    }

    /// Bytes of its rows before they were compressed, roughly.
    pub(super) fn unpacked_bytes(&self) -> usize {
        let groups = self.metadata.metadata().row_groups().iter();
        let bytes = groups.map(|group| usize::try_from(group.total_byte_size()).unwrap_or_default());
        bytes.fold(0, usize::saturating_add)
    }

    /// What stands in its metadata under a key.
    pub(super) fn said(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.metadata().file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// Whether it has a column of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.metadata.schema().column_with_name(name).is_some()
    }

    /// What a column of this name holds.
    pub(super) fn type_of(&self, name: &str) -> Option<&DataType> {
        self.metadata.schema().column_with_name(name).map(|(_, field)| field.data_type())
    }

    /// The names of its columns, without the index of a data frame.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.metadata.schema().fields().iter().map(|field| field.name().as_str());
        names.filter(|name| !is_index(name)).collect()
    }

    /// The index of the data frame that it was made of, if it has one without a name: numbers of rows as a rule.
    pub(super) fn index(&self) -> Option<&str> {
        let mut names = self.metadata.schema().fields().iter().map(|field| field.name().as_str());
        names.find(|name| is_index(name))
    }

    /// Checks that the columns that are there hold what they must.
    pub(super) fn check(&self, columns: &[(&str, Kind)]) -> Result<(), String> {
        for (name, kind) in columns {
            if let Some((_, field)) = self.metadata.schema().column_with_name(name)
                && !kind.fits(field.data_type())
            {
                let (found, needed) = (field.data_type(), kind.name());
                return Err(format!("the column {name:?} must hold {needed}; it holds {found}"));
            }
        }
        Ok(())
    }

    /// Its rows: all columns, or only one.
    pub(super) fn batches(&self, column: Option<&str>) -> Result<Batches, String> {
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone());
        let mask = match column {
            Some(name) => ProjectionMask::columns(self.metadata.parquet_schema(), [name]),
            None => ProjectionMask::all(),
        };
        let rows = usize::try_from(self.rows()).unwrap_or(usize::MAX);
        let row_bytes = self.unpacked_bytes().checked_div(rows).unwrap_or_default().max(1);
        let most = PARQUET_BATCH_BYTES.checked_div(row_bytes).unwrap_or(1).clamp(1, BATCH_ROWS_MAX);
        let builder = builder.with_projection(mask).with_batch_size(most);
        let reader = guarded(|| builder.build().map_err(|error| error.to_string()))?;
        Ok(Batches { reader, left: Some(self.rows()) })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let left = self.left.take()?;
        let reader = &mut self.reader;
        match guarded(|| reader.next().transpose().map_err(|error| error.to_string())) {
            Ok(Some(batch)) => {
                let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                self.left = left.checked_sub(rows);
                let more = || Err("there are more rows than the footer says".to_owned());
                Some(self.left.map_or_else(more, |_| Ok(batch)))
            }
            Ok(None) if left > 0 => Some(Err(format!("the footer says that there are {left} more rows"))),
            Ok(None) => None,
            Err(message) => Some(Err(message)),
        }
    }
}

/// Decodes what may be damaged: the decoder answers most damage with an error, and panics at some.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What it decoded with is not used again.
    panic::catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err("it is damaged".to_owned()))
}

fn is_index(name: &str) -> bool {
    name.starts_with("__index_level_")
}

fn check_ends(bytes: &[u8]) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("the file is empty; a Parquet file begins with PAR1".to_owned());
    }
    if !bytes.starts_with(MAGIC) {
        return Err("the file is not Parquet, which begins with PAR1".to_owned());
    }
    if bytes.len() < 12 || !bytes.ends_with(MAGIC) {
        return Err("the file does not end as Parquet does, with PAR1: it was cut off".to_owned());
    }
    Ok(())
}
