//! How a server stops: first nothing new is begun, then streams end, then what is left is cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::domain::{Error, Problem};

/// A server's drain, seen by whatever it should end. Clones are the same drain.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<Stages>);

#[derive(Debug, Default)]
struct Stages {
    draining: Stage,
    streams_end: Stage,
    cut: Stage,
}

/// A flag that costs a load to look at, and a token to wait for it.
#[derive(Debug, Default)]
struct Stage {
    reached: AtomicBool,
    token: CancellationToken,
}

impl Stage {
    fn reach(&self) {
        self.reached.store(true, Ordering::Release);
        self.token.cancel();
    }

    fn is_reached(&self) -> bool {
        self.reached.load(Ordering::Acquire)
    }
}

impl Drain {
    /// What a call or a stream that the drain refuses or ends is told.
    #[must_use]
    pub fn refusal() -> Error {
        Problem::ShuttingDown.into()
    }

    /// Whether the server drains: nothing new is begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_reached()
    }

    /// Resolves once the server drains. A stream that has something to say at its end says it now, then ends with
    /// [`Drain::refusal`]; [`crate::limits::STREAM_FAREWELL_MAX`] later it is ended.
    pub async fn begun(&self) {
        self.0.draining.token.cancelled().await;
    }

    pub(super) fn begin(&self) {
        self.0.draining.reach();
    }

    pub(super) fn end_streams(&self) {
        self.0.streams_end.reach();
    }

    pub(super) fn streams_have_ended(&self) -> bool {
        self.0.streams_end.is_reached()
    }

    pub(super) fn streams_ending(&self) -> WaitForCancellationFutureOwned {
        self.0.streams_end.token.clone().cancelled_owned()
    }

    pub(super) fn cut(&self) {
        self.0.cut.reach();
    }

    pub(super) async fn cutting(&self) {
        self.0.cut.token.cancelled().await;
    }
}
