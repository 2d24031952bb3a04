//! `spandrel verify`: a data folder that no server uses, and the check of what it holds.

use std::path::Path;

pub use crate::store::verify::Report;
use crate::{
    domain::Error,
    store::{committer::Backend as _, data_dir::OpenError, sled_backend::SledBackend, verify::verify},
};

/// How to get back what is damaged.
pub const WAY_BACK: &str = "keep the data folder for whoever may mend it, and restore your last backup into a new one: \
                            spandrel restore FILE --data-dir FOLDER";

/// Why a data folder was not checked.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFailure {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
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
    let backend = SledBackend::open_existing(data_dir, cache_bytes)?;
    let mut report = verify(&backend, progress);
    if let (Ok(report), Err(error)) = (&mut report, backend.check_digest()) {
        report.add_problem(format!("the database: {error}"));
    }
    Box::new(backend).close();
    report.map_err(VerifyFailure::Read)
}
