//! The operator's signals.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first SIGTERM or SIGINT. From then on, a second one ends the process at once, with exit code 1.
///
/// # Errors
///
/// When the operating system lets the process listen to no signals.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub async fn stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let name = next().await;
    tracing::info!("{name}: draining; a second signal ends the process at once");
    tokio::spawn(async move {
        let name = next().await;
        tracing::warn!("{name} again: ending at once");
        std::process::exit(1);
    });
    Ok(())
}
