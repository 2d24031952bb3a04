//! The streams of an import and of an export.

use std::collections::BTreeMap;

use spandrel::proto::v1::{
    self, exchange_service_client::ExchangeServiceClient, export_response, import_request::Payload,
    import_response,
};
use tonic::Status;

use crate::support::Server;

/// What an import answered.
#[derive(Debug, Default)]
pub(super) struct Imported {
    pub(super) progress: Vec<v1::ImportProgress>,
    /// `path:line REASON message`
    pub(super) problems: Vec<String>,
    pub(super) summary: v1::ExchangeSummary,
}

/// Options for the project `p` and the native format.
pub(super) fn native() -> v1::ImportOptions {
    v1::ImportOptions { parent: super::P.to_owned(), format: "native".to_owned(), ..Default::default() }
}

/// Imports files, in parts of some bytes.
pub(super) async fn import(
    server: &Server,
    options: v1::ImportOptions,
    files: &[(&str, &str)],
) -> Result<Imported, Status> {
    let mut requests = vec![v1::ImportRequest { payload: Some(Payload::Options(options)) }];
    for (path, contents) in files {
        requests.extend(chunks(path, contents.as_bytes(), true));
    }
    send(server, requests).await
}

/// The chunks of a file, whose last one says so if it is whole.
pub(super) fn chunks(path: &str, contents: &[u8], whole: bool) -> Vec<v1::ImportRequest> {
    const BYTES: usize = 100;
    let count = contents.len().div_ceil(BYTES).max(1);
    let chunk = |index: usize| {
        let start = index * BYTES;
        let data = contents[start..contents.len().min(start + BYTES)].to_vec();
        let last = whole && index + 1 == count;
        let chunk =
            v1::FileChunk { path: path.to_owned(), offset: u64::try_from(start).unwrap(), data, last };
        v1::ImportRequest { payload: Some(Payload::Chunk(chunk)) }
    };
    (0..count).map(chunk).collect()
}

/// Sends the messages of an import.
pub(super) async fn send(server: &Server, requests: Vec<v1::ImportRequest>) -> Result<Imported, Status> {
    let mut client = ExchangeServiceClient::new(server.channel().await);
    let mut events = client.import(tokio_stream::iter(requests)).await?.into_inner();
    let mut imported = Imported::default();
    let mut ended = false;
    while let Some(response) = events.message().await? {
        assert!(!ended, "something comes after the summary: {response:?}");
        match response.event.unwrap() {
            import_response::Event::Progress(progress) => imported.progress.push(progress),
            import_response::Event::Problem(v1::Problem { path, line, reason, message }) => {
                imported.problems.push(format!("{path}:{line} {reason} {message}"));
            }
            import_response::Event::Summary(summary) => {
                imported.summary = summary;
                ended = true;
            }
        }
    }
    assert!(ended, "an import ends with its summary");
    Ok(imported)
}

/// What an export answers: its files by path, and its summary.
pub(super) async fn export(
    server: &Server,
    request: v1::ExportRequest,
) -> Result<(BTreeMap<String, String>, v1::ExchangeSummary), Status> {
    let mut client = ExchangeServiceClient::new(server.channel().await);
    let mut events = client.export(request).await?.into_inner();
    let (mut files, mut open) = (BTreeMap::<String, Vec<u8>>::new(), BTreeMap::new());
    let mut summary = None;
    while let Some(response) = events.message().await? {
        assert!(summary.is_none());
        match response.event.unwrap() {
            export_response::Event::Chunk(v1::FileChunk { path, offset, data, last }) => {
                let file: &mut Vec<u8> = open.entry(path.clone()).or_default();
                assert_eq!(offset, u64::try_from(file.len()).unwrap());
                file.extend(data);
                if last {
                    let file = open.remove(&path).unwrap();
                    assert!(files.insert(path, file).is_none());
                }
            }
            export_response::Event::Summary(last) => summary = Some(last),
        }
    }
    assert!(open.is_empty());
    let files = files.into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap()));
    Ok((files.collect(), summary.unwrap()))
}
