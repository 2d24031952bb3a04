//! `spandrel verify`: a data folder that no server uses, and the check of what it holds.

use std::path::Path;

pub use crate::store::verify::Report;
use crate::{
    domain::Error,
    store::{committer::Backend as _, data_dir::OpenError, sled_backend::SledBackend, verify::verify},
};

/// How to get back what is damaged.
pub const WAY_BACK: &str = "keep the folder as it is; `spandrel restore FILE --data-dir NEWDIR` makes a new one from a \
                            backup";

/// Why a data folder was not checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFailure {
    /// It cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// It is so damaged that it cannot be opened.
    #[error("{0}; `spandrel restore FILE --data-dir NEWDIR` makes a new folder from a backup")]
    Damaged(OpenError),
    /// Nothing can be read.
    #[error("nothing can be read of the stored data: {0}; {WAY_BACK}")]
    Read(Error),
}

/// Checks the data folder at `data_dir`. Blocks; `progress` is called often.
///
/// # Errors
///
/// [`VerifyFailure`]; what is wrong with what could be read is in the report.
pub fn run(
    data_dir: &Path,
    cache_bytes: u64,
    progress: &mut dyn FnMut(&Report),
) -> Result<Report, VerifyFailure> {
    let backend = SledBackend::open_existing(data_dir, cache_bytes).map_err(|error| match error {
        OpenError::Damaged { .. } => VerifyFailure::Damaged(error),
        OpenError::NotAFolder { .. }
        | OpenError::Foreign { .. }
        | OpenError::NoData { .. }
        | OpenError::InUse { .. }
        | OpenError::Newer { .. }
        | OpenError::Inaccessible { .. }
        | OpenError::Engine(_) => VerifyFailure::Open(error),
    })?;
    let report = verify(&backend, progress);
    Box::new(backend).close();
    report.map_err(VerifyFailure::Read)
}
