//! Any request against the whole server: gRPC, gRPC-Web and what is neither. It never panics, never says that it does
//! not know what happened, and each refusal says why with a published reason.

use std::{sync::OnceLock, time::Duration};

use arbitrary::{Result, Unstructured};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use prost::Message;
use prost_reflect::MethodDescriptor;
use spandrel::{limits::STATUS_BYTES_MAX, proto::v1::ErrorReason};
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt;

use super::{
    fixture::{self, Fixture},
    messages::{self, Words},
};

/// The one answer that never ends: it is left alone once it says nothing for a while.
const ENDLESS: &str = "grpc.health.v1.Health.Watch";
const ENDLESS_SILENCE_MAX: Duration = Duration::from_millis(20);
/// How long any other may say nothing before it ends, on a machine that has much to do.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Sends one request, and looks at the answer.
pub fn check(data: &[u8]) {
    let input = &mut Unstructured::new(data);
    let words = words();
    // Input that ends early asks nothing at all.
    let Ok((method, request)) = request(input, words) else { return };
    fixture::with(|fixture| fixture::block_on(ask(fixture, &method, request)));
}

/// Etags and tokens that the fixture gives out; each of them holds the same rows.
fn words() -> &'static Words {
    static WORDS: OnceLock<Words> = OnceLock::new();
    WORDS.get_or_init(|| {
        let (etags, page_tokens) = fixture::with(|fixture| fixture::block_on(fixture.words()));
        Words { etags, page_tokens }
    })
}

/// What a request is, beside its bytes.
struct Sent {
    method: MethodDescriptor,
    /// Whether it is well-formed up to its message.
    well_formed: bool,
    shown: String,
}

fn request(input: &mut Unstructured<'_>, words: &Words) -> Result<(Sent, Request<Body>)> {
    let method = input.choose(messages::methods())?.clone();
    let odd = input.ratio(1, 4)?;
    let kind = input.int_in_range(0..=3)?;
    let mut web_text = false;
    let mut request = Request::builder().version(Version::HTTP_2).method(Method::POST);
    let mut path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    if odd {
        request = odd_headers(input, request)?;
        if input.ratio(1, 8)? {
            path.push_str(input.choose(&["/", "x", "/../", "%00", "?a=b"])?);
        }
        if input.ratio(1, 8)? {
            path = "/".to_owned();
        }
    }
    let content_type = match input.int_in_range(0..=7)? {
        0 => "application/grpc+proto",
        1 => "application/grpc-web",
        2 => "application/grpc-web+proto",
        3 => {
            web_text = true;
            "application/grpc-web-text"
        }
        4 if odd => {
            *input.choose(&["application/grpc+json", "text/plain", "application/grpc-web+json", ""])?
        }
        _ => "application/grpc",
    };
    if !content_type.is_empty() {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    let (body, shown) = body(input, words, &method, kind)?;
    let body = if web_text && input.ratio(7, 8)? { STANDARD.encode(body).into_bytes() } else { body };
    let request =
        request.uri(path).body(Body::new(Full::from(body))).map_err(|_| arbitrary::Error::IncorrectFormat)?;
    let shown = format!("{} {:?} {shown}", request.uri(), request.headers());
    Ok((Sent { method, well_formed: !odd && kind != 0, shown }, request))
}

/// A request's body, and how it reads.
fn body(
    input: &mut Unstructured<'_>,
    words: &Words,
    method: &MethodDescriptor,
    kind: u8,
) -> Result<(Vec<u8>, String)> {
    if kind == 0 {
        // Anything, framed well or not at all.
        let raw: bool = input.arbitrary()?;
        let bytes = input.take_rest_or(256)?;
        let body = if raw { bytes } else { fixture::framed(&bytes) };
        return Ok((body.clone(), format!("{body:02x?}")));
    }
    let message = messages::message(input, words, &method.input(), 0)?;
    let mut bytes = message.encode_to_vec();
    if kind == 1 {
        for _ in 0..input.int_in_range(1..=4)? {
            if !bytes.is_empty() {
                let at = input.choose_index(bytes.len())?;
                bytes[at] = input.arbitrary()?;
            }
        }
    }
    let mut body = fixture::framed(&bytes);
    if input.ratio(1, 32)? {
        body.extend(fixture::framed(&bytes));
    }
    Ok((body, format!("{message:?}")))
}

/// The bytes that are left, up to a number of them.
trait TakeRest {
    fn take_rest_or(&mut self, most: usize) -> Result<Vec<u8>>;
}

impl TakeRest for Unstructured<'_> {
    fn take_rest_or(&mut self, most: usize) -> Result<Vec<u8>> {
        let length = self.len().min(most);
        self.bytes(length).map(<[u8]>::to_vec)
    }
}

fn odd_headers(
    input: &mut Unstructured<'_>,
    mut request: http::request::Builder,
) -> Result<http::request::Builder> {
    const HEADERS: [(&str, &[&str]); 10] = [
        ("grpc-timeout", &["0n", "1S", "100H", "99999999H", "-1S", "", "1", "1x", "123456789S"]),
        ("grpc-encoding", &["gzip", "identity", "zstd", "", "x"]),
        ("grpc-accept-encoding", &["gzip", "identity,gzip", ""]),
        ("te", &["trailers", ""]),
        ("origin", &["https://example.com", "null"]),
        ("access-control-request-method", &["POST", "GET"]),
        ("access-control-request-headers", &["grpc-timeout", "x"]),
        ("x-grpc-web", &["1"]),
        ("accept", &["application/grpc-web-text", "*/*"]),
        ("grpc-status", &["0", "13"]),
    ];
    for _ in 0..input.int_in_range(0..=3)? {
        let (name, values) = *input.choose(&HEADERS)?;
        let value = if input.ratio(1, 8)? { input.arbitrary::<&str>()? } else { *input.choose(values)? };
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            request = request.header(HeaderName::from_static(name), value);
        }
    }
    if input.ratio(1, 4)? {
        let method = input.choose(&[Method::GET, Method::OPTIONS, Method::PUT, Method::HEAD])?;
        request = request.method(method.clone());
    }
    if input.ratio(1, 4)? {
        request = request.version(Version::HTTP_11);
    }
    Ok(request)
}

async fn ask(fixture: &Fixture, sent: &Sent, request: Request<Body>) {
    let answer = fixture.answer(request).await;
    let code = answer.status();
    let content_type = answer.headers().get(header::CONTENT_TYPE).cloned();
    let content_type = content_type.as_ref().map_or("", |value| value.to_str().unwrap());
    assert!(
        !code.is_server_error() || code == StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        "{code}: {}",
        sent.shown
    );
    if !content_type.starts_with("application/grpc") {
        // A page, a preflight, or what is no gRPC: said in plain words.
        assert!(!sent.well_formed, "{code} {content_type}: {}", sent.shown);
        return;
    }
    let is_endless = sent.method.full_name() == ENDLESS;
    let silence_max = if is_endless { ENDLESS_SILENCE_MAX } else { SILENCE_MAX };
    let (status, ended) = status(answer, content_type, silence_max).await;
    assert!(ended || is_endless, "it does not end: {}", sent.shown);
    let Some(status) = status else {
        assert!(!ended, "no status: {}", sent.shown);
        return;
    };
    if status.code() == Code::Ok {
        let writes = ["Create", "Update", "Delete", "Commit", "BatchCreate", "Revise", "Import"];
        if writes.iter().any(|write| sent.method.name().starts_with(write)) {
            fixture::written();
        }
        return;
    }
    check_refusal(sent, &status);
}

fn check_refusal(sent: &Sent, status: &Status) {
    let (code, shown) = (status.code(), &sent.shown);
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).unwrap();
    // An answer that is nothing but a status has its other headers in it, too.
    let own = headers.iter().filter(|(name, _)| name.as_str().starts_with("grpc-"));
    let bytes: usize = own.map(|(name, value)| name.as_str().len() + value.len()).sum();
    assert!(bytes <= STATUS_BYTES_MAX, "{bytes} bytes: {status:?}: {shown}");
    assert!(
        !matches!(code, Code::Internal | Code::Unknown | Code::DataLoss | Code::Cancelled),
        "{status:?}: {shown}"
    );
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        assert!(is_said_by_the_transport(sent, code), "no reason: {status:?}: {shown}");
        return;
    };
    assert_eq!(info.domain, "spandrel", "{status:?}: {shown}");
    let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason));
    assert!(reason.is_some_and(|reason| reason != ErrorReason::Unspecified), "{status:?}: {shown}");
    assert!(!status.message().is_empty(), "{status:?}: {shown}");
}

/// What has no reason of ours, since it is no refusal of ours: a method that is not there or a compression that is not
/// supported, for both of which the protocol has UNIMPLEMENTED, and the health's and the reflection's own NOT_FOUND
/// and the like, which their protocols name.
fn is_said_by_the_transport(sent: &Sent, code: Code) -> bool {
    let service = sent.method.parent_service();
    let is_of_grpc = service.full_name().starts_with("grpc.");
    code == Code::Unimplemented || is_of_grpc && matches!(code, Code::NotFound | Code::InvalidArgument)
}

/// The status of an answer, if it has come, and whether the answer has come to its end before it was silent for long.
async fn status(answer: Response<Body>, content_type: &str, silence_max: Duration) -> (Option<Status>, bool) {
    let (head, mut body) = answer.into_parts();
    let mut status = Status::from_header_map(&head.headers);
    let mut data = Vec::new();
    let mut ended = false;
    while let Ok(frame) = tokio::time::timeout(silence_max, body.frame()).await {
        match frame {
            None => {
                ended = true;
                break;
            }
            Some(Err(error)) => {
                // What an HTTP/2 connection makes of it is a reset stream, which clients call INTERNAL.
                panic!("an answer breaks off: {error:?}");
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => data.extend_from_slice(&bytes),
                Err(frame) => status = frame.trailers_ref().and_then(Status::from_header_map).or(status),
            },
        }
    }
    if status.is_none() && content_type.starts_with("application/grpc-web") {
        let data = if content_type.contains("-text") { decoded(&data) } else { data };
        status = web_trailers(data.into());
    }
    (status, ended)
}

/// What stands in several Base64 texts, each with its padding, behind each other.
fn decoded(text: &[u8]) -> Vec<u8> {
    text.chunks(4).flat_map(|quad| STANDARD.decode(quad).unwrap_or_default()).collect()
}

/// The status in the last frame of a gRPC-Web answer.
fn web_trailers(mut data: Bytes) -> Option<Status> {
    while data.len() >= 5 {
        let (flag, length) = (data[0], u32::from_be_bytes(data[1..5].try_into().unwrap()));
        let length = usize::try_from(length).unwrap();
        let frame = data.split_off(5);
        if frame.len() < length {
            return None;
        }
        data = frame;
        let rest = data.split_off(length);
        if flag & 0x80 != 0 {
            let mut headers = HeaderMap::new();
            for line in data.split(|byte| *byte == b'\n') {
                let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
                let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
                headers
                    .insert(HeaderName::from_bytes(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
            }
            return Status::from_header_map(&headers);
        }
        data = rest;
    }
    None
}
