//! When a call is tried again, and after how long.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

/// What tonic says of an answer that a connection ended in the middle of without an error, as some proxies make it.
const CUT_OFF: [&str; 2] = ["Unexpected EOF decoding stream.", "Missing response message."];

/// How often and for how long a call is tried again.
///
/// It is after UNAVAILABLE, where a connection broke, and after the refusal CONFLICT, and never after another refusal.
/// In between it waits: some time from nothing up to `delay`, which doubles from try to try (full jitter, as in "Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015), and longer by what the server asks for in a `RetryInfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries, the first one included; 5 by default, and with 1 nothing is tried again.
    pub tries_max: u32,
    /// No try begins later than this after the first one; 10 s by default. One that has begun is not cut off.
    pub time_max: Duration,
    /// The longest wait before the second try; 500 ms by default.
    pub delay: Duration,
    /// The longest wait before any try, beside what the server asks for; 4 s by default.
    pub delay_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries_max: 5,
            time_max: Duration::from_secs(10),
            delay: Duration::from_millis(500),
            delay_max: Duration::from_secs(4),
        }
    }
}

impl RetryPolicy {
    /// Nothing is tried again.
    pub const NEVER: Self =
        Self { tries_max: 1, time_max: Duration::ZERO, delay: Duration::ZERO, delay_max: Duration::ZERO };
}

/// Waits that grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits of up to `first`, then twice that, and so on up to `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first.min(most) }
    }

    /// How long to wait after `status`.
    pub(super) fn wait_after(&mut self, status: &Status) -> Duration {
        let longest = self.next;
        self.next = longest.saturating_mul(2).min(self.most);
        // Those whom a server told the same do not come back in the same moment.
        asked_wait(status).saturating_add(longest.mul_f64(random()))
    }

    /// Begins with short waits again.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.first, self.most);
    }
}

/// How long the server asks to wait.
fn asked_wait(status: &Status) -> Duration {
    status.get_details_retry_info().and_then(|info| info.retry_delay).unwrap_or_default()
}

/// A number from 0 to below 1.
fn random() -> f64 {
    // The first 32 bits of such an id are all random.
    f64::from(Uuid::new_v4().as_fields().0) / (f64::from(u32::MAX) + 1.0)
}

/// Whether what is the matter may pass by itself.
///
/// What Spandrel refuses bears details. UNKNOWN and CANCELLED without them are what tonic 0.14 makes of a connection that
/// broke: UNKNOWN while it waited for an answer or for more of one, CANCELLED before the request was sent. When it cannot
/// connect again, that is UNAVAILABLE.
pub(super) fn may_pass(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        Code::Unknown | Code::Cancelled => status.details().is_empty(),
        Code::Internal => status.details().is_empty() && CUT_OFF.contains(&status.message()),
        Code::Aborted => status.get_details_error_info().is_some_and(|info| info.reason == "CONFLICT"),
        Code::Ok
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// Tries until it has an answer, a refusal, or no try left. `attempt` must be of what may be sent twice.
pub(super) async fn retry<T, F>(policy: RetryPolicy, mut attempt: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let begun = Instant::now();
    let mut backoff = Backoff::new(policy.delay, policy.delay_max);
    let mut tries = 0_u32;
    loop {
        tries = tries.saturating_add(1);
        let status = match attempt().await {
            Ok(answer) => return Ok(answer),
            Err(status) => status,
        };
        if tries >= policy.tries_max || !may_pass(&status) {
            return Err(status);
        }
        let wait = backoff.wait_after(&status);
        if begun.elapsed().saturating_add(wait) > policy.time_max {
            return Err(status);
        }
        sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io};

    use tonic_types::ErrorDetails;

    use super::*;

    fn refused(code: Code, reason: &str, wait: Option<Duration>) -> Status {
        let mut details = ErrorDetails::with_error_info(reason, "spandrel", []);
        if wait.is_some() {
            details.set_retry_info(wait);
        }
        Status::with_error_details(code, "no", details)
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_pass_is_tried_again() {
        async fn check(status: Status, tries: u32) {
            let made = Cell::new(0);
            let attempt = || {
                made.set(made.get() + 1);
                std::future::ready(Err::<(), _>(status.clone()))
            };
            let outcome = retry(RetryPolicy::default(), attempt).await.unwrap_err();
            assert_eq!((made.get(), outcome.code()), (tries, status.code()), "{status:?}");
        }
        let broken = || Status::from_error(io::Error::from(io::ErrorKind::ConnectionReset).into());
        check(broken(), 5).await;
        check(Status::cancelled("operation was canceled"), 5).await;
        check(Status::unavailable("tcp connect error"), 5).await;
        check(Status::internal("Unexpected EOF decoding stream."), 5).await;
        check(refused(Code::Unavailable, "OVERLOADED", Some(Duration::from_millis(100))), 5).await;
        check(refused(Code::Aborted, "CONFLICT", None), 5).await;
        // Two waits of 5 s and more are not within 10 s.
        check(refused(Code::Unavailable, "STORAGE_UNAVAILABLE", Some(Duration::from_secs(5))), 2).await;
        check(refused(Code::Unavailable, "SHUTTING_DOWN", Some(Duration::from_secs(11))), 1).await;
        for code in (1..=16).map(Code::from_i32).filter(|code| *code != Code::Unavailable) {
            check(refused(code, "ANY", None), 1).await;
        }
        check(Status::internal("decoding failed"), 1).await;
        check(Status::aborted(""), 1).await;
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_up_to_a_cap_and_are_as_long_as_the_server_asks() {
        let second = Duration::from_secs(1);
        let (silent, asking) =
            (Status::unavailable(""), refused(Code::Unavailable, "OVERLOADED", Some(3 * second)));
        let mut longest = [Duration::ZERO; 5];
        for _ in 0..200 {
            let mut backoff = Backoff::new(second, 5 * second);
            for longest in &mut longest {
                *longest = backoff.wait_after(&silent).max(*longest);
            }
            backoff.reset();
            let wait = backoff.wait_after(&asking);
            assert!(wait >= 3 * second && wait < 4 * second, "{wait:?}");
        }
        for (longest, cap) in longest.into_iter().zip([1, 2, 4, 5, 5]) {
            let cap = second * cap;
            assert!(longest < cap && longest > cap.mul_f64(0.9), "{longest:?} of {cap:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_it() {
        let made = Cell::new(0);
        let answer = retry(RetryPolicy::default(), || {
            made.set(made.get() + 1);
            std::future::ready(if made.get() < 3 { Err(Status::unavailable("")) } else { Ok(made.get()) })
        });
        assert_eq!(answer.await.unwrap(), 3);
    }
}
