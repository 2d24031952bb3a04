//! How long a call may take: the header `grpc-timeout`, as the gRPC protocol over HTTP/2 has it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderMap;
use tokio::time::{Instant, Sleep};

use crate::domain::{Error, Result};

const GRPC_TIMEOUT: &str = "grpc-timeout";

/// How long the client waits, if it says so.
///
/// # Errors
///
/// `FIELD_INVALID` of `grpc-timeout` when it is not of the form that the protocol gives it.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    parse(value.as_bytes()).map(Some).ok_or_else(|| {
        let message = format!("{value:?} is not 1 to 8 digits and one of H M S m u n, such as 500m");
        Error::field(GRPC_TIMEOUT, message)
    })
}

/// > Timeout → "grpc-timeout" TimeoutValue TimeoutUnit; TimeoutValue → {positive integer as ASCII string of at
/// > most 8 digits}; TimeoutUnit → Hour "H" / Minute "M" / Second "S" / Millisecond "m" / Microsecond "u" /
/// > Nanosecond "n"
///
/// A zero is taken as a deadline that has passed, since clients send it so.
fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_hours(count)),
        b'M' => Some(Duration::from_mins(count)),
        b'S' => Some(Duration::from_secs(count)),
        b'm' => Some(Duration::from_millis(count)),
        b'u' => Some(Duration::from_micros(count)),
        b'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// A moment at which a call ends. A timer is set only once somebody waits for it: most calls are answered before.
#[derive(Debug)]
pub(super) struct Deadline {
    at: Instant,
    allowed: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// `allowed` after `start`; none if that is beyond what a clock can show.
    pub(super) fn new(start: Instant, allowed: Duration) -> Option<Self> {
        start.checked_add(allowed).map(|at| Self { at, allowed, timer: None })
    }

    /// How long the call was allowed to take.
    pub(super) fn allowed(&self) -> Duration {
        self.allowed
    }

    /// Whether it has passed.
    pub(super) fn has_passed(&self) -> bool {
        self.at <= Instant::now()
    }

    /// Ready once it has passed.
    pub(super) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.at))).as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn timeout_of(value: &'static str) -> Result<Option<Duration>> {
        timeout(&HeaderMap::from_iter([(
            http::HeaderName::from_static(GRPC_TIMEOUT),
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn every_unit_of_the_protocol_is_understood() {
        for (value, expected) in [
            ("2H", Duration::from_hours(2)),
            ("3M", Duration::from_mins(3)),
            ("4S", Duration::from_secs(4)),
            ("500m", Duration::from_millis(500)),
            ("600u", Duration::from_micros(600)),
            ("99999999n", Duration::from_nanos(99_999_999)),
            ("99999999H", Duration::from_hours(99_999_999)),
            ("0m", Duration::ZERO),
        ] {
            assert_eq!(timeout_of(value), Ok(Some(expected)), "{value}");
        }
        assert_eq!(timeout(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn a_malformed_timeout_is_refused_by_its_name() {
        for value in ["", "m", "5", "5s", "5 m", "-5m", "+5m", "1.5S", "123456789m", "5mm"] {
            let error = timeout_of(value).unwrap_err();
            assert_eq!(error.field, "grpc-timeout", "{value}");
            assert!(error.to_string().contains("500m"), "{error}");
        }
    }
}
