//! The one place that reads the clock.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{domain::revisions::Timestamp, store::engine::Clock};

/// The system's clock.
#[must_use]
pub fn system() -> Clock {
    Arc::new(|| {
        #[allow(clippy::disallowed_methods, reason = "this is the place that it is taken from")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
    })
}
