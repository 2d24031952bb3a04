//! `spandrel serve`.

use clap::Args;

use super::failure::Failure;
use crate::{config::ServeArgs, serve};

/// What `serve` takes.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    args: ServeArgs,
}

impl Serve {
    /// Runs the server until it is told to stop.
    pub(super) fn run(self) -> Result<(), Failure> {
        serve::run(self.args.into()).map_err(|failure| Failure::Local(failure.to_string()))
    }
}
