//! ChangeService.

use std::{pin::Pin, sync::Arc};

use tokio_stream::Stream;
use tonic::{Request, Status};

use super::{
    convert::changes as convert,
    drain::Drain,
    encoded::Encoded,
    generated::change_service_server::ChangeService,
    reply::{Reply, reply},
    status::status,
};
use crate::{
    app::{App, watch::Watch},
    domain::Result,
    proto::v1,
};

/// Changes over gRPC.
#[derive(Debug, Clone)]
pub struct Changes {
    app: Arc<App>,
    drain: Drain,
}

type Streamed = Result<Encoded<v1::WatchChangesResponse>, Status>;

impl Changes {
    /// The service over `app`, whose streams say their last word when `drain` begins.
    #[must_use]
    pub fn new(app: Arc<App>, drain: Drain) -> Self {
        Self { app, drain }
    }
}

#[tonic::async_trait]
impl ChangeService for Changes {
    type WatchChangesStream = Pin<Box<dyn Stream<Item = Streamed> + Send>>;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Reply<Self::WatchChangesStream> {
        reply(async {
            let watch = self.app.watch(convert::watch(request.into_inner())?).await?;
            let stream = Watching { watch, drain: self.drain.clone() };
            let events: Self::WatchChangesStream = Box::pin(stream.events());
            Ok(events)
        })
        .await
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Reply<Encoded<v1::ListChangesResponse>> {
        reply(async {
            let page = self.app.list_changes(&convert::list(request.into_inner())?).await?;
            Ok(Encoded::Bytes(convert::page(page)))
        })
        .await
    }

    async fn undo_commit(
        &self,
        request: Request<v1::UndoCommitRequest>,
    ) -> Reply<Encoded<v1::UndoCommitResponse>> {
        reply(async {
            let (project, revision, attempt) = convert::undo(request.into_inner())?;
            let undone = self.app.undo_commit(&project, revision, attempt).await?;
            Ok(Encoded::Bytes(convert::undone(undone)))
        })
        .await
    }
}

/// A watch until its end.
struct Watching {
    watch: Watch,
    drain: Drain,
}

enum Next {
    Event,
    Refusal,
    Nothing,
}

impl Watching {
    /// What is told, as it is asked for: a client that takes nothing costs nothing.
    fn events(self) -> impl Stream<Item = Streamed> + Send {
        futures_util::stream::unfold((self, Next::Event), |(mut watching, next)| async move {
            match next {
                Next::Event => {
                    let Self { watch, drain } = &mut watching;
                    let (event, next) = tokio::select! {
                        biased;
                        () = drain.begun() => (watch.farewell(), Next::Refusal),
                        event = watch.next() => (event.map(Some), Next::Event),
                    };
                    Some(match event {
                        Ok(Some(event)) => (Ok(Encoded::Bytes(convert::event(event))), (watching, next)),
                        Ok(None) => (Err(status(&Drain::refusal())), (watching, Next::Nothing)),
                        Err(error) => (Err(status(&error)), (watching, Next::Nothing)),
                    })
                }
                Next::Refusal => Some((Err(status(&Drain::refusal())), (watching, Next::Nothing))),
                Next::Nothing => None,
            }
        })
    }
}
