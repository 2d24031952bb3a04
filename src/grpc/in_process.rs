//! A server without sockets: requests are handed over as values, and meet all that one from a connection meets.

use std::{fmt, sync::Arc};

use http::{Request, Response};
use tonic::body::Body;
use tonic_health::ServingStatus;

use super::{
    call::{Calls, Gate},
    dispatch::Dispatch,
    drain::Drain,
    health::Health,
    server::{ServeError, ServerConfig},
    services::{RequestBody, Services},
    web,
};

/// Answers requests of this process.
#[derive(Clone)]
pub struct InProcess {
    dispatch: Dispatch,
}

impl InProcess {
    /// A server that serves `services`, with health and reflection added. Of `config` it takes what is about calls,
    /// and nothing of what is about connections and threads.
    ///
    /// # Errors
    ///
    /// [`ServeError::Descriptors`].
    pub async fn start(config: &ServerConfig, services: Services) -> Result<Self, ServeError> {
        let health = Health::new();
        let gate = Arc::new(Gate::new(config.calls_in_flight_max, Drain::default()));
        let calls = Calls::new(health.with_health(services)?, gate, config.begin_max);
        health.tell(ServingStatus::Serving).await;
        let dispatch = Dispatch::new(calls.clone(), web::web(&config.origins, calls));
        Ok(Self { dispatch })
    }

    /// The answer to a request. On a runtime with its timers enabled.
    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        match self.dispatch.answer(request, RequestBody::web).await {
            Ok(answer) => answer.map(Body::new),
            Err(never) => match never {},
        }
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}
