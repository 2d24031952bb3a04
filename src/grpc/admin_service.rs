//! The operator's service.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::{
    convert::backups as convert,
    generated::admin_service_server::AdminService,
    reply::{Reply, reply},
    status::{deadline_exceeded, status},
};
use crate::{
    app::{App, backup::Backup},
    limits::BACKUP_STALL_MAX,
    proto::v1,
};

/// Messages of a backup that wait for a slow client.
const BACKUP_MESSAGES_AHEAD: usize = 4;

/// What an operator does, over gRPC.
#[derive(Debug, Clone)]
pub struct Admin {
    app: Arc<App>,
}

type Streamed = Result<v1::BackupResponse, Status>;

impl Admin {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    type BackupStream = ReceiverStream<Streamed>;

    async fn backup(&self, request: Request<v1::BackupRequest>) -> Reply<Self::BackupStream> {
        reply(async {
            let v1::BackupRequest {} = request.into_inner();
            let backup = self.app.back_up()?;
            let (sender, receiver) = mpsc::channel(BACKUP_MESSAGES_AHEAD);
            tokio::spawn(async move {
                if let Err(status) = stream(backup, &sender).await {
                    let _ = sender.send(Err(status)).await;
                }
            });
            Ok(ReceiverStream::new(receiver))
        })
        .await
    }
}

/// Sends a backup until it or the client comes to an end.
async fn stream(mut backup: Backup, sender: &mpsc::Sender<Streamed>) -> Result<(), Status> {
    let mut messages = convert::Messages::default();
    loop {
        let part = tokio::select! {
            part = backup.next() => part.map_err(|error| status(&error))?,
            // Who went away needs neither the rest nor the place that the backup takes.
            () = sender.closed() => return Ok(()),
        };
        let Some(part) = part else { return Ok(()) };
        for message in messages.of(part) {
            match tokio::time::timeout(BACKUP_STALL_MAX, sender.send(Ok(message))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => {
                    tracing::warn!(
                        "a backup ends, for its client took nothing of it for {BACKUP_STALL_MAX:?}"
                    );
                    // Should it go on reading, it learns that what it has is not whole.
                    return Err(deadline_exceeded(BACKUP_STALL_MAX));
                }
            }
        }
    }
}
