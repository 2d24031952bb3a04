//! gRPC-Web and CORS, for browsers.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::Layer;
use tower_http::cors::{AllowOrigin, Any, Cors, CorsLayer};

use super::call::Calls;

/// The layers in front of the same calls.
pub(super) type Web = Cors<GrpcWebService<Calls>>;

/// Whose pages may call the server from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origins {
    /// Everybody's. No cookies and no browser's own credentials are ever asked for.
    #[default]
    Any,
    /// Those of these origins.
    Only(Vec<HeaderValue>),
}

/// How long a browser may remember what it was told; browsers cap it at two hours.
const PREFLIGHT_AGE: Duration = Duration::from_hours(2);

pub(super) fn web(origins: &Origins, calls: Calls) -> Web {
    let cors = CorsLayer::new()
        .allow_methods([Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            HeaderName::from_static("x-grpc-web"),
            HeaderName::from_static("x-user-agent"),
            HeaderName::from_static("grpc-timeout"),
        ])
        .expose_headers([
            HeaderName::from_static("grpc-status"),
            HeaderName::from_static("grpc-message"),
            HeaderName::from_static("grpc-status-details-bin"),
        ])
        .max_age(PREFLIGHT_AGE);
    let cors = match origins {
        Origins::Any => cors.allow_origin(Any),
        Origins::Only(origins) => cors.allow_origin(AllowOrigin::list(origins.clone())),
    };
    cors.layer(GrpcWebLayer::new().layer(calls))
}
