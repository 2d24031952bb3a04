//! Clients of a server, and the requests that they share.

use spandrel::proto::v1::{
    Anchor, Annotation, CreateAnnotationRequest, CreateProjectRequest, Range, Span, annotation::Target,
    annotation_service_client::AnnotationServiceClient, article_service_client::ArticleServiceClient,
    project_service_client::ProjectServiceClient,
};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use crate::Result;

/// What a client takes of an answer.
const ANSWER_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection(Channel);

impl Connection {
    pub(crate) async fn open(server: &str) -> Result<Self> {
        Ok(Self(Endpoint::from_shared(server.to_owned())?.tcp_nodelay(true).connect().await?))
    }

    pub(crate) fn channel(&self) -> Channel {
        self.0.clone()
    }

    pub(crate) fn articles(&self) -> ArticleServiceClient<Channel> {
        ArticleServiceClient::new(self.0.clone())
    }

    pub(crate) fn annotations(&self) -> AnnotationServiceClient<Channel> {
        AnnotationServiceClient::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Creates a project unless it is there.
    pub(crate) async fn project(&self, id: &str) -> Result<()> {
        let request = CreateProjectRequest { project_id: id.to_owned(), ..CreateProjectRequest::default() };
        match ProjectServiceClient::new(self.0.clone()).create_project(request).await {
            Err(status) if status.code() != Code::AlreadyExists => Err(status.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// A span by its bytes.
pub(crate) fn by_utf8((start, end): (u32, u32)) -> Span {
    Span { utf8: Some(Range { start, end }), ..Span::default() }
}

/// Creates an annotation of `parent` over one span; its number chooses layer and label.
pub(crate) fn create(parent: &str, id: String, number: usize, bytes: (u32, u32)) -> CreateAnnotationRequest {
    const LABELS: [&str; 8] = ["PER", "ORG", "LOC", "DATE", "WORK", "EVENT", "MONEY", "boilerplate"];
    const LAYERS: [&str; 3] = ["", "alice", "spacy-3.8"];
    CreateAnnotationRequest {
        parent: parent.to_owned(),
        annotation_id: id,
        annotation: Some(Annotation {
            layer: LAYERS[number % LAYERS.len()].to_owned(),
            label: LABELS[number % LABELS.len()].to_owned(),
            target: Some(Target::Anchor(Anchor { spans: vec![by_utf8(bytes)] })),
            ..Annotation::default()
        }),
        validate_only: false,
        request_id: String::new(),
    }
}
