//! ExchangeService.

use std::sync::Arc;

use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use super::{
    convert::exchange as convert,
    generated::exchange_service_server::ExchangeService,
    reply::{Reply, reply},
    status::{deadline_exceeded, reason, status},
};
use crate::{
    app::{
        App,
        exports::ExportEvent,
        imports::{FilePart, Import},
    },
    domain::{Error, Result},
    limits::EXCHANGE_STALL_MAX,
    proto::v1,
};

/// Messages that wait for a slow client.
const MESSAGES_AHEAD: usize = 4;

/// Files of other tools, over gRPC.
#[derive(Debug, Clone)]
pub struct Exchange {
    app: Arc<App>,
}

impl Exchange {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl ExchangeService for Exchange {
    type ImportStream = ReceiverStream<Result<v1::ImportResponse, Status>>;

    async fn import(&self, request: Request<Streaming<v1::ImportRequest>>) -> Reply<Self::ImportStream> {
        let mut requests = request.into_inner();
        let first = requests.message().await?;
        reply(async {
            let Import { parts, mut events } = self.app.import(convert::import_options(first)?)?;
            let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
            let refused = sender.clone();
            tokio::spawn(async move {
                if let Err(status) = take_in(requests, parts).await {
                    let _ = refused.send(Err(status)).await;
                }
            });
            tokio::spawn(async move {
                loop {
                    let event = tokio::select! {
                        event = events.recv() => event,
                        // Who went away may have said nothing for long.
                        () = sender.closed() => return,
                    };
                    let Some(event) = event else { return };
                    let message = event.map(|event| convert::import_event(event, reason));
                    let sending = sender.send(message.map_err(|error| status(&error)));
                    match timeout(EXCHANGE_STALL_MAX, sending).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
            });
            Ok(ReceiverStream::new(receiver))
        })
        .await
    }

    type ExportStream = ReceiverStream<Result<v1::ExportResponse, Status>>;

    async fn export(&self, request: Request<v1::ExportRequest>) -> Reply<Self::ExportStream> {
        reply(async {
            let mut events = self.app.export(convert::export_options(request.into_inner())?).await?;
            let (sender, receiver) = mpsc::channel(MESSAGES_AHEAD);
            tokio::spawn(async move {
                let mut is_last = false;
                while let Some(event) = events.recv().await {
                    is_last = !matches!(event, Ok(ExportEvent::Part(_)));
                    let message = event.map(convert::export_event).map_err(|error| status(&error));
                    // Who takes nothing for long takes the place of others.
                    match timeout(EXCHANGE_STALL_MAX, sender.send(message)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return,
                    }
                }
                if !is_last {
                    let _ = sender.send(Err(status(&Error::corrupt("an export broke off")))).await;
                }
            });
            Ok(ReceiverStream::new(receiver))
        })
        .await
    }

    async fn list_formats(&self, request: Request<v1::ListFormatsRequest>) -> Reply<v1::ListFormatsResponse> {
        reply(async {
            let v1::ListFormatsRequest {} = request.into_inner();
            Ok(convert::formats())
        })
        .await
    }
}

/// Hands on the files that a client sends.
async fn take_in(
    mut requests: Streaming<v1::ImportRequest>,
    parts: mpsc::Sender<FilePart>,
) -> Result<(), Status> {
    loop {
        let waiting = timeout(EXCHANGE_STALL_MAX, requests.message());
        let request = waiting.await.map_err(|_| deadline_exceeded(EXCHANGE_STALL_MAX))??;
        let Some(request) = request else { return Ok(()) };
        let part = convert::file_part(request).map_err(|error| status(&error))?;
        // The import has ended, and says why.
        if parts.send(part).await.is_err() {
            return Ok(());
        }
    }
}
