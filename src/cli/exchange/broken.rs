//! Connections that break in the middle.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::cli::failure::Failure;

/// Why a stream ended before its end: what the server said, or that it is gone.
pub(in crate::cli) fn broken(status: Status) -> Failure {
    let may_be_gone = matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::DeadlineExceeded
    );
    // Spandrel says a reason with each refusal.
    if may_be_gone && status.get_error_details().error_info().is_none() {
        return Failure::Local(format!("the connection to the server broke: {}", status.message()));
    }
    status.into()
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn what_the_server_says_is_told_from_its_being_gone() {
        let gone = broken(Status::unknown("h2 protocol error")).message(false, false);
        assert_eq!(gone, "error: the connection to the server broke: h2 protocol error\n");
        let details = ErrorDetails::with_error_info("SHUTTING_DOWN", "spandrel", []);
        let said = Status::with_error_details(Code::Unavailable, "the server is stopping", details);
        assert!(matches!(broken(said), Failure::Refused(_)));
        assert!(matches!(broken(Status::data_loss("damage")), Failure::Refused(_)));
    }
}
