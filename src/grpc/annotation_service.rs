//! AnnotationService.

use std::sync::Arc;

use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};

use super::{
    convert::annotations as convert,
    encoded::Encoded,
    generated::annotation_service_server::AnnotationService,
    reply::{Reply, reply},
    status::status,
};
use crate::{
    app::{
        App, annotation_commits::Write, annotation_reads::StreamCursor, answers::AnswerKey,
        projects::ProjectHandle, selection::Selection,
    },
    domain::{Error, Result, ids::AnnotationName, revisions::Revision},
    proto::v1,
    store::engine::Attempt,
};

/// Messages of a stream that wait for a slow client.
const STREAM_MESSAGES_AHEAD: usize = 1;

/// Annotations over gRPC.
#[derive(Debug, Clone)]
pub struct Annotations {
    app: Arc<App>,
}

type Streamed = Result<Encoded<v1::StreamAnnotationsResponse>, Status>;

impl Annotations {
    /// The service over `app`.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    async fn write(&self, write: Write, attempt: Attempt) -> Result<v1::Annotation> {
        let project = write.article.parent();
        let uid = self.app.project(&project)?.uid;
        let written = self.app.commit_annotations(&project, vec![write], attempt).await?;
        let first = written.value.first().ok_or_else(|| Error::corrupt("a commit answered nothing"))?;
        Ok(convert::written(first, uid))
    }
}

#[tonic::async_trait]
impl AnnotationService for Annotations {
    async fn create_annotation(
        &self,
        request: Request<v1::CreateAnnotationRequest>,
    ) -> Reply<v1::Annotation> {
        reply(async {
            let (write, attempt) = convert::create(request.into_inner())?;
            self.write(write, attempt).await
        })
        .await
    }

    async fn get_annotation(
        &self,
        request: Request<v1::GetAnnotationRequest>,
    ) -> Reply<Encoded<v1::Annotation>> {
        reply(async {
            let v1::GetAnnotationRequest { name } = request.into_inner();
            let key = AnswerKey::new("GetAnnotation", name);
            if let Some(kept) = self.app.answers().get(&key) {
                return Ok(Encoded::Bytes(kept));
            }
            let name = AnnotationName::parse("name", key.text())?;
            let (bytes, seen) = self.app.get_annotation(&name).await?;
            self.app.answers().keep(key, seen, bytes.clone());
            Ok(Encoded::Bytes(bytes))
        })
        .await
    }

    async fn list_annotations(
        &self,
        request: Request<v1::ListAnnotationsRequest>,
    ) -> Reply<Encoded<v1::ListAnnotationsResponse>> {
        reply(async {
            let request = request.into_inner();
            let key = AnswerKey::new("ListAnnotations", request.encode_to_vec());
            if let Some(kept) = self.app.answers().get(&key) {
                return Ok(Encoded::Bytes(kept));
            }
            let (page, seen) = self.app.list_annotations(&convert::list(request)?).await?;
            let bytes = convert::page(page);
            self.app.answers().keep(key, seen, bytes.clone());
            Ok(Encoded::Bytes(bytes))
        })
        .await
    }

    async fn update_annotation(
        &self,
        request: Request<v1::UpdateAnnotationRequest>,
    ) -> Reply<v1::Annotation> {
        reply(async {
            let (write, attempt) = convert::update(request.into_inner())?;
            self.write(write, attempt).await
        })
        .await
    }

    async fn delete_annotation(&self, request: Request<v1::DeleteAnnotationRequest>) -> Reply<()> {
        reply(async {
            let (write, attempt) = convert::delete(request.into_inner())?;
            self.write(write, attempt).await.map(drop)
        })
        .await
    }

    async fn batch_create_annotations(
        &self,
        request: Request<v1::BatchCreateAnnotationsRequest>,
    ) -> Reply<v1::BatchCreateAnnotationsResponse> {
        reply(async {
            let (project, writes, attempt) = convert::create_batch(request.into_inner())?;
            let uid = self.app.project(&project)?.uid;
            let created = self.app.commit_annotations(&project, writes, attempt).await?;
            Ok(convert::created(&created, uid))
        })
        .await
    }

    async fn commit_annotations(
        &self,
        request: Request<v1::CommitAnnotationsRequest>,
    ) -> Reply<v1::CommitAnnotationsResponse> {
        reply(async {
            let (project, writes, attempt) = convert::commit(request.into_inner())?;
            let uid = self.app.project(&project)?.uid;
            let committed = self.app.commit_annotations(&project, writes, attempt).await?;
            Ok(convert::committed(&committed, uid))
        })
        .await
    }

    type StreamAnnotationsStream = ReceiverStream<Streamed>;

    async fn stream_annotations(
        &self,
        request: Request<v1::StreamAnnotationsRequest>,
    ) -> Reply<Self::StreamAnnotationsStream> {
        reply(async {
            let (project, selection) = convert::stream(request.into_inner())?;
            let project = self.app.project(&project)?;
            let (sender, receiver) = mpsc::channel(STREAM_MESSAGES_AHEAD);
            let app = Arc::clone(&self.app);
            tokio::spawn(async move {
                if let Err(error) = stream(&app, &project, &selection, &sender).await {
                    let _ = sender.send(Err(status(&error))).await;
                }
            });
            Ok(ReceiverStream::new(receiver))
        })
        .await
    }
}

/// Sends a project's annotations until they or the client come to an end.
async fn stream(
    app: &App,
    project: &ProjectHandle,
    selection: &Arc<Selection>,
    sender: &mpsc::Sender<Streamed>,
) -> Result<()> {
    let mut cursor = Some(StreamCursor::START);
    let mut sent_revision = Revision(0);
    while let Some(from) = cursor {
        // A stream that finds nothing to send would not notice otherwise that nobody waits for it.
        let chunk = tokio::select! {
            biased;
            () = sender.closed() => return Ok(()),
            chunk = app.stream_annotations(project, selection, from) => chunk?,
        };
        let (annotations, next) = chunk.value;
        // An empty project is answered, too: with the revision that it was empty at.
        let last_word = next.is_none() && sent_revision < chunk.revision;
        if !annotations.is_empty() || last_word {
            let message = Encoded::Bytes(convert::chunk(annotations, chunk.revision));
            if sender.send(Ok(message)).await.is_err() {
                return Ok(());
            }
            sent_revision = chunk.revision;
        }
        cursor = next;
    }
    Ok(())
}
