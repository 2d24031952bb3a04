//! The log: structured events to stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

/// How events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line for people, in colour on a terminal.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is malformed.
    #[error("{0}")]
    Filter(String),
    /// There is one already.
    #[error("the log is set up twice: {0}")]
    Twice(#[from] TryInitError),
}

/// Writes the events that `filter` lets through (such as `info` or `warn,spandrel=debug`) to stderr, panics too.
///
/// # Errors
///
/// When the filter is malformed, or the process has a log already.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = parse_filter(filter).map_err(TelemetryError::Filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => {
            let colour = io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(io::stderr).with_ansi(colour)).try_init()?;
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_writer(io::stderr)).try_init()?;
        }
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("without a message"));
    }));
    Ok(())
}

/// Parses a filter, or says what would be right.
pub(crate) fn parse_filter(filter: &str) -> Result<EnvFilter, String> {
    let wrong = |error| format!("{filter:?} is no filter such as info or warn,spandrel=debug: {error}");
    EnvFilter::builder().parse(filter).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_targets_with_levels() {
        for filter in ["info", "off", "warn,spandrel=debug", "spandrel::grpc=trace", ""] {
            assert!(parse_filter(filter).is_ok(), "{filter}");
        }
        for filter in ["spandrel=loud", "a=b=c", "[", "info,="] {
            assert!(parse_filter(filter).unwrap_err().contains("spandrel=debug"), "{filter}");
        }
    }
}
