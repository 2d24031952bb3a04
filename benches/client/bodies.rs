//! Request messages in files, for a load generator that knows no protos.

use std::{fs, path::PathBuf};

use prost::Message;
use spandrel::proto::v1::{
    CommitAnnotationsRequest, GetAnnotationRequest, ListAnnotationsRequest, StreamAnnotationsRequest, Write,
    write::Op,
};

use crate::{
    Result,
    books::{self, BOOK_ANNOTATIONS, PAGE_ANNOTATIONS},
    connection::{Connection, by_utf8, create},
    fill,
};

/// Bytes of a window.
const WINDOW_BYTES: u32 = 1_000;

/// What `bodies` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Bodies {
    /// Where the files go
    folder: PathBuf,
    /// The filled project
    #[arg(long, default_value = "bench")]
    project: String,
}

impl Bodies {
    pub(crate) async fn run(self, server: &str) -> Result<()> {
        let Self { folder, project } = self;
        fs::create_dir_all(&folder)?;
        let write =
            |name: &str, message: Vec<u8>| fs::write(folder.join(name).with_extension("bin"), message);

        let parent = format!("projects/{project}");
        let article = |number| format!("{parent}/articles/{}", fill::article_id(number));
        let name = format!("{}/annotations/{}", article(0), fill::annotation_id(7));
        write("get", GetAnnotationRequest { name }.encode_to_vec())?;
        let range = fill::text(0).words[5];
        write("create", create(&article(0), String::new(), 0, range).encode_to_vec())?;
        // Five articles of twenty annotations, as they come from a model.
        let creates = (1..6).flat_map(|number| {
            let ranges: Vec<_> = fill::text(number).ranges(0, 20).collect();
            let name = article(number);
            ranges
                .into_iter()
                .enumerate()
                .map(move |(index, range)| create(&name, String::new(), index, range))
        });
        let writes = creates.map(|create| Write { op: Some(Op::Create(create)) }).collect();
        let commit = CommitAnnotationsRequest {
            parent: parent.clone(),
            writes,
            validate_only: false,
            request_id: String::new(),
        };
        write("commit-100", commit.encode_to_vec())?;
        let stream = StreamAnnotationsRequest { parent, ..StreamAnnotationsRequest::default() };
        write("stream", stream.encode_to_vec())?;

        let page = books::page_name(0);
        let list = ListAnnotationsRequest { parent: page.clone(), page_size: 200, ..Default::default() };
        write("list-200", list.encode_to_vec())?;
        for (kind, name, prose) in
            [("book", books::book_name(), books::book()), ("page", page, books::page(0))]
        {
            let middle = prose.words.len() / 2;
            let start = prose.words[middle].0;
            let end = prose.words[middle..].iter().find(|word| word.1 >= start + WINDOW_BYTES).unwrap().1;
            let window = ListAnnotationsRequest {
                parent: name,
                page_size: 200,
                overlaps: Some(by_utf8((start, end))),
                ..Default::default()
            };
            write(&format!("window-{kind}"), window.encode_to_vec())?;
        }
        let connection = Connection::open(server).await?;
        for (kind, name, annotations) in
            [("book", books::book_name(), BOOK_ANNOTATIONS), ("page", books::page_name(0), PAGE_ANNOTATIONS)]
        {
            let mut page = ListAnnotationsRequest { parent: name, page_size: 50, ..Default::default() };
            for _ in 0..annotations / 50 / 2 {
                let answer = connection.annotations().list_annotations(page.clone()).await?.into_inner();
                page.page_token = answer.next_page_token;
            }
            write(&format!("middle-{kind}"), page.encode_to_vec())?;
        }
        println!(r#"{{"name":"bodies","folder":{:?}}}"#, folder.display().to_string());
        Ok(())
    }
}
