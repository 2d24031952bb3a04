//! Statuses that tonic makes by itself, in this server's words.

use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};

use super::status::{clipped, status};
use crate::{
    domain::{Error, Problem},
    limits::STATUS_BYTES_MAX,
};

const GRPC_STATUS: &str = "grpc-status";
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// In a header, each byte may take three.
const MESSAGE_BYTES_MAX: usize = STATUS_BYTES_MAX / 4;

/// Replaces the status in these headers or trailers when it is one of tonic's own that says less than it could.
pub(super) fn translate(headers: &mut HeaderMap) {
    let bare = |code: &HeaderValue| code != "0" && !headers.contains_key(GRPC_DETAILS);
    if headers.get(GRPC_STATUS).is_some_and(bare)
        && let Some(translated) = Status::from_header_map(headers).and_then(|foreign| translated(&foreign))
        && let Err(unwritable) = translated.add_header(headers)
    {
        tracing::error!("a status cannot be written: {unwritable}");
    }
}

/// tonic has no types for these, only messages; the tests through a real connection notice when it words them
/// differently.
fn translated(foreign: &Status) -> Option<Status> {
    let message = foreign.message();
    let malformed = |what: &str| Some(status(&Error::field("", what)));
    match (foreign.code(), message) {
        (Code::OutOfRange, _) if message.contains("decoded message length too large") => {
            let (actual, limit) = found_and_limit(message)?;
            let what = "the request message";
            Some(status(&Problem::LimitExceeded { what, actual, limit, unit: "bytes" }.into()))
        }
        (Code::Internal, _) if message.starts_with("failed to decode Protobuf message") => {
            malformed(&format!("the request is not a valid message of this method: {message}"))
        }
        (Code::Internal, _) if message.starts_with("Missing request message") => {
            malformed("the request has no message; this method takes exactly one")
        }
        (Code::Internal, _) if message.starts_with("Unexpected EOF decoding stream") => {
            malformed("the request ends within a message: it is shorter than its length prefix says")
        }
        (Code::Internal, _) if message.starts_with("protocol error: received message") => {
            malformed("the request is compressed, or its first byte is neither 0 nor 1; send it uncompressed")
        }
        (Code::Internal, _)
            if message.starts_with("tonic-web: Invalid ")
                || message.starts_with("tonic-web: malformed base64") =>
        {
            malformed("the body is not Base64 of whole gRPC-Web frames, which application/grpc-web-text is")
        }
        (Code::Unimplemented, "") => {
            Some(Status::unimplemented("this server has no such method; reflection lists those that it has"))
        }
        // It may repeat what was asked for, whatever its length.
        (code, _) => (message.len() > MESSAGE_BYTES_MAX)
            .then(|| Status::new(code, clipped(message, MESSAGE_BYTES_MAX))),
    }
}

/// The two numbers of `... found {} bytes, the limit is: {} bytes`.
fn found_and_limit(message: &str) -> Option<(u64, u64)> {
    let mut numbers = message.split(' ').filter_map(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    fn after(foreign: &Status) -> Status {
        let mut headers = HeaderMap::new();
        foreign.add_header(&mut headers).unwrap();
        translate(&mut headers);
        Status::from_header_map(&headers).unwrap()
    }

    #[test]
    fn an_oversized_message_says_the_limit() {
        let status = after(&Status::out_of_range(
            "Error, decoded message length too large: found 12 bytes, the limit is: 8 bytes",
        ));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.metadata["limit"].as_str()), ("LIMIT_EXCEEDED", "8"));
        assert_eq!(info.metadata["actual"], "12");
    }

    #[test]
    fn what_cannot_be_decoded_is_the_clients_mistake() {
        for message in [
            "failed to decode Protobuf message: Span.quote: invalid wire type",
            "Missing request message.",
            "Unexpected EOF decoding stream.",
            "protocol error: received message with invalid compression flag: 7",
            "tonic-web: Invalid symbol 0, offset 0.",
            "tonic-web: malformed base64 request has unencoded trailers",
        ] {
            let status = after(&Status::internal(message));
            assert_eq!(status.code(), Code::InvalidArgument, "{message}");
            assert_eq!(status.get_error_details().error_info().unwrap().reason, "FIELD_INVALID");
        }
    }

    /// The reflection's service repeats a symbol that it does not know, whatever its length.
    #[test]
    fn a_message_stays_short() {
        for symbol in ["\0".repeat(60_000), "日本語".repeat(20_000)] {
            let mut headers = HeaderMap::new();
            Status::not_found(format!("symbol '{symbol}' not found")).add_header(&mut headers).unwrap();
            translate(&mut headers);
            let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
            assert!(bytes <= STATUS_BYTES_MAX, "{bytes}");
            let status = Status::from_header_map(&headers).unwrap();
            assert_eq!(status.code(), Code::NotFound);
            assert!(status.message().starts_with("symbol '") && status.message().ends_with('…'));
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for foreign in [
            Status::ok(""),
            Status::internal("something else"),
            Status::not_found("service not registered"),
            Status::out_of_range("past the end"),
            status(&Problem::Overloaded.into()),
        ] {
            let after = after(&foreign);
            assert_eq!((after.code(), after.message()), (foreign.code(), foreign.message()));
            assert_eq!(after.details(), foreign.details());
        }
    }
}
