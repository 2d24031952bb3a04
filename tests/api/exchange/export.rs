//! Exports.

use spandrel::proto::v1;

use super::{EVERYTHING, P, create, export, import, native, server};

fn request(format: &str) -> v1::ExportRequest {
    v1::ExportRequest { parent: P.to_owned(), format: format.to_owned(), ..Default::default() }
}

/// The file of an export, and the same project exported again after it was imported into another one.
#[tokio::test]
async fn a_project_comes_out_as_it_went_in() {
    let (server, client) = server().await;
    import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    let name = format!("{P}/articles/ada");
    let revise =
        v1::ReviseArticleRequest { name, text: "😀 Ada Lovelace met.".to_owned(), ..Default::default() };
    client.send(revise).await.unwrap();
    let layer = format!("{P}/articles/ada/layers/alice");
    client.send(v1::SubmitLayerRequest { name: layer, ..Default::default() }).await.unwrap();
    let (files, summary) = export(&server, request("native")).await.unwrap();
    assert_eq!((summary.articles, summary.annotations, summary.losses.len()), (1, 4, 0));
    let file = files.values().next().unwrap();
    create(&client, "q").await;
    let options = v1::ImportOptions { parent: "projects/q".to_owned(), ..native() };
    let imported = import(&server, options, &[("p.jsonl", file)]).await.unwrap();
    assert_eq!((imported.problems.as_slice(), imported.summary.failed), (&[][..], 0));
    let again = v1::ExportRequest { parent: "projects/q".to_owned(), ..request("native") };
    let (copied, _) = export(&server, again).await.unwrap();
    assert_eq!(without_times(copied.values().next().unwrap()), without_times(file));
    let losses: Vec<_> = imported.summary.losses.iter().map(|loss| loss.feature.as_str()).collect();
    assert_eq!(losses, ["when a text was revised", "when a layer was submitted", "when it was last changed"]);
}

/// The lines without when things were last changed, texts revised and layers submitted, which is when they were imported.
fn without_times(file: &str) -> Vec<serde_json::Value> {
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Some(annotation) = line.get_mut("annotation").and_then(serde_json::Value::as_object_mut) {
            annotation.remove("updateTime");
        }
        if let Some(article) = line.get_mut("article").and_then(serde_json::Value::as_object_mut) {
            article.remove("updateTime").unwrap();
            article["submittedLayers"][0].as_object_mut().unwrap().remove("submitTime").unwrap();
        }
        line
    };
    file.lines().map(line).collect()
}

#[tokio::test]
async fn layers_and_filters_narrow_an_export_and_relations_go_with_what_they_use() {
    let (server, _) = server().await;
    import(&server, native(), &[("a.jsonl", EVERYTHING)]).await.unwrap();
    let count = |layers: &[&str], filter: &str| {
        let layers = layers.iter().map(|layer| (*layer).to_owned()).collect();
        let request = v1::ExportRequest { layers, filter: filter.to_owned(), ..request("native") };
        let server = &server;
        async move {
            let (_, summary) = export(server, request).await.unwrap();
            let losses: Vec<_> = summary.losses.into_iter().map(|loss| (loss.feature, loss.count)).collect();
            (summary.annotations, losses)
        }
    };
    assert_eq!(count(&[], "").await, (4, vec![]));
    assert_eq!(count(&["alice"], "").await, (3, vec![]));
    assert_eq!(count(&["alice", "default"], "").await, (4, vec![]));
    assert_eq!(count(&[], "label = \"letter\"").await, (1, vec![]));
    let lost = vec![("relations of what is left out".to_owned(), 1)];
    assert_eq!(count(&[], "score = 0.5 OR label = \"meets\"").await, (1, lost));
    assert_eq!(count(&[], "overlaps(label = \"PER\")").await, (0, vec![]));
    let refused = v1::ExportRequest { filter: "label =".to_owned(), ..request("native") };
    assert_eq!(export(&server, refused).await.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test]
async fn articles_of_any_size_are_exported_whole() {
    let (server, _) = server().await;
    let span = |n: usize| {
        format!(
            "{{\"annotation\":{{\"label\":\"PER\",\"anchor\":{{\"spans\":[{{\"utf8\":{{\"start\":{n},\"end\":{}}}}}]}}}}}}\n",
            n + 1
        )
    };
    let mut file = String::new();
    for (id, annotations, bytes) in [("long", 9_000, 1_500_000), ("none", 0, 0), ("some", 3, 5_000)] {
        let text = "x".repeat(bytes);
        file += &format!("{{\"article\":{{\"id\":\"{id}\",\"text\":\"{text}\"}}}}\n");
        file.extend((0..annotations).map(span));
    }
    let imported = import(&server, native(), &[("a.jsonl", &file)]).await.unwrap();
    assert_eq!((imported.problems.as_slice(), imported.summary.records), (&[][..], 9_006));
    let (files, summary) = export(&server, request("native")).await.unwrap();
    assert_eq!((summary.articles, summary.annotations), (3, 9_003));
    let lines = files.values().next().unwrap().lines();
    let lines: Vec<_> = lines.filter(|line| line.starts_with("{\"annotation\"")).collect();
    assert_eq!(lines.len(), 9_003);
    let distinct: std::collections::HashSet<_> = lines.iter().collect();
    assert_eq!(distinct.len(), 9_003);
}

#[tokio::test]
async fn formats_say_what_they_carry() {
    let (server, _) = server().await;
    let mut client = v1::exchange_service_client::ExchangeServiceClient::new(server.channel().await);
    let formats = client.list_formats(v1::ListFormatsRequest {}).await.unwrap().into_inner().formats;
    assert_eq!(formats.len(), 15);
    let native = &formats[0];
    assert_eq!((native.id.as_str(), native.loses.as_slice()), ("native", &[][..]));
    for format in &formats {
        assert!(!format.title.is_empty() && !format.extensions.is_empty(), "{format:?}");
        assert!(format.carries.iter().any(|feature| feature == "spans"), "{format:?}");
        assert!(
            format.reference_uri.is_empty() || format.reference_uri.starts_with("https://"),
            "{format:?}"
        );
    }
}
