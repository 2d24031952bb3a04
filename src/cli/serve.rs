//! `spandrel serve`.

use clap::Args;

use super::failure::Failure;

/// What `serve` takes.
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    /// Runs the server until it is told to stop. The seam where the server is plugged in.
    #[expect(clippy::unused_self, reason = "the server takes the arguments")]
    pub(super) fn run(self) -> Result<(), Failure> {
        Err(Failure::Local("this build has no server".to_owned()))
    }
}
